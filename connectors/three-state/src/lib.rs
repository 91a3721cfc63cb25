//! The three-state connector, for apps in which an account is active, suspended or absent.
//!
//! It works with any small REST API in which an organisation has accounts that can be suspended.
//! Deactivation suspends the account and activation resumes it. An account that the organisation
//! already has for the same address is linked: its state is managed. Its profile is changed, and the account
//! deleted, only if muster says that it is the tenant's own.

mod person;
mod settings;
#[cfg(test)]
mod tests;

use muster_connector::{
    App, Connector, Context, Decision, GroupEvent, Membership, Organization, Outcome, UserEvent,
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
            None => person.create_account(),
            Some(account) => person.restore(account),
        }
    }

    fn update(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let mut person = Person { app, context, event };
        let Some(account) = &context.account else { return person.create_account() };
        match person.push(account)? {
            Some(note) => Ok(context.unchanged(note)),
            None => person.recreate_account(),
        }
    }

    fn activate(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let mut person = Person { app, context, event };
        let Some(account) = &context.account else { return person.create_account() };
        if !person.set_state(&account.id, Membership::Active)? {
            return person.recreate_account();
        }
        match person.push(account)? {
            Some(note) => {
                let note = format!("Resumed the account. {note}");
                Ok(Outcome::new(account.clone().with_membership(Membership::Active), note))
            }
            None => person.recreate_account(),
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
