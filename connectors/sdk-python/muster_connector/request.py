"""Requests to the app, and their paths."""

import json as _json
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode


class Request:
    """A request to the app, at an endpoint that the manifest names.

    `json` is a JSON body, `form` a form body, `body` any other. The same value must give the same
    text each time, so it must not contain a set. `headers` are about media types, conditions or
    preferences; one beginning with `x-` needs the operator's leave.
    """

    def __init__(
        self,
        method: str,
        endpoint: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        self.method = method
        self.endpoint = endpoint
        self.path = path
        self.query = [(name, str(value)) for name, value in (query or {}).items()]
        self.headers = [(name, str(value)) for name, value in (headers or {}).items()]
        self.body = body
        if json is not None:
            text = _json.dumps(json, ensure_ascii=False, separators=(",", ":"))
            self._send(text, "application/json")
        elif form is not None:
            self._send(urlencode(form, quote_via=quote, safe=""), "application/x-www-form-urlencoded")

    def _send(self, text: str, kind: str) -> None:
        self.body = text.encode()
        self.headers.append(("content-type", kind))

    @classmethod
    def get(cls, endpoint: str, path: str, **options: Any) -> Self:
        return cls("GET", endpoint, path, **options)

    @classmethod
    def post(cls, endpoint: str, path: str, **options: Any) -> Self:
        return cls("POST", endpoint, path, **options)

    @classmethod
    def put(cls, endpoint: str, path: str, **options: Any) -> Self:
        return cls("PUT", endpoint, path, **options)

    @classmethod
    def patch(cls, endpoint: str, path: str, **options: Any) -> Self:
        return cls("PATCH", endpoint, path, **options)

    @classmethod
    def delete(cls, endpoint: str, path: str, **options: Any) -> Self:
        return cls("DELETE", endpoint, path, **options)

    def __str__(self) -> str:
        """Method and path: `PUT /users/7`."""
        return f"{self.method} {self.path}"


def path(*segments: str | int) -> str:
    """A path of segments, each percent-encoded. An empty segment is an error."""
    texts = [str(segment) for segment in segments if segment is not None]
    if len(texts) < len(segments) or "" in texts:
        raise ValueError(f"an empty segment in the path {segments}")
    return "".join(f"/{quote(text, safe='')}" for text in texts)
