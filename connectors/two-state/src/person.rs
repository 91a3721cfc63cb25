//! The decisions about one user, a few calls to the app at a time.

use muster_connector::{
    Account, App, Context, Decision, EventKind, Membership, Outcome, Refusal, Request, Response,
    Stop, Template, UserEvent, id_in, log,
};
use serde_json::Value;

use crate::{DeleteAccount, Settings, UpdateProfile, organization};

const VANISHED: &str = "The account was gone from the app; ";

/// A user, with the event about them and the app.
pub(crate) struct Person<'a> {
    pub(crate) app: &'a mut App,
    pub(crate) context: &'a Context<Settings>,
    pub(crate) event: &'a UserEvent,
}

/// The result of pushing a profile.
pub(crate) enum Pushed {
    /// No field of the profile has changed.
    Unchanged,
    /// Pushed, or not pushed for a reason: a sentence for the note.
    Done(&'static str),
    /// The app no longer has the account.
    Vanished,
}

impl Person<'_> {
    /// Adds the user to the organisation, with the known account or a new one.
    pub(crate) fn join(&mut self) -> Decision {
        let Some(account) = &self.context.account else { return self.join_with_new_account("") };
        if self.put_member(&account.id)?.found()?.is_none() {
            return self.join_with_new_account(VANISHED);
        }
        let again = format!("Added to {} again.", organization(self.context));
        let note = match self.push(account)? {
            Pushed::Done(note) => format!("{again} {note}"),
            Pushed::Unchanged => again,
            Pushed::Vanished => return self.join_with_new_account(VANISHED),
        };
        Ok(Outcome::new(active(account), note))
    }

    /// Adds the user with the account of their address, which is created if there is none.
    pub(crate) fn join_with_new_account(&mut self, before: &str) -> Decision {
        let found = self.find(self.event.required_address()?)?;
        // The app has the known account all the same.
        if let (Some(known), Some(found)) = (&self.context.account, &found)
            && known.id == found.id
        {
            return self.join_again(known);
        }
        let (account, how) = match found {
            Some(found) => (found.linked(), "linked the account of the same address"),
            None => self.create_account()?,
        };
        self.put_member(&account.id)?.success()?;
        let note = format!("{before}{how}, and added it to {}.", organization(self.context));
        Ok(Outcome::new(account, capitalized(&note)))
    }

    /// Adds the user with the known account, of which the app has said once that it does not have it: a
    /// proxy may have answered.
    fn join_again(&mut self, known: &Account) -> Decision {
        self.put_member(&known.id)?.success()?;
        if let Pushed::Vanished = self.push(known)? {
            return Err(Refusal::RetryLater(None).into());
        }
        let note = format!("Added to {} again.", organization(self.context));
        Ok(Outcome::new(active(known), note))
    }

    /// Removes the user from the organisation. The account stays.
    ///
    /// An account that is not known is looked up: an earlier call may have added the user, and its
    /// answer was lost.
    pub(crate) fn leave(&mut self) -> Decision {
        let known = self.context.account.clone();
        let Some(account) = known.map_or_else(|| self.find_any(), |known| Ok(Some(known)))? else {
            return Ok(Outcome::new(None, "Has no account in the app: nothing to take away."));
        };
        let path = self.path(&self.context.settings.member, &account.id)?;
        let removed = self.app.ask(Request::delete("app", path))?.found()?;
        let how = if removed.is_some() { "Taken out of" } else { "Was already out of" };
        let note = format!("{how} {}; the account stays.", organization(self.context));
        Ok(Outcome::new(account.with_membership(Membership::Absent), note))
    }

    /// Pushes the fields that changed with this event; for a user who is created again, all fields.
    pub(crate) fn push(&mut self, account: &Account) -> Result<Pushed, Stop> {
        let Settings { profile, update_profile, .. } = &self.context.settings;
        let changed = match self.event.kind {
            EventKind::Create => profile.complete(self.event),
            _ => profile.changed(self.event),
        };
        if changed.is_empty() {
            return Ok(Pushed::Unchanged);
        }
        let shared = "The profile stays: others may have the account too.";
        match update_profile {
            UpdateProfile::Never => return Ok(Pushed::Done("People keep their own profile.")),
            _ if !self.context.may_rewrite() => return Ok(Pushed::Done(shared)),
            UpdateProfile::Always => {}
            UpdateProfile::UnlessShared => {
                let Some(user) = self.user(account)? else { return Ok(Pushed::Vanished) };
                if !self.is_in_no_other(&user) {
                    return Ok(Pushed::Done(shared));
                }
            }
        }
        let request = Request::patch("app", self.user_path(&account.id)?).json(&changed);
        Ok(match self.app.ask(request)?.found()? {
            Some(_) => Pushed::Done("Updated the profile."),
            None => Pushed::Vanished,
        })
    }

    /// The account with exactly this address.
    fn find(&mut self, email: &str) -> Result<Option<Account>, Stop> {
        let Settings { fields, users, .. } = &self.context.settings;
        let path = users.fill(&[("organization", organization(self.context))])?;
        let request = Request::get("app", path).query(&fields.email, email);
        let Some(found) = self.app.ask(request)?.found()? else { return Ok(None) };
        let user = found.entry_with(&fields.users, &fields.email, email)?;
        let id = user.map(|user| id_in(&user, &fields.id)).transpose()?;
        Ok(id.map(|id| Account::new(id, Membership::Active)))
    }

    /// The account with one of the user's addresses.
    fn find_any(&mut self) -> Result<Option<Account>, Stop> {
        for address in self.event.addresses(self.context) {
            if let Some(found) = self.find(&address)? {
                return Ok(Some(found.linked()));
            }
        }
        Ok(None)
    }

    fn create_account(&mut self) -> Result<(Account, &'static str), Stop> {
        let Settings { fields, users, profile, .. } = &self.context.settings;
        let path = users.fill(&[("organization", organization(self.context))])?;
        let request = Request::post("app", path).json(&profile.all(self.event));
        let response = self.app.ask(request)?;
        // There was no account at the first look-up, so this request created it: its first response
        // was lost.
        if response.status == 409
            && let Some(found) = self.find(self.event.required_address()?)?
        {
            return Ok((found, "made an account"));
        }
        let id = id_in(&response.success()?.json()?, &fields.id)?;
        Ok((Account::new(id, Membership::Active), "made an account"))
    }

    /// Whether the account should be deleted when the user is.
    pub(crate) fn is_unused(&mut self, account: &Account) -> Result<bool, Stop> {
        let never = self.context.settings.delete_account == DeleteAccount::Never;
        if never || !self.context.may_rewrite() {
            return Ok(false);
        }
        let Some(user) = self.user(account)? else { return Ok(false) };
        Ok(self.is_in_no_other(&user))
    }

    /// Whether the user is in no other organisation. If the app says nothing of organisations by the settings,
    /// muster's word is all there is; an app that is to name them and does not counts as if it named others.
    fn is_in_no_other(&self, user: &Value) -> bool {
        let field = &self.context.settings.fields.organizations;
        if field.is_empty() {
            return true;
        }
        let Some(all) = user[field].as_array() else {
            log::warn(format!("A person has no field {field:?}: others may have the account too."));
            return false;
        };
        let ours = organization(self.context);
        all.iter().all(|it| it.get("id").unwrap_or(it).as_str() == Some(ours))
    }

    /// The user as the app has them; none if the app no longer has the account.
    fn user(&mut self, account: &Account) -> Result<Option<Value>, Stop> {
        let path = self.user_path(&account.id)?;
        let found = self.app.ask(Request::get("app", path))?.found()?;
        Ok(found.map(|user| user.json()).transpose()?)
    }

    fn put_member(&mut self, id: &str) -> Result<Response, Stop> {
        let path = self.path(&self.context.settings.member, id)?;
        self.app.ask(Request::put("app", path))
    }

    pub(crate) fn user_path(&self, id: &str) -> Result<String, Refusal> {
        self.path(&self.context.settings.user, id)
    }

    fn path(&self, template: &Template, id: &str) -> Result<String, Refusal> {
        template.fill(&[("organization", organization(self.context)), ("user", id)])
    }
}

/// The account of a member.
pub(crate) fn active(account: &Account) -> Account {
    account.clone().with_membership(Membership::Active)
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
