"""The app as a decision sees it: the recorded responses, and the next request."""

from dataclasses import dataclass

from .refusal import Misconfigured, Refusal, RetryLater
from .request import Request
from .response import Response


class Waiting(Refusal):
    """A request has no response yet. Catching this has no effect: the request is made in any
    case."""


@dataclass
class Exchange:
    """A request to the app, and its response or the reason why there is none."""

    request: Request
    answer: Response | str


class App:
    """The app: takes requests and returns responses.

    There is no connection behind it. If the journal has a response, it is returned at once. If not,
    the method ends there; muster performs the request, records the response, and calls the method
    again from its beginning.
    """

    def __init__(self, exchanges: list[Exchange]) -> None:
        self._recorded = exchanges
        self._asked = 0
        self._wanted: Request | None = None

    def send(self, request: Request) -> Response:
        """Performs a request that must succeed, and returns its 2xx response.

        Any other response refuses the event: 409 as `Conflict`, 429 and 5xx as `RetryLater`, 401
        and 403 as `Misconfigured`, any other 4xx as `Rejected`, each with the app's message.
        """
        return self.ask(request).success()

    def ask(self, request: Request) -> Response:
        """The same, but 3xx and 4xx responses (except 401) are returned too."""
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
        """The request without a recorded response; None if the decision is complete."""
        if self._wanted is None and self._asked < len(self._recorded):
            known = len(self._recorded)
            raise RuntimeError(f"ended after {self._asked} calls where the journal has {known}")
        return self._wanted


def diverges(asked: Request, recorded: Request) -> str | None:
    """The parts that differ, without their values, which may be personal data."""
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
