//! Changes that wait until they can be sent to the app.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Account, Profile, UserEvent};

/// The fields of an account whose changes have not been sent to the app, kept in the account's
/// notes: `{"unsent": ["name", "title"]}`.
///
/// A change cannot always be sent at once: the app may not allow changes of a suspended account,
/// and a deactivation should make no other call that could fail. Note the fields then, and send
/// them with a later event:
///
/// ```
/// use muster_connector::testing::{context, person, reply, script};
/// use muster_connector::{
///     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Outcome,
///     Profile, Request, UnsentFields, UserEvent, path,
/// };
///
/// struct Board;
///
/// impl Connector for Board {
///     type Settings = NoSettings;
///
///     fn deactivate(&self, app: &mut App, context: &Context, event: &UserEvent) -> Decision {
///         let Some(account) = &context.account else {
///             return Ok(context.unchanged("Has no account."));
///         };
///         app.send(Request::post("app", path(["people", &account.id, "suspend"])))?;
///         let account = UnsentFields::noted(account, &Profile::default(), event);
///         Ok(Outcome::new(account.with_membership(Membership::Suspended), "Suspended."))
///     }
///
///     fn activate(&self, app: &mut App, context: &Context, event: &UserEvent) -> Decision {
///         let Some(account) = &context.account else {
///             return Ok(context.unchanged("Has no account."));
///         };
///         app.send(Request::post("app", path(["people", &account.id, "resume"])))?;
///         let changed = Profile::default().changed(event, &UnsentFields::of(account));
///         if !changed.is_empty() {
///             app.send(Request::patch("app", path(["people", &account.id])).json(&changed))?;
///         }
///         let account = UnsentFields::cleared(account);
///         Ok(Outcome::new(account.with_membership(Membership::Active), "Resumed."))
///     }
/// }
///
/// let known = Account::new("7", Membership::Active);
/// let promoted = person("ann").with("title", "Lead");
/// let outcome = script(
///     &Board,
///     &context().account(known),
///     &promoted.clone().changed("title").inactive().event(EventKind::Deactivate),
///     &[("POST /people/7/suspend", reply(204, ""))],
/// );
/// let suspended = outcome.unwrap().account.unwrap();
/// let outcome = script(
///     &Board,
///     &context().account(suspended),
///     &promoted.event(EventKind::Activate),
///     &[
///         ("POST /people/7/resume", reply(204, "")),
///         (r#"PATCH /people/7 {"title":"Lead"}"#, reply(200, "{}")),
///     ],
/// );
/// assert_eq!(outcome.unwrap().note, "Resumed.");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsentFields {
    unsent: BTreeSet<String>,
}

impl UnsentFields {
    /// The fields that are noted with an account; none if its notes have another shape.
    pub fn of(account: &Account) -> Self {
        account.notes().unwrap_or_default()
    }

    /// Whether the change of this field has not been sent.
    pub fn contains(&self, field: &str) -> bool {
        self.unsent.contains(field)
    }

    /// The account, with the fields that changed with the event added to the noted ones. Other
    /// notes are replaced.
    pub fn noted(account: &Account, profile: &Profile, event: &UserEvent) -> Account {
        let mut fields = Self::of(account);
        let changed = profile.changed(event, &fields);
        fields.unsent.extend(changed.into_iter().map(|(field, _)| field));
        account.clone().with_notes(&fields)
    }

    /// The account, with a note that every change has been sent. Other notes are replaced.
    pub fn cleared(account: &Account) -> Account {
        account.clone().with_notes(&Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::testing::{TestPerson, person};
    use crate::{EventKind, Membership};

    #[track_caller]
    fn check(account: &Account, person: &TestPerson, expected: &str) {
        let Event::User(event) = person.event(EventKind::Update).into() else {
            panic!("an event about a user");
        };
        let noted = UnsentFields::noted(account, &Profile::default(), &event);
        assert_eq!(noted.data, expected);
    }

    #[test]
    fn changed_fields_are_added_to_the_noted_ones() {
        let account = Account::new("7", Membership::Absent);
        let renamed = person("ann").changed("name");
        check(&account, &renamed, r#"{"unsent":["name"]}"#);
        check(&account, &person("ann").changed("locale"), r#"{"unsent":[]}"#);
        let noted = account.with_notes(&serde_json::json!({ "unsent": ["title"] }));
        check(&noted, &renamed, r#"{"unsent":["name","title"]}"#);
        assert!(UnsentFields::of(&noted).contains("title"));
        assert!(!UnsentFields::of(&UnsentFields::cleared(&noted)).contains("title"));
    }

    #[test]
    fn notes_of_another_shape_hold_no_fields() {
        let account = Account::new("7", Membership::Active).with_notes(&[1, 2]);
        assert_eq!(UnsentFields::of(&account), UnsentFields::default());
    }
}
