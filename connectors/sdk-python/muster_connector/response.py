"""Responses of the app, and the refusal that each status becomes."""

import json
from typing import Any, Self

from .refusal import Conflict, Misconfigured, Rejected, RetryLater, Unsupported

#: Characters of the app's message in a refusal.
MESSAGE_LENGTH = 300

#: The fields of error documents that hold a message, the most specific first.
MESSAGES = ("message", "errorSummary", "detail", "error_description", "error", "errors", "title")


class Response:
    """A response of the app."""

    def __init__(
        self, asked: str, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        self._asked = asked
        self.status = status
        #: Names in lower case, and values.
        self.headers = headers
        self.body = body

    def checked(self) -> Self:
        """The response. Raises a refusal if a connector cannot do anything about it."""
        if self.status == 401:
            raise Misconfigured(self._sentence("does not accept the credentials of"))
        if self.status == 501:
            raise Unsupported(self._sentence("does not support"))
        # Some apps answer 403 when a secondary rate limit is exceeded.
        limited = self.status == 403 and self.header("retry-after") is not None
        if limited or self.status in (408, 425, 429) or self.status >= 500:
            raise self._later()
        return self

    def success(self) -> Self:
        """The response if its status is 2xx. Raises the refusal that fits otherwise."""
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
        """As `success`, but None for 404 and 410."""
        return None if self.status in (404, 410) else self.success()

    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON. Another body is `Misconfigured`."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            text = f"The app's answer {self.status} to {self._asked} cannot be read: {error}."
            raise Misconfigured(text) from None

    def entries(self, field: str) -> list[Any]:
        """The list in this field of the body. If the field is empty, the body itself is the list."""
        body = self.json()
        entries = body.get(field) if field and isinstance(body, dict) else body
        if not isinstance(entries, list):
            raise Misconfigured(f"The app's answer to {self._asked} has no list {quoted(field)}.")
        return entries

    def header(self, name: str) -> str | None:
        """The value of a header, by its lower-case name."""
        return next((value for known, value in self.headers if known == name), None)

    def _later(self) -> RetryLater:
        # RFC 9110 §10.2.3 also allows a date, but a connector has no clock to compare it with.
        after = (self.header("retry-after") or "").strip()
        seconds = after.isascii() and after.isdigit() and len(after) < 10
        return RetryLater(int(after) if seconds else None)

    def _sentence(self, verb: str) -> str:
        words = app_message(self.text())
        return f"The app {verb} {self._asked} ({self.status}){f': {words}' if words else '.'}"


def id_in(entry: Any, field: str) -> str:
    """The id in a JSON object of the app, a string or a number, as text."""
    found = entry.get(field) if isinstance(entry, dict) else None
    if isinstance(found, str | int) and not isinstance(found, bool) and found != "":
        return str(found)
    raise Misconfigured(f"The app's answer has no id {quoted(field)}.")


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def app_message(text: str) -> str:
    """The app's message, shortened: the message in its JSON, or its text unless it is a web page."""
    try:
        words = message(json.loads(text)) or ""
    except ValueError:
        words = "" if text.lstrip().startswith("<") else text
    words = " ".join(words.split())
    return words if len(words) <= MESSAGE_LENGTH else f"{words[:MESSAGE_LENGTH]}…"


def message(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return message(value[0]) if value else None
    if isinstance(value, dict):
        inside = (message(value.get(name)) for name in MESSAGES)
        return next((found for found in inside if found is not None), None)
    return None
