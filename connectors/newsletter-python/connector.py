"""The connector newsletter: a user is on the app's list of readers, or not."""

from dataclasses import replace

from muster_connector import (
    Account,
    App,
    Connector,
    Context,
    Outcome,
    Rejected,
    Request,
    UserEvent,
    path,
)


class Newsletter(Connector):
    def create(self, app: App, context: Context, event: UserEvent) -> Outcome:
        if not event.user.active:
            return context.unchanged("Not active yet, and so not on the list.")
        return Outcome(put(app, context, event), "Put on the list.")

    def update(self, app: App, context: Context, event: UserEvent) -> Outcome:
        if context.account is None or context.account.membership != "active":
            return context.unchanged("Not on the list; what changed is pushed on return.")
        return Outcome(put(app, context, event), "Brought the list up to date.")

    def activate(self, app: App, context: Context, event: UserEvent) -> Outcome:
        return Outcome(put(app, context, event), "Put back on the list.")

    def deactivate(self, app: App, context: Context, event: UserEvent) -> Outcome:
        account = context.account
        if account is None and event.address is not None:
            # If the answer to an earlier request was lost, the user is on the list nevertheless.
            account = Account(event.address, "absent")
        if account is None:
            return context.unchanged("Never was on the list.")
        remove(app, context, account)
        return Outcome(replace(account, membership="absent"), "Taken off the list.")

    def delete(self, app: App, context: Context, event: UserEvent) -> Outcome:
        return self.deactivate(app, context, event)


def put(app: App, context: Context, event: UserEvent) -> Account:
    """Adds a user to the list, or updates their name: for the app it is the same request.

    If the list has another address of the user, removes that one.
    """
    if event.address is None:
        raise Rejected("The person has no e-mail address, which the list needs.")
    name = event.user.display_name or event.user.user_name
    app.send(Request.put("app", reader_path(context, event.address), json={"name": name}))
    before = context.account
    if before is not None and before.id != event.address:
        remove(app, context, before)
    return Account(event.address, "active")


def remove(app: App, context: Context, account: Account) -> None:
    """Removes a user from the list. 404 means that they are not on it, and is fine."""
    app.ask(Request.delete("app", reader_path(context, account.id))).found()


def reader_path(context: Context, address: str) -> str:
    return path("lists", context.settings["list"], "readers", address)


connector = Newsletter()
