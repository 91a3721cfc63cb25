"""Why an operation cannot be finished. Each becomes a SCIM error whose `detail` is the text."""


class Refusal(Exception):
    """Why an operation cannot be finished: raise one of those below."""


class Rejected(Refusal):
    """The app says no for good. 400 `invalidValue`."""


class Conflict(Refusal):
    """Somebody else in the app has this name or address. 409 `uniqueness`."""


class Forbidden(Refusal):
    """It must not be done, to a protected account for instance. 403."""


class Unsupported(Refusal):
    """The app has no such thing. 501."""


class RetryLater(Refusal):
    """The app cannot be reached, or asks to wait: if known, for so many seconds."""

    def __init__(self, seconds: int | None = None) -> None:
        super().__init__("The app cannot be reached, or asks to wait.")
        self.seconds = seconds


class Misconfigured(Refusal):
    """The app's settings or credentials are wrong. 500; the operation waits for the operator."""
