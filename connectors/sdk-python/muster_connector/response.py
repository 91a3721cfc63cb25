"""What the app answered, and what each status means to the operation."""

import json
from typing import Any, Self

from .refusal import Conflict, Misconfigured, Rejected, RetryLater, Unsupported

#: How much of what the app said is passed on, in characters.
SAID = 300

#: Where apps put their message, most telling first.
MESSAGES = ("message", "errorSummary", "detail", "error_description", "error", "errors", "title")


class Response:
    """An answer of the app."""

    def __init__(
        self, asked: str, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        self._asked = asked
        self.status = status
        #: Names in lower case, and values.
        self.headers = headers
        self.body = body

    def checked(self) -> Self:
        """The answer; or the refusal, where no connector can make anything of it."""
        if self.status == 401:
            raise Misconfigured(self._sentence("does not accept the credentials of"))
        if self.status == 501:
            raise Unsupported(self._sentence("does not support"))
        # Some apps tell their secondary rate limits with 403.
        limited = self.status == 403 and self.header("retry-after") is not None
        if limited or self.status in (408, 425, 429) or self.status >= 500:
            raise self._later()
        return self

    def success(self) -> Self:
        """The answer, if it is one of the 200s; raises the refusal that fits otherwise."""
        if 200 <= self.status < 300:
            return self
        if 300 <= self.status < 400:
            raise Misconfigured(self._sentence("redirects"))
        if self.status == 403:
            raise Misconfigured(self._sentence("does not permit"))
        if self.status == 409:
            raise Conflict(self._sentence("sees a conflict in"))
        raise Rejected(self._sentence("refused"))

    def found(self) -> Self | None:
        """As `success`, but None where there is no such thing (404, 410)."""
        return None if self.status in (404, 410) else self.success()

    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON. What cannot be read is `Misconfigured`."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            text = f"The app's answer {self.status} to {self._asked} cannot be read: {error}."
            raise Misconfigured(text) from None

    def entries(self, field: str) -> list[Any]:
        """The list in this field of the body; the body itself where the field is empty."""
        body = self.json()
        entries = body.get(field) if field and isinstance(body, dict) else body
        if not isinstance(entries, list):
            raise Misconfigured(f"The app's answer to {self._asked} has no list {quoted(field)}.")
        return entries

    def header(self, name: str) -> str | None:
        """The value of a header, by its lower-case name."""
        return next((value for known, value in self.headers if known == name), None)

    def _later(self) -> RetryLater:
        # RFC 9110 §10.2.3 allows a date too; a connector has no clock to compare it with.
        after = (self.header("retry-after") or "").strip()
        seconds = after.isascii() and after.isdigit() and len(after) < 10
        return RetryLater(int(after) if seconds else None)

    def _sentence(self, verb: str) -> str:
        said = what_it_said(self.text())
        return f"The app {verb} {self._asked} ({self.status}){f': {said}' if said else '.'}"


def id_in(entry: Any, field: str) -> str:
    """The id in a JSON object of the app's, be it text or number."""
    found = entry.get(field) if isinstance(entry, dict) else None
    if isinstance(found, str | int) and not isinstance(found, bool) and found != "":
        return str(found)
    raise Misconfigured(f"The app's answer has no id {quoted(field)}.")


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def what_it_said(text: str) -> str:
    """What the app said, shortened: its message, or its text unless that is a web page."""
    try:
        words = message(json.loads(text)) or ""
    except ValueError:
        words = "" if text.lstrip().startswith("<") else text
    words = " ".join(words.split())
    return words if len(words) <= SAID else f"{words[:SAID]}…"


def message(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return message(value[0]) if value else None
    if isinstance(value, dict):
        inside = (message(value.get(name)) for name in MESSAGES)
        return next((found for found in inside if found is not None), None)
    return None
