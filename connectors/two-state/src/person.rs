//! What is done about one person in the app, a few calls at a time.

use std::collections::BTreeSet;

use muster_connector::{
    Account, App, Context, Decision, Membership, Outcome, Refusal, Request, Response, Stop,
    Template, UserEvent, id_in, log,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DeleteAccount, Settings, UpdateProfile, organization};

/// What is noted with an account.
#[derive(Default, Serialize, Deserialize)]
struct Notes {
    /// The fields whose changes have not been pushed, since the person was no member.
    unsent: BTreeSet<String>,
}

/// A person, with what happened to them and the app to carry it to.
pub(crate) struct Person<'a> {
    pub(crate) app: &'a mut App,
    pub(crate) context: &'a Context<Settings>,
    pub(crate) event: &'a UserEvent,
}

/// What became of a profile.
pub(crate) enum Pushed {
    Nothing,
    Done(&'static str),
    Vanished,
}

impl Person<'_> {
    /// Adds the person to the organisation, with the account that they have or a new one.
    pub(crate) fn join(&mut self) -> Decision {
        let Some(account) = &self.context.account else { return self.join_anew("") };
        if self.put_member(&account.id)?.found()?.is_none() {
            return self.join_anew("The account was gone from the app; ");
        }
        let again = format!("Added to {} again.", organization(self.context));
        let note = match self.push(account)? {
            Pushed::Done(note) => format!("{again} {note}"),
            Pushed::Nothing => again,
            Pushed::Vanished => return self.join_anew("The account was gone from the app; "),
        };
        Ok(Outcome::new(settled(account), note))
    }

    /// Adds the person with the account of their address, which is made where there is none.
    pub(crate) fn join_anew(&mut self, before: &str) -> Decision {
        let (id, how) = match self.find()? {
            Some(id) => (id, "linked the account of the same address"),
            None => self.make()?,
        };
        self.put_member(&id)?.success()?;
        let account = settled(&Account::new(id, Membership::Active));
        let note = format!("{before}{how}, and added it to {}.", organization(self.context));
        Ok(Outcome::new(account, sentence(&note)))
    }

    /// Takes the person out of the organisation. The account stays.
    pub(crate) fn leave(&mut self) -> Decision {
        let Some(account) = &self.context.account else {
            return Ok(Outcome::new(None, "Has no account in the app: nothing to take away."));
        };
        let path = self.path(&self.context.settings.member, &account.id)?;
        let was = self.app.ask(Request::delete("app", path))?.found()?;
        let how = if was.is_some() { "Taken out of" } else { "Was already out of" };
        let stays = match self.context.elsewhere {
            0 => "the account stays".to_owned(),
            1 => "the account stays, and is in 1 other organisation".to_owned(),
            n => format!("the account stays, and is in {n} other organisations"),
        };
        let note = format!("{how} {}; {stays}.", organization(self.context));
        Ok(Outcome::new(self.remembering(account).with(Membership::Absent), note))
    }

    /// Pushes what changed with this event and what is unsent from earlier ones.
    pub(crate) fn push(&mut self, account: &Account) -> Result<Pushed, Stop> {
        let Settings { profile, update_profile, .. } = &self.context.settings;
        let unsent = account.notes::<Notes>().unwrap_or_default().unsent;
        let changed = profile.changed(self.event, &unsent);
        if changed.is_empty() {
            return Ok(Pushed::Nothing);
        }
        let shared = "The profile stays: the account is in other organisations too.";
        match update_profile {
            UpdateProfile::Never => return Ok(Pushed::Done("People keep their own profile.")),
            UpdateProfile::Always => {}
            UpdateProfile::UnlessShared if self.context.elsewhere > 0 => {
                return Ok(Pushed::Done(shared));
            }
            UpdateProfile::UnlessShared => {
                let Some(user) = self.look_at(account)? else { return Ok(Pushed::Vanished) };
                if self.others(&user).unwrap_or(0) > 0 {
                    return Ok(Pushed::Done(shared));
                }
            }
        }
        let request = Request::patch("app", self.user(&account.id)?).json(&changed);
        Ok(match self.app.ask(request)?.found()? {
            Some(_) => Pushed::Done("Updated the profile."),
            None => Pushed::Vanished,
        })
    }

    fn find(&mut self) -> Result<Option<String>, Stop> {
        let Settings { fields, users, .. } = &self.context.settings;
        let email = self.event.address().ok_or_else(|| {
            Refusal::Rejected("The app knows people by their e-mail address: there is none.".into())
        })?;
        let path = users.fill(&[("organization", organization(self.context))])?;
        let found = self.app.send(Request::get("app", path).query(&fields.email, email))?;
        // A search may find similar addresses; an account is linked for exactly this one.
        let same = |user: &&Value| {
            user[&fields.email].as_str().is_some_and(|it| it.eq_ignore_ascii_case(email))
        };
        let found = found.entries(&fields.users)?;
        Ok(found.iter().find(same).map(|user| id_in(user, &fields.id)).transpose()?)
    }

    fn make(&mut self) -> Result<(String, &'static str), Stop> {
        let Settings { fields, users, profile, .. } = &self.context.settings;
        let path = users.fill(&[("organization", organization(self.context))])?;
        let request = Request::post("app", path).json(&profile.all(self.event));
        let made = self.app.ask(request)?;
        // An earlier attempt may have made it without our hearing of it.
        if made.status == 409
            && let Some(id) = self.find()?
        {
            return Ok((id, "linked the account of the same address"));
        }
        Ok((id_in(&made.success()?.json()?, &fields.id)?, "made an account"))
    }

    /// Whether the account is to be deleted with its person.
    pub(crate) fn unused(&mut self, account: &Account) -> Result<bool, Stop> {
        let Settings { delete_account, fields, .. } = &self.context.settings;
        if *delete_account == DeleteAccount::Never || self.context.elsewhere > 0 {
            return Ok(false);
        }
        let Some(user) = self.look_at(account)? else { return Ok(false) };
        let others = self.others(&user);
        if others.is_none() && !fields.organizations.is_empty() {
            log::warn(format!(
                "A person has no field {:?}: the account stays.",
                fields.organizations
            ));
        }
        Ok(others == Some(0) || fields.organizations.is_empty())
    }

    /// In how many other organisations the app has this person; none where it does not say.
    fn others(&self, user: &Value) -> Option<usize> {
        let name = |it: &Value| it.get("id").unwrap_or(it).as_str().map(str::to_owned);
        let ours = Some(organization(self.context));
        let all = user[&self.context.settings.fields.organizations].as_array()?;
        Some(all.iter().filter(|it| name(it).as_deref() != ours).count())
    }

    fn look_at(&mut self, account: &Account) -> Result<Option<Value>, Stop> {
        let path = self.user(&account.id)?;
        let found = self.app.ask(Request::get("app", path))?.found()?;
        Ok(found.map(|user| user.json()).transpose()?)
    }

    fn put_member(&mut self, id: &str) -> Result<Response, Stop> {
        let path = self.path(&self.context.settings.member, id)?;
        self.app.ask(Request::put("app", path))
    }

    pub(crate) fn user(&self, id: &str) -> Result<String, Refusal> {
        self.path(&self.context.settings.user, id)
    }

    fn path(&self, template: &Template, id: &str) -> Result<String, Refusal> {
        template.fill(&[("organization", organization(self.context)), ("user", id)])
    }

    /// The account, with what changed noted as unsent.
    pub(crate) fn remembering(&self, account: &Account) -> Account {
        let mut notes: Notes = account.notes().unwrap_or_default();
        let changed = self.context.settings.profile.changed(self.event, &notes.unsent);
        notes.unsent.extend(changed.into_iter().map(|(field, _)| field));
        account.clone().noting(&notes)
    }
}

/// The account of a member about whom nothing is left to tell the app.
pub(crate) fn settled(account: &Account) -> Account {
    account.clone().with(Membership::Active).noting(&Notes::default())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
