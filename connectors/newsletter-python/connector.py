"""A connector for an app with a list of readers: a person is on it, or not."""

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
        before = context.account
        if before is None or before.membership != "active":
            return context.unchanged("Not on the list; what changed is pushed on return.")
        after = put(app, context, event)
        if after.id != before.id:
            take_off(app, context, before)
        return Outcome(after, "Brought the list up to date.")

    def activate(self, app: App, context: Context, event: UserEvent) -> Outcome:
        return Outcome(put(app, context, event), "Put back on the list.")

    def deactivate(self, app: App, context: Context, event: UserEvent) -> Outcome:
        account = context.account
        if account is None:
            return context.unchanged("Never was on the list.")
        take_off(app, context, account)
        return Outcome(replace(account, membership="absent"), "Taken off the list.")

    def delete(self, app: App, context: Context, event: UserEvent) -> Outcome:
        return self.deactivate(app, context, event)


def put(app: App, context: Context, event: UserEvent) -> Account:
    """Puts a person on the list, or tells it what they are called now: the app does not mind."""
    if event.address is None:
        raise Rejected("The person has no e-mail address, which the list needs.")
    name = event.user.display_name or event.user.user_name
    app.send(Request.put("app", place(context, event.address), json={"name": name}))
    return Account(event.address, "active")


def take_off(app: App, context: Context, account: Account) -> None:
    """Takes a person off the list. That they are not on it (404) is just as well."""
    app.ask(Request.delete("app", place(context, account.id))).found()


def place(context: Context, address: str) -> str:
    return path("lists", context.settings["list"], "readers", address)


connector = Newsletter()
