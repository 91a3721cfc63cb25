"""Refusals: why an operation cannot be finished. Each becomes a SCIM error with its text."""


class Refusal(Exception):
    """Why an operation cannot be finished. Raise one of its subclasses."""


class Rejected(Refusal):
    """The app rejects the change. 400 `invalidValue`."""


class Conflict(Refusal):
    """Another account in the app has this name or address. 409 `uniqueness`."""


class Forbidden(Refusal):
    """The change is not allowed, for example because the account is protected. 403."""


class Unsupported(Refusal):
    """The app does not support the change. 501."""


class RetryLater(Refusal):
    """The app cannot be reached, or asks to wait, for this many seconds if known."""

    def __init__(self, seconds: int | None = None) -> None:
        super().__init__("The app cannot be reached, or asks to wait.")
        self.seconds = seconds


class Misconfigured(Refusal):
    """The app's settings or credentials are wrong. 500; the operation stays open for the operator."""
