//! What is done about one person in the app, a few calls at a time.

use std::collections::BTreeSet;

use muster_connector::{
    Account, App, Context, Decision, Membership, Outcome, Refusal, Request, Stop, Template,
    UserEvent, id_in,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Settings, organization};

/// What is noted with an account.
#[derive(Default, Serialize, Deserialize)]
struct Notes {
    /// The fields that changed as the person left, and have not been pushed.
    unsent: BTreeSet<String>,
}

/// A person, with what happened to them and the app to carry it to.
pub(crate) struct Person<'a> {
    pub(crate) app: &'a mut App,
    pub(crate) context: &'a Context<Settings>,
    pub(crate) event: &'a UserEvent,
}

impl Person<'_> {
    /// Makes an account, active or suspended; or links the one of the same address.
    pub(crate) fn make(&mut self) -> Decision {
        let Settings { fields, accounts, profile, .. } = &self.context.settings;
        let mut body = profile.all(self.event);
        body.insert(fields.status.clone(), self.status(self.wanted()).into());
        let path = accounts.fill(&[("organization", organization(self.context))])?;
        let made = self.app.ask(Request::post("app", path).json(&body))?;
        if made.status == 409
            && self.context.settings.link_existing
            && let Some(found) = self.find()?
        {
            return self.link(&found);
        }
        let id = id_in(&made.success()?.json()?, &fields.id)?;
        let note = match self.wanted() {
            Membership::Active => "Made an account.",
            _ => "Made an account, suspended until the person is active.",
        };
        Ok(Outcome::new(Account::new(id, self.wanted()).noting(&Notes::default()), note))
    }

    /// Makes another account, where the known one is gone from the app.
    pub(crate) fn make_again(&mut self) -> Decision {
        let mut outcome = self.make()?;
        outcome.note.insert_str(0, "The account was gone from the app. ");
        Ok(outcome)
    }

    /// Gives somebody who was here before their account back, as they are now.
    pub(crate) fn take_back(&mut self, account: &Account) -> Decision {
        if !self.set(&account.id, self.wanted())? {
            return self.make_again();
        }
        let all = self.context.settings.profile.all(self.event);
        if !self.patch(account, &all)? {
            return self.make_again();
        }
        let how = if self.event.user.active { "Resumed" } else { "Kept suspended" };
        let note = format!("{how} and updated the account from before.");
        Ok(Outcome::new(self.settled(account, self.wanted()), note))
    }

    /// Suspends the account. Nothing else is pushed, so that nothing else can stand in the way.
    pub(crate) fn suspend(&mut self, note: &str) -> Decision {
        let Some(account) = &self.context.account else { return Ok(nothing()) };
        if !self.set(&account.id, Membership::Suspended)? {
            return Ok(Outcome::new(None, "The account was gone from the app already."));
        }
        let mut notes: Notes = account.notes().unwrap_or_default();
        let changed = self.context.settings.profile.changed(self.event, &notes.unsent);
        notes.unsent.extend(changed.into_iter().map(|(field, _)| field));
        let account = account.clone().with(Membership::Suspended).noting(&notes);
        Ok(Outcome::new(account, note))
    }

    /// Deletes the account; one that is gone already is fine.
    pub(crate) fn delete(&mut self) -> Decision {
        let Some(account) = &self.context.account else { return Ok(nothing()) };
        let path = self.path(&self.context.settings.account, &account.id)?;
        let was = self.app.ask(Request::delete("app", path))?.found()?;
        let note = match was {
            Some(_) => format!("Deleted the account {}.", account.id),
            None => format!("The account {} was gone from the app already.", account.id),
        };
        Ok(Outcome::new(None, note))
    }

    /// Pushes what changed with this event and what is unsent; none where the account is gone.
    pub(crate) fn push(&mut self, account: &Account) -> Result<Option<&'static str>, Stop> {
        let unsent = account.notes::<Notes>().unwrap_or_default().unsent;
        let changed = self.context.settings.profile.changed(self.event, &unsent);
        if changed.is_empty() {
            return Ok(Some("Nothing that the app keeps has changed."));
        }
        Ok(self.patch(account, &changed)?.then_some("Updated the account."))
    }

    /// Suspends or resumes; false where there is no such account.
    pub(crate) fn set(&mut self, id: &str, wanted: Membership) -> Result<bool, Stop> {
        let Settings { suspend, resume, account, fields, .. } = &self.context.settings;
        let way = if wanted == Membership::Active { resume } else { suspend };
        let answer = self.app.ask(Request::post("app", self.path(way, id)?))?;
        if answer.status == 409 {
            // Some apps call it a conflict when it is so already.
            let look = Request::get("app", self.path(account, id)?);
            let Some(now) = self.app.ask(look)?.found()? else { return Ok(false) };
            if now.json::<Value>()?[&fields.status] == self.status(wanted) {
                return Ok(true);
            }
        }
        Ok(answer.found()?.is_some())
    }

    /// The account about which nothing is left to tell the app.
    pub(crate) fn settled(&self, account: &Account, membership: Membership) -> Account {
        account.clone().with(membership).noting(&Notes::default())
    }

    fn link(&mut self, found: &Value) -> Decision {
        let Settings { fields, .. } = &self.context.settings;
        let id = id_in(found, &fields.id)?;
        if found[&fields.status] != self.status(self.wanted()) && !self.set(&id, self.wanted())? {
            let text = format!("The account {id} went away while it was being linked.");
            return Err(Refusal::Conflict(text).into());
        }
        let account = Account::new(id, self.wanted()).noting(&Notes::default());
        Ok(Outcome::new(account, "Linked the account of the same address."))
    }

    fn find(&mut self) -> Result<Option<Value>, Stop> {
        let Settings { fields, accounts, .. } = &self.context.settings;
        let email = self.event.address().ok_or_else(|| {
            Refusal::Rejected("The app knows people by their e-mail address: there is none.".into())
        })?;
        let path = accounts.fill(&[("organization", organization(self.context))])?;
        let found = self.app.send(Request::get("app", path).query(&fields.email, email))?;
        // A search may find similar addresses; an account is linked for exactly this one.
        let same = |account: &Value| {
            account[&fields.email].as_str().is_some_and(|it| it.eq_ignore_ascii_case(email))
        };
        Ok(found.entries(&fields.accounts)?.into_iter().find(same))
    }

    fn patch(&mut self, account: &Account, fields: &Map<String, Value>) -> Result<bool, Stop> {
        let path = self.path(&self.context.settings.account, &account.id)?;
        Ok(self.app.ask(Request::patch("app", path).json(fields))?.found()?.is_some())
    }

    fn wanted(&self) -> Membership {
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

fn nothing() -> Outcome {
    Outcome::new(None, "Has no account in the app: nothing to take away.")
}
