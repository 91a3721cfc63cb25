//! The decisions about one user, a few calls to the app at a time.

use muster_connector::{
    Account, App, Context, Decision, Membership, Outcome, Refusal, Request, Stop, Template,
    UserEvent, id_in, log,
};
use serde_json::{Map, Value};

use crate::{Settings, organization};

const KEPT: &str = "The app has the account all the same: it has the state and the profile.";
const SHARED: &str = "The profile stays: others may have the account too.";

/// A user, with the event about them and the app.
pub(crate) struct Person<'a> {
    pub(crate) app: &'a mut App,
    pub(crate) context: &'a Context<Settings>,
    pub(crate) event: &'a UserEvent,
}

impl Person<'_> {
    /// Creates an account, active or suspended, or links the one with the same address.
    ///
    /// The account of a person who is not active and has no address is created when they return: the
    /// app needs an address, and muster requires one of active people only.
    pub(crate) fn create_account(&mut self) -> Decision {
        if !self.event.user.active && self.event.address().is_none() {
            return Ok(Outcome::new(None, "Not active and without an address: kept in mind."));
        }
        let Settings { fields, accounts, profile, .. } = &self.context.settings;
        let mut body = profile.all(self.event);
        body.insert(fields.status.clone(), self.status(self.membership()).into());
        let path = accounts.fill(&[("organization", organization(self.context))])?;
        let response = self.app.ask(Request::post("app", path).json(&body))?;
        if response.status == 409
            && let Some(address) = self.event.address()
            && let Some(found) = self.find(address)?
        {
            let id = id_in(&found, &fields.id)?;
            // The app has the known account all the same.
            if let Some(known) = self.context.account.as_ref().filter(|known| known.id == id) {
                return self.keep(known);
            }
            if self.context.settings.link_existing || self.is_own(&found) {
                return self.link(&found);
            }
        }
        let id = id_in(&response.success()?.json()?, &fields.id)?;
        Ok(Outcome::new(Account::new(id, self.membership()), self.made()))
    }

    /// Creates another account, because the app no longer has the known one.
    pub(crate) fn recreate_account(&mut self) -> Decision {
        let mut outcome = self.create_account()?;
        if outcome.note != KEPT {
            outcome.note.insert_str(0, "The account was gone from the app. ");
        }
        Ok(outcome)
    }

    /// Gives a returning user their account back, with their current state and profile.
    pub(crate) fn restore(&mut self, account: &Account) -> Decision {
        if !self.set_state(&account.id, self.membership())? {
            return self.recreate_account();
        }
        let how = if self.event.user.active { "Resumed" } else { "Kept suspended" };
        let note = if !self.context.may_rewrite() {
            format!("{how} the account from before. {SHARED}")
        } else {
            let all = self.context.settings.profile.complete(self.event);
            if !self.patch(account, &all)? {
                return self.recreate_account();
            }
            format!("{how} and updated the account from before.")
        };
        Ok(Outcome::new(account.clone().with_membership(self.membership()), note))
    }

    /// Suspends the account. Changes are not pushed, so that no other call can fail: the host tells
    /// everything again when the user returns.
    pub(crate) fn suspend(&mut self, note: &str) -> Decision {
        let Some(account) = self.known_or_found()? else { return Ok(no_account()) };
        if !self.set_state(&account.id, Membership::Suspended)? {
            return Ok(Outcome::new(None, "The account was gone from the app already."));
        }
        Ok(Outcome::new(account.with_membership(Membership::Suspended), note))
    }

    /// Deletes the account, unless it has been deleted already. One that others may have is suspended.
    pub(crate) fn delete(&mut self) -> Decision {
        if !self.context.may_rewrite() {
            return self
                .suspend("Suspended the account in place of deleting it: others may have it.");
        }
        let Some(account) = self.known_or_found()? else { return Ok(no_account()) };
        let path = self.path(&self.context.settings.account, &account.id)?;
        let deleted = self.app.ask(Request::delete("app", path))?.found()?;
        let note = match deleted {
            Some(_) => format!("Deleted the account {}.", account.id),
            None => format!("The account {} was gone from the app already.", account.id),
        };
        Ok(Outcome::new(None, note))
    }

    /// Pushes the fields that changed with this event. None if the app no longer has the account.
    pub(crate) fn push(&mut self, account: &Account) -> Result<Option<&'static str>, Stop> {
        let changed = self.context.settings.profile.changed(self.event);
        if changed.is_empty() {
            return Ok(Some("Nothing that the app keeps has changed."));
        }
        if !self.context.may_rewrite() {
            return Ok(Some(SHARED));
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

    /// Gives the known account its state and profile, after the app has said once that it does not have it:
    /// a proxy may have answered.
    fn keep(&mut self, known: &Account) -> Decision {
        let all = self.context.settings.profile.complete(self.event);
        if !self.set_state(&known.id, self.membership())?
            || self.context.may_rewrite() && !self.patch(known, &all)?
        {
            return Err(Refusal::RetryLater(None).into());
        }
        Ok(Outcome::new(known.clone().with_membership(self.membership()), KEPT))
    }

    fn link(&mut self, found: &Value) -> Decision {
        let Settings { fields, .. } = &self.context.settings;
        let id = id_in(found, &fields.id)?;
        let membership = self.membership();
        if found[&fields.status] != self.status(membership) && !self.set_state(&id, membership)? {
            let text = format!("The account {id} went away while it was being linked.");
            return Err(Refusal::Conflict(text).into());
        }
        let account = Account::new(id, membership);
        Ok(if self.is_own(found) {
            Outcome::new(account, self.made())
        } else {
            Outcome::new(account.linked(), "Linked the account of the same address.")
        })
    }

    /// The account with exactly this address.
    fn find(&mut self, email: &str) -> Result<Option<Value>, Stop> {
        let Settings { fields, accounts, .. } = &self.context.settings;
        let path = accounts.fill(&[("organization", organization(self.context))])?;
        let request = Request::get("app", path).query(&fields.email, email);
        let Some(found) = self.app.ask(request)?.found()? else { return Ok(None) };
        Ok(found.entry_with(&fields.accounts, &fields.email, email)?)
    }

    /// The known account, or the one with the user's address: an earlier call may have created it,
    /// and its answer was lost.
    fn known_or_found(&mut self) -> Result<Option<Account>, Stop> {
        if let Some(known) = &self.context.account {
            return Ok(Some(known.clone()));
        }
        for address in self.event.addresses(self.context) {
            let Some(found) = self.find(&address)? else { continue };
            let id = id_in(&found, &self.context.settings.fields.id)?;
            let account = Account::new(id, Membership::Active);
            if self.is_own(&found) {
                return Ok(Some(account));
            }
            if self.context.settings.link_existing {
                return Ok(Some(account.linked()));
            }
            log::warn(format!("The account {} has the address and was there before.", account.id));
        }
        Ok(None)
    }

    /// Whether an earlier request created the account, and its answer was lost: apart from the
    /// address, the account has the profile that this event gives it, and no other.
    fn is_own(&self, found: &Value) -> bool {
        let Settings { fields, profile, .. } = &self.context.settings;
        let mut expected = profile.complete(self.event);
        expected.remove(&fields.email);
        let known = |field: &String| found.get(field).unwrap_or(&Value::Null);
        let distinctive = expected.values().any(|value| !value.is_null());
        distinctive && expected.iter().all(|(field, value)| known(field) == value)
    }

    fn patch(&mut self, account: &Account, fields: &Map<String, Value>) -> Result<bool, Stop> {
        let path = self.path(&self.context.settings.account, &account.id)?;
        Ok(self.app.ask(Request::patch("app", path).json(fields))?.found()?.is_some())
    }

    /// The note about a created account.
    fn made(&self) -> &'static str {
        match self.membership() {
            Membership::Active => "Made an account.",
            _ => "Made an account, suspended until the person is active.",
        }
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
