"""What happened, what is known beside it, and what came of it."""

import json
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Literal

#: In the organisation and able to sign in, in it and not able to, or not in it.
Membership = Literal["active", "suspended", "absent"]


@dataclass(frozen=True)
class Account:
    """A person's or a group's presence in the app."""

    #: The app's own id, at most 512 bytes.
    id: str
    membership: Membership
    #: Notes of the connector's own: JSON of at most 16 KiB, given back with every event.
    notes: Any = None


@dataclass(frozen=True)
class Outcome:
    """What came of an event: the account as it is now, and a sentence for the journal."""

    account: Account | None
    note: str
    #: The identity provider no longer finds the resource (404).
    gone: bool = False


@dataclass(frozen=True)
class Context:
    """What is known beside the event; the same each time an operation is asked about."""

    #: The operation's id, unique for ever.
    operation: str
    #: The tenant: one customer organisation's integration with the app.
    tenant: str
    #: When the operation began, in RFC 3339 with UTC. `time.time()` says the same.
    now: str
    #: Randomness for whoever needs it.
    seed: int
    #: The settings of app and tenant, with the manifest's defaults.
    settings: dict[str, Any]
    #: The SCIM resource as it stood before the event; none for a create.
    before: dict[str, Any] | None
    #: The account, where one is known. On create: of a person who was here before.
    account: Account | None
    #: In how many other tenants of the same app this very account is a member.
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
    """Somebody who joined or left a group."""

    id: str
    name: str
    account: Account | None


@dataclass(frozen=True)
class _Event:
    kind: str
    #: The top-level attributes that differ from before; empty on create.
    changes: list[str]
    _text: str

    @cached_property
    def resource(self) -> dict[str, Any]:
        """The whole SCIM resource, canonical."""
        return json.loads(self._text)

    def attribute(self, path: str) -> Any:
        """An attribute, by its SCIM path: `title`, `name.givenName`, `urn:…:User:department`."""
        schema, attribute = split(path)
        within = self.resource if schema is None else self.resource.get(schema)
        return reduce(inside, attribute.split("."), within)

    def changed(self, path: str) -> bool:
        """Whether the attribute differs from before; of `name.givenName`, whether `name` does."""
        schema, attribute = split(path)
        top = attribute.split(".")[0]
        return any(split(change) == (schema, top) for change in self.changes)


@dataclass(frozen=True)
class UserEvent(_Event):
    """What happened to a person."""

    #: The person after the event.
    user: User
    #: A stand-in for the password that was set; it belongs in a JSON or form body.
    password: str | None

    @property
    def address(self) -> str | None:
        """The person's e-mail address; their `userName` where it is one and there is no other."""
        name = self.user.user_name
        return self.user.email or (name if "@" in name else None)


@dataclass(frozen=True)
class GroupEvent(_Event):
    """What happened to a group."""

    #: The group after the event.
    group: Group
    #: Who joined; at most 100, a larger change arrives as several events.
    joined: list[Member]
    #: Who left; at most 100, as above.
    left: list[Member]


def inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def split(path: str) -> tuple[str | None, str]:
    """`urn:…:User:department` in its schema and its attribute."""
    schema, colon, attribute = path.rpartition(":")
    return (schema if colon else None, attribute)
