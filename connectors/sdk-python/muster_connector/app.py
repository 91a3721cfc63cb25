"""The app, as a decision sees it: what it answered so far, and what it is to be asked next."""

from dataclasses import dataclass

from .refusal import Misconfigured, Refusal, RetryLater
from .request import Request
from .response import Response


class Waiting(Refusal):
    """The app has been asked something that is not answered yet. Whoever catches this gains
    nothing: the request is made."""


@dataclass
class Exchange:
    """One request and what came of it: an answer, or why there is none."""

    request: Request
    answer: Response | str


class App:
    """The app: give it a request, and go on with the answer.

    There is no connection behind it. Where the journal has the answer, it is returned at once;
    where it does not, the method ends there, muster performs the request, writes the answer down,
    and asks the connector again from the beginning.
    """

    def __init__(self, exchanges: list[Exchange]) -> None:
        self._recorded = exchanges
        self._asked = 0
        self._wanted: Request | None = None

    def send(self, request: Request) -> Response:
        """Performs a request that has to succeed, and returns its answer of the 200s.

        Anything else refuses the event in the way that fits: 409 as `Conflict`, 429 and 5xx as
        `RetryLater`, 401 and 403 as `Misconfigured`, any other 4xx as `Rejected`, each with what
        the app said.
        """
        return self.ask(request).success()

    def ask(self, request: Request) -> Response:
        """The same, but what the app answers with 3xx and 4xx (beside 401) is to be looked at."""
        if self._wanted is not None:
            raise Waiting
        if self._asked == len(self._recorded):
            self._wanted = request
            raise Waiting
        exchange = self._recorded[self._asked]
        self._asked += 1
        divergence = diverges(request, exchange.request)
        if divergence is not None:
            raise RuntimeError(f"call {self._asked}: {divergence}")
        if exchange.answer == "too-large":
            raise Misconfigured(f"The app's answer to {request} is larger than muster takes.")
        if isinstance(exchange.answer, str):
            raise RetryLater
        return exchange.answer.checked()

    def finish(self) -> Request | None:
        """The request that nothing is recorded for; None when the decision got to its end."""
        if self._wanted is None and self._asked < len(self._recorded):
            known = len(self._recorded)
            raise RuntimeError(f"ended after {self._asked} calls where the journal has {known}")
        return self._wanted


def diverges(asked: Request, recorded: Request) -> str | None:
    """What differs, without the values: they may hold personal data."""
    parts = {
        "endpoint": asked.endpoint == recorded.endpoint,
        "query": asked.query == recorded.query,
        "set of headers": asked.headers == recorded.headers,
        "body": asked.body == recorded.body,
    }
    others = [f", with another {part}" for part, equal in parts.items() if not equal]
    same = str(asked) == str(recorded)
    if same and not others:
        return None
    return f"asked for {asked} where the journal has {recorded}{''.join(others) if same else ''}"
