//! The two-state connector, for apps in which a user is in an organisation or not.
//!
//! It works with any small REST API in which users have one account and belong to organisations.
//! Deactivation removes the user from this organisation and keeps the account, which may be in
//! others. An existing account with the same address is linked. The profile of an account is changed,
//! and the account deleted, only if muster says that it is the tenant's own and no other organisation has it.

mod person;
mod settings;
#[cfg(test)]
mod tests;

use muster_connector::{
    App, Connector, Context, Decision, GroupEvent, Membership, Organization, Outcome, Request,
    UserEvent,
};

use person::{Person, Pushed, active};

pub use settings::{DeleteAccount, Fields, Settings, UpdateProfile};

/// The connector.
pub struct TwoState;

muster_connector::export!(TwoState, manifest: "manifest.json");

impl Connector for TwoState {
    type Settings = Settings;

    fn create(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let member = context.account.as_ref().is_some_and(|it| it.membership != Membership::Absent);
        match (event.user.active, member) {
            (true, _) => Person { app, context, event }.join(),
            (false, true) => Person { app, context, event }.leave(),
            (false, false) => Ok(context.unchanged("Not active: kept in mind, and not added.")),
        }
    }

    fn update(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let mut person = Person { app, context, event };
        match &context.account {
            None if event.user.active => person.join(),
            None => Ok(context.unchanged("Not active: kept in mind, and not added.")),
            Some(account) if account.membership == Membership::Absent => {
                Ok(context.unchanged("Not a member: the profile is sent when the person returns."))
            }
            Some(account) => match person.push(account)? {
                Pushed::Vanished => {
                    person.join_with_new_account("The account was gone from the app; ")
                }
                Pushed::Unchanged => {
                    let note = "Nothing that the app keeps has changed.";
                    Ok(Outcome::new(active(account), note))
                }
                Pushed::Done(note) => Ok(Outcome::new(active(account), note)),
            },
        }
    }

    fn activate(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        Person { app, context, event }.join()
    }

    fn deactivate(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &UserEvent,
    ) -> Decision {
        Person { app, context, event }.leave()
    }

    fn delete(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let mut person = Person { app, context, event };
        let left = person.leave()?;
        match &left.account {
            // Nothing is known about other organisations of an account that was only found.
            Some(account) if context.account.is_some() && person.is_unused(account)? => {
                let path = person.user_path(&account.id)?;
                person.app.ask(Request::delete("app", path))?.found()?;
                let note =
                    "Taken out of the organisation; the account was in no other, and is deleted.";
                Ok(Outcome::new(None, note))
            }
            _ => Ok(left),
        }
    }

    fn group_create(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &GroupEvent,
    ) -> Decision {
        self.group_update(app, context, event)
    }

    fn group_update(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &GroupEvent,
    ) -> Decision {
        context.settings.teams.update(app, target(context), context.account.as_ref(), event)
    }

    fn group_delete(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &GroupEvent,
    ) -> Decision {
        context.settings.teams.delete(app, target(context), context.account.as_ref(), event)
    }
}

pub(crate) fn organization(context: &Context<Settings>) -> &str {
    context.settings.organization.as_deref().unwrap_or(&context.tenant)
}

fn target(context: &Context<Settings>) -> Organization<'_> {
    Organization { endpoint: "app", id: organization(context) }
}
