//! The three-state connector: in the app, an account is active, suspended or not there.
//!
//! For any app with a small REST API in which an organisation has accounts that can be suspended. A
//! leaver's account is suspended, a returner's resumed. An account that the organisation already has
//! for the same address is linked, and at first left as it is but for its state.

mod person;
mod settings;
#[cfg(test)]
mod tests;

use muster_connector::{
    App, Connector, Context, Decision, GroupEvent, Membership, Outcome, Place, UserEvent,
};

use person::Person;

pub use settings::{Fields, OnDelete, Settings};

/// The connector.
pub struct ThreeState;

muster_connector::export!(ThreeState, manifest: "manifest.json");

impl Connector for ThreeState {
    type Settings = Settings;

    fn create(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let mut person = Person { app, context, event };
        match &context.account {
            None => person.make(),
            Some(account) => person.take_back(account),
        }
    }

    fn update(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let mut person = Person { app, context, event };
        let Some(account) = &context.account else { return person.make() };
        match person.push(account)? {
            Some(note) => Ok(Outcome::new(person.settled(account, account.membership), note)),
            None => person.make_again(),
        }
    }

    fn activate(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let mut person = Person { app, context, event };
        let Some(account) = &context.account else { return person.make() };
        if !person.set(&account.id, Membership::Active)? {
            return person.make_again();
        }
        match person.push(account)? {
            Some(note) => {
                let note = format!("Resumed the account. {note}");
                Ok(Outcome::new(person.settled(account, Membership::Active), note))
            }
            None => person.make_again(),
        }
    }

    fn deactivate(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &UserEvent,
    ) -> Decision {
        Person { app, context, event }.suspend("Suspended the account.")
    }

    fn delete(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let mut person = Person { app, context, event };
        match context.settings.on_delete {
            OnDelete::Delete => person.delete(),
            OnDelete::Suspend => person.suspend("Suspended the account in place of deleting it."),
        }
    }

    fn group_create(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &GroupEvent,
    ) -> Decision {
        context.settings.teams.create(app, place(context), event)
    }

    fn group_update(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &GroupEvent,
    ) -> Decision {
        context.settings.teams.update(app, place(context), context.account.as_ref(), event)
    }

    fn group_delete(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &GroupEvent,
    ) -> Decision {
        context.settings.teams.delete(app, place(context), context.account.as_ref(), event)
    }
}

pub(crate) fn organization(context: &Context<Settings>) -> &str {
    context.settings.organization.as_deref().unwrap_or(&context.tenant)
}

fn place(context: &Context<Settings>) -> Place<'_> {
    Place { endpoint: "app", organization: organization(context) }
}
