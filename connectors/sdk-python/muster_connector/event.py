"""Events, contexts and outcomes."""

import json
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Literal

#: `active`: in the organisation, and able to sign in. `suspended`: in the organisation, and not able
#: to sign in. `absent`: not in the organisation.
Membership = Literal["active", "suspended", "absent"]


@dataclass(frozen=True)
class Account:
    """The account of a user or a group in the app."""

    #: The app's own id, at most 512 bytes.
    id: str
    membership: Membership
    #: The connector's own notes: JSON of at most 16 KiB, included in later events.
    notes: Any = None


@dataclass(frozen=True)
class Outcome:
    """The result of an operation: the account afterwards, and a sentence for the journal.

    Without an account, the user is absent.
    """

    account: Account | None
    note: str
    #: Removes the resource from the identity provider's view: it reads 404.
    gone: bool = False


@dataclass(frozen=True)
class Context:
    """What a decision may depend on in addition to the event. It is the same for each decision of
    an operation."""

    #: The operation's id, which is never used again.
    operation: str
    #: The tenant: one customer organisation's integration with the app.
    tenant: str
    #: The time when the operation began, RFC 3339 in UTC. `time.time()` is the same time.
    now: str
    #: A random number, the same for each decision of the operation.
    seed: int
    #: The settings of app and tenant, with the manifest's defaults.
    settings: dict[str, Any]
    #: The SCIM resource that the app was last told; None if it was told none.
    before: dict[str, Any] | None
    #: The account, if one is known. On `create`, the account of a user who is returning.
    account: Account | None
    #: The number of the app's other tenants in which this same account is a member. At least 1 unless the
    #: account, known or found, is the tenant's own. If it is not 0, change neither the profile nor the password
    #: of the account, and do not delete it.
    elsewhere: int

    def unchanged(self, note: str) -> Outcome:
        """An outcome that leaves the account as it is."""
        return Outcome(self.account, note)


@dataclass(frozen=True)
class User:
    """A typed view of a SCIM User."""

    id: str
    user_name: str
    external_id: str | None
    display_name: str | None
    given_name: str | None
    family_name: str | None
    email: str | None
    active: bool


@dataclass(frozen=True)
class Group:
    """A typed view of a SCIM Group, without its members."""

    id: str
    display_name: str
    external_id: str | None


@dataclass(frozen=True)
class Member:
    """A member that joined or left a group."""

    id: str
    name: str
    account: Account | None


@dataclass(frozen=True)
class _Event:
    kind: str
    #: The top-level attributes that changed; empty for a create.
    changes: list[str]
    _text: str

    @cached_property
    def resource(self) -> dict[str, Any]:
        """The whole SCIM resource in canonical form."""
        return json.loads(self._text)

    def attribute(self, path: str) -> Any:
        """An attribute, by its SCIM path: `title`, `name.givenName`, `urn:…:User:department`."""
        schema, attribute = split(path)
        within = self.resource if schema is None else self.resource.get(schema)
        return reduce(inside, attribute.split("."), within)

    def changed(self, path: str) -> bool:
        """Whether the attribute changed. For `name.givenName`, whether `name` changed."""
        schema, attribute = split(path)
        top = attribute.split(".")[0]
        return any(split(change) == (schema, top) for change in self.changes)


@dataclass(frozen=True)
class UserEvent(_Event):
    """A change of a user."""

    #: The user after the event.
    user: User
    #: A placeholder for the password that was set, for the fields that the manifest's `passwords`
    #: lists.
    password: str | None

    @property
    def address(self) -> str | None:
        """The user's e-mail address; if there is none, the `userName` if it contains `@`."""
        name = self.user.user_name
        return self.user.email or (name if "@" in name else None)


@dataclass(frozen=True)
class GroupEvent(_Event):
    """A change of a group."""

    #: The group after the event.
    group: Group
    #: The members that joined, at most 100. A larger change arrives as several events.
    joined: list[Member]
    #: The members that left, at most 100, as above.
    left: list[Member]


def inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def split(path: str) -> tuple[str | None, str]:
    """Splits `urn:…:User:department` into the schema and the attribute."""
    schema, colon, attribute = path.rpartition(":")
    return (schema if colon else None, attribute)
