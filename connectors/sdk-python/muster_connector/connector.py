"""The class that a connector implements: one method for each kind of event."""

from typing import Any, NoReturn

from .app import App
from .event import Context, GroupEvent, Outcome, UserEvent
from .refusal import Refusal, Unsupported


class Connector:
    """A connector: what each event means in the app.

    A method is called from its beginning after every call to the app, with one more recorded
    response, and must return the same for the same arguments. A method that is not implemented
    refuses the event as unsupported, except `release`, which leaves the account as it is.

    Every event asserts a state, and can arrive twice: the response to an earlier request may have
    been lost.
    """

    def create(self, app: App, context: Context, event: UserEvent) -> Outcome:
        """A user joins; `event.user.active` says whether they may sign in."""
        unsupported("creating people")

    def update(self, app: App, context: Context, event: UserEvent) -> Outcome:
        """A user's attributes changed, and `active` did not."""
        unsupported("updating people")

    def activate(self, app: App, context: Context, event: UserEvent) -> Outcome:
        """A user may sign in again. `event.changes` lists all attributes."""
        unsupported("activating people")

    def deactivate(self, app: App, context: Context, event: UserEvent) -> Outcome:
        """A user may no longer sign in. Changed attributes come again with `activate`.

        Without `context.account`, an earlier request may have added the user: look them up.
        """
        unsupported("deactivating people")

    def delete(self, app: App, context: Context, event: UserEvent) -> Outcome:
        """The identity provider deleted the user. Without `context.account`, as for `deactivate`."""
        unsupported("deleting people")

    def release(self, app: App, context: Context, event: UserEvent) -> Outcome:
        """muster stops managing this user."""
        return context.unchanged("The integration ended; the account stays as it is.")

    def password(self, app: App, context: Context, event: UserEvent) -> Outcome:
        """The password changed; `event.password` is a placeholder for it."""
        unsupported("setting passwords")

    def group_create(self, app: App, context: Context, event: GroupEvent) -> Outcome:
        """A group was created, with the members in `event.joined`."""
        unsupported("groups")

    def group_update(self, app: App, context: Context, event: GroupEvent) -> Outcome:
        """A group's name, attributes or members changed.

        If the app no longer has the team, create it again and return its new id.
        """
        unsupported("groups")

    def group_delete(self, app: App, context: Context, event: GroupEvent) -> Outcome:
        """A group was deleted. Without `context.account`, look the team up by its name."""
        unsupported("groups")


def unsupported(what: str) -> NoReturn:
    raise Unsupported(f"The connector does not support {what}.")


def decide(
    connector: Connector, app: App, context: Context, event: UserEvent | GroupEvent
) -> Outcome | Refusal:
    """The result of the connector's method, or its refusal."""
    try:
        outcome: Any = getattr(connector, event.kind.replace("-", "_"))(app, context, event)
    except Refusal as refusal:
        return refusal
    if not isinstance(outcome, Outcome):
        raise TypeError(f"{event.kind} must return an Outcome, not {type(outcome).__name__}")
    return outcome


def completed(schema: dict[str, Any], given: Any) -> Any:
    """The settings, with the manifest's defaults for those that are not set."""
    if given is None:
        given = schema.get("default")
    if "properties" not in schema or not isinstance(given, dict | None):
        return given
    settings = dict(given or {})
    for name, inner in schema["properties"].items():
        value = completed(inner, settings.get(name))
        if value is not None:
            settings[name] = value
    return settings
