"""The component that a host loads: the interface, implemented by a connector. Only a build imports
it."""

import json
import traceback
from typing import Any

from componentize_py_types import Err, Ok
from wit_world.imports import log
from wit_world.imports import types as wit

from .app import App, Exchange
from .connector import Connector, completed, decide
from .event import Account, Context, Group, GroupEvent, Member, Outcome, User, UserEvent
from .refusal import (
    Conflict,
    Forbidden,
    Misconfigured,
    Refusal,
    Rejected,
    RetryLater,
    Unsupported,
)
from .request import Request
from .response import Response

#: Bytes of a note: `wit/types.wit`, `outcome`.
NOTE = 1024

REFUSALS = {
    Rejected: wit.Refusal_Rejected,
    Conflict: wit.Refusal_Conflict,
    Forbidden: wit.Refusal_Forbidden,
    Unsupported: wit.Refusal_Unsupported,
    Misconfigured: wit.Refusal_Misconfigured,
}


def lifecycle(connector: Connector, manifest: str) -> type:
    """The class that implements the interface. The toolchain finds it by its name."""
    settings = json.loads(manifest).get("settings", {})

    class Lifecycle:
        def describe(self) -> str:
            return manifest

        def decide(
            self, context: wit.Context, event: wit.Event, exchanges: list[wit.Exchange]
        ) -> wit.Step:
            try:
                return step(connector, settings, context, event, exchanges)
            except Err:
                raise
            except BaseException as error:
                log.log(log.Level.ERROR, described(error))
                raise

    return Lifecycle


def step(
    connector: Connector,
    settings: dict[str, Any],
    context: wit.Context,
    event: wit.Event,
    exchanges: list[wit.Exchange],
) -> wit.Step:
    app = App([exchange_of(exchange) for exchange in exchanges])
    answer = decide(connector, app, context_of(context, settings), event_of(event))
    wanted = app.finish()
    if wanted is not None:
        return wit.Step_Call(wit.Request(
            wanted.endpoint,
            wanted.method,
            wanted.path,
            wanted.query,
            wanted.headers,
            wanted.body,
        ))
    if isinstance(answer, Refusal):
        raise Err(raw_refusal(answer))
    return wit.Step_Done(raw_outcome(answer))


def described(error: BaseException) -> str:
    """The error and its place: `ValueError: no, at create (newsletter.py:12)`."""
    what = "".join(traceback.format_exception_only(error)).strip()
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return what
    place = frames[-1]
    return f"{what}, at {place.name} ({place.filename.rsplit('/', 1)[-1]}:{place.lineno})"


def raw_refusal(refusal: Refusal) -> wit.Refusal:
    if isinstance(refusal, RetryLater):
        return wit.Refusal_RetryLater(refusal.seconds)
    for kind, raw in REFUSALS.items():
        if isinstance(refusal, kind):
            return raw(str(refusal))
    raise TypeError(f"{type(refusal).__name__} is not one of muster's refusals")


def raw_outcome(outcome: Outcome) -> wit.Outcome:
    account = outcome.account and wit.Account(
        outcome.account.id,
        wit.Membership[outcome.account.membership.upper()],
        json.dumps(outcome.account.notes, ensure_ascii=False, separators=(",", ":")),
    )
    visibility = wit.Visibility.GONE if outcome.gone else wit.Visibility.PRESENT
    return wit.Outcome(account, visibility, cut(outcome.note))


def cut(note: str) -> str:
    """The note, shortened to the limit between two characters."""
    raw = note.encode()
    return note if len(raw) <= NOTE else f"{raw[: NOTE - 3].decode(errors='ignore')}…"


def account_of(raw: wit.Account | None) -> Account | None:
    return raw and Account(raw.id, word(raw.membership), json.loads(raw.data))


def context_of(raw: wit.Context, settings: dict[str, Any]) -> Context:
    return Context(
        raw.operation,
        raw.tenant,
        raw.now,
        raw.seed,
        completed(settings, json.loads(raw.settings)),
        None if raw.before is None else json.loads(raw.before),
        account_of(raw.account),
        raw.elsewhere,
    )


def event_of(raw: wit.Event) -> UserEvent | GroupEvent:
    kind, about = word(raw.kind), raw.subject.value
    if isinstance(raw.subject, wit.Subject_User):
        return UserEvent(kind, raw.changes, raw.resource, User(**vars(about)), raw.password)
    joined, left = [[member_of(member) for member in some] for some in (raw.joined, raw.left)]
    return GroupEvent(kind, raw.changes, raw.resource, Group(**vars(about)), joined, left)


def member_of(raw: wit.Member) -> Member:
    return Member(raw.id, raw.name, account_of(raw.account))


def exchange_of(raw: wit.Exchange) -> Exchange:
    about = raw.request
    request = Request(about.method, about.endpoint, about.path, body=about.body)
    request.query, request.headers = list(about.query), list(about.headers)
    if isinstance(raw.response, Ok):
        got = raw.response.value
        return Exchange(request, Response(str(request), got.status, got.headers, got.body))
    too_large = isinstance(raw.response.value, wit.Unreachable_TooLarge)
    return Exchange(request, "too-large" if too_large else "unreachable")


def word(case: Any) -> Any:
    """`group-create` for `GROUP_CREATE`."""
    return case.name.lower().replace("_", "-")
