//! The decisions about one user, a few calls to the app at a time.

use muster_connector::{
    Account, App, Context, Decision, Membership, Outcome, Refusal, Request, Stop, Template,
    UnsentFields, UserEvent, id_in,
};
use serde_json::{Map, Value};

use crate::{Settings, organization};

/// A user, with the event about them and the app.
pub(crate) struct Person<'a> {
    pub(crate) app: &'a mut App,
    pub(crate) context: &'a Context<Settings>,
    pub(crate) event: &'a UserEvent,
}

impl Person<'_> {
    /// Creates an account, active or suspended, or links the one with the same address.
    pub(crate) fn create_account(&mut self) -> Decision {
        let Settings { fields, accounts, profile, .. } = &self.context.settings;
        let mut body = profile.all(self.event);
        body.insert(fields.status.clone(), self.status(self.membership()).into());
        let path = accounts.fill(&[("organization", organization(self.context))])?;
        let response = self.app.ask(Request::post("app", path).json(&body))?;
        if response.status == 409
            && self.context.settings.link_existing
            && let Some(found) = self.find()?
        {
            return self.link(&found);
        }
        let id = id_in(&response.success()?.json()?, &fields.id)?;
        let note = match self.membership() {
            Membership::Active => "Made an account.",
            _ => "Made an account, suspended until the person is active.",
        };
        Ok(Outcome::new(self.account(id), note))
    }

    /// Creates another account, because the app no longer has the known one.
    pub(crate) fn recreate_account(&mut self) -> Decision {
        let mut outcome = self.create_account()?;
        outcome.note.insert_str(0, "The account was gone from the app. ");
        Ok(outcome)
    }

    /// Gives a returning user their account back, with their current state and profile.
    pub(crate) fn restore(&mut self, account: &Account) -> Decision {
        if !self.set_state(&account.id, self.membership())? {
            return self.recreate_account();
        }
        let all = self.context.settings.profile.all(self.event);
        if !self.patch(account, &all)? {
            return self.recreate_account();
        }
        let how = if self.event.user.active { "Resumed" } else { "Kept suspended" };
        let note = format!("{how} and updated the account from before.");
        Ok(Outcome::new(UnsentFields::cleared(account).with_membership(self.membership()), note))
    }

    /// Suspends the account. Changes are noted and not pushed, so that no other call can fail.
    pub(crate) fn suspend(&mut self, note: &str) -> Decision {
        let Some(account) = &self.context.account else { return Ok(no_account()) };
        if !self.set_state(&account.id, Membership::Suspended)? {
            return Ok(Outcome::new(None, "The account was gone from the app already."));
        }
        let account = UnsentFields::noted(account, &self.context.settings.profile, self.event);
        Ok(Outcome::new(account.with_membership(Membership::Suspended), note))
    }

    /// Deletes the account, unless it has been deleted already.
    pub(crate) fn delete(&mut self) -> Decision {
        let Some(account) = &self.context.account else { return Ok(no_account()) };
        let path = self.path(&self.context.settings.account, &account.id)?;
        let deleted = self.app.ask(Request::delete("app", path))?.found()?;
        let note = match deleted {
            Some(_) => format!("Deleted the account {}.", account.id),
            None => format!("The account {} was gone from the app already.", account.id),
        };
        Ok(Outcome::new(None, note))
    }

    /// Pushes the fields that changed with this event, and the unsent ones of earlier events. None
    /// if the app no longer has the account.
    pub(crate) fn push(&mut self, account: &Account) -> Result<Option<&'static str>, Stop> {
        let profile = &self.context.settings.profile;
        let changed = profile.changed(self.event, &UnsentFields::of(account));
        if changed.is_empty() {
            return Ok(Some("Nothing that the app keeps has changed."));
        }
        Ok(self.patch(account, &changed)?.then_some("Updated the account."))
    }

    /// Suspends or resumes an account. False if the app no longer has it.
    pub(crate) fn set_state(&mut self, id: &str, membership: Membership) -> Result<bool, Stop> {
        let Settings { suspend, resume, account, fields, .. } = &self.context.settings;
        let action = if membership == Membership::Active { resume } else { suspend };
        let response = self.app.ask(Request::post("app", self.path(action, id)?))?;
        if response.status == 409 {
            // Some apps answer 409 if the account is in this state already.
            let get = Request::get("app", self.path(account, id)?);
            let Some(current) = self.app.ask(get)?.found()? else { return Ok(false) };
            if current.json::<Value>()?[&fields.status] == self.status(membership) {
                return Ok(true);
            }
        }
        Ok(response.found()?.is_some())
    }

    fn link(&mut self, found: &Value) -> Decision {
        let Settings { fields, .. } = &self.context.settings;
        let id = id_in(found, &fields.id)?;
        let membership = self.membership();
        if found[&fields.status] != self.status(membership) && !self.set_state(&id, membership)? {
            let text = format!("The account {id} went away while it was being linked.");
            return Err(Refusal::Conflict(text).into());
        }
        Ok(Outcome::new(self.account(id), "Linked the account of the same address."))
    }

    /// The account with the user's address.
    fn find(&mut self) -> Result<Option<Value>, Stop> {
        let Settings { fields, accounts, .. } = &self.context.settings;
        let email = self.event.required_address()?;
        let path = accounts.fill(&[("organization", organization(self.context))])?;
        let found = self.app.send(Request::get("app", path).query(&fields.email, email))?;
        Ok(found.entry_with(&fields.accounts, &fields.email, email)?)
    }

    fn patch(&mut self, account: &Account, fields: &Map<String, Value>) -> Result<bool, Stop> {
        let path = self.path(&self.context.settings.account, &account.id)?;
        Ok(self.app.ask(Request::patch("app", path).json(fields))?.found()?.is_some())
    }

    /// A created or linked account, in the user's state and without unsent changes.
    fn account(&self, id: String) -> Account {
        UnsentFields::cleared(&Account::new(id, self.membership()))
    }

    /// The state that the account should have after the event.
    fn membership(&self) -> Membership {
        if self.event.user.active { Membership::Active } else { Membership::Suspended }
    }

    fn status(&self, membership: Membership) -> &str {
        let fields = &self.context.settings.fields;
        if membership == Membership::Active { &fields.active } else { &fields.suspended }
    }

    fn path(&self, template: &Template, id: &str) -> Result<String, Refusal> {
        template.fill(&[("organization", organization(self.context)), ("account", id)])
    }
}

fn no_account() -> Outcome {
    Outcome::new(None, "Has no account in the app: nothing to take away.")
}
