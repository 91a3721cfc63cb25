"""The SDK for muster connectors: what a change of a user means in an app.

Only `muster_connector.component` needs WebAssembly.
"""

from .app import App
from .connector import Connector
from .event import Account, Context, Group, GroupEvent, Member, Membership, Outcome, User, UserEvent
from .refusal import (
    Conflict,
    Forbidden,
    Misconfigured,
    Refusal,
    Rejected,
    RetryLater,
    Unsupported,
)
from .request import Request, path
from .response import Response, id_in

__all__ = [
    "Account",
    "App",
    "Conflict",
    "Connector",
    "Context",
    "Forbidden",
    "Group",
    "GroupEvent",
    "Member",
    "Membership",
    "Misconfigured",
    "Outcome",
    "Refusal",
    "Rejected",
    "Request",
    "Response",
    "RetryLater",
    "Unsupported",
    "User",
    "UserEvent",
    "id_in",
    "path",
]
