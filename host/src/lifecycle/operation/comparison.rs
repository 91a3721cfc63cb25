//! The comparison of the directory with an account: which event brings the account to what shall be.
//! Pure.
//!
//! | account | shall be active | shall be inactive | shall be gone |
//! |---|---|---|---|
//! | none known | create | create | nothing |
//! | told the same | nothing | nothing | nothing |
//! | told another profile | update | update, unless absent | |
//! | told active | | deactivate | delete |
//! | told inactive | activate | | delete |
//! | in doubt | activate, or create without an id | deactivate | delete |
//! | not the tenant's own | no update, no password | | |
//!
//! The last document that the app was told, and not its membership, says what an account was brought
//! to: a connector may answer an event with a membership of its own choice. An account in doubt is
//! treated as the worst case for what shall be: as if nothing were there for a person who shall be
//! in, and as if the person were there for one who shall be out.

use serde_json::{Map, Value};

use crate::decision::{Account, EventKind, Membership};
use crate::scim::Resource;
use crate::store::AccountRow;

use super::event;

/// The event that brings an account to what shall be, with the attributes to tell.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::lifecycle) struct Comparison {
    /// None if the app is not asked.
    pub(in crate::lifecycle) event: Option<EventKind>,
    pub(in crate::lifecycle) changes: Vec<String>,
    /// Whether an attribute differs.
    pub(in crate::lifecycle) differs: bool,
}

/// Compares a user as it shall be with its account. `told` is the document that the app was last
/// told, `own` whether the account is the tenant's (`ownership.rs`).
pub(in crate::lifecycle) fn of_user(
    account: Option<&AccountRow>,
    told: &Resource,
    shall: &Resource,
    password: bool,
    own: bool,
) -> Comparison {
    let difference = event::of_user(told, shall, password);
    let differs = difference.changes.len() > usize::from(password);
    let Some(account) = account else {
        return Comparison { event: Some(EventKind::Create), changes: Vec::new(), differs };
    };
    let (event, changes) = match (account.doubt, shall.active()) {
        (true, true) if account.account.is_none() => (Some(EventKind::Create), Vec::new()),
        (true, true) => (Some(EventKind::Activate), everything(shall, difference.changes)),
        (true, false) => (Some(EventKind::Deactivate), difference.changes),
        (false, _) => match difference.kind {
            // A returning person is told everything: the account may have changed in between.
            Some(EventKind::Activate) => {
                (Some(EventKind::Activate), everything(shall, difference.changes))
            }
            Some(EventKind::Update) if !shall.active() && is_absent(account) => {
                (None, difference.changes)
            }
            Some(EventKind::Update | EventKind::Password) if !own && account.account.is_some() => {
                (None, difference.changes)
            }
            other => (other, difference.changes),
        },
    };
    Comparison { event, changes, differs }
}

/// Compares a group as it shall be with its account. `members` is whether the app is told of members.
pub(in crate::lifecycle) fn of_group(
    account: Option<&AccountRow>,
    told: &Resource,
    shall: &Resource,
    members: bool,
) -> Comparison {
    let difference = event::of_group(told, shall, members);
    let differs = difference.changes.len() > usize::from(members);
    let (event, changes) = match account {
        None => (Some(EventKind::GroupCreate), Vec::new()),
        Some(account) if account.doubt => match account.account {
            None => (Some(EventKind::GroupCreate), Vec::new()),
            Some(_) => (Some(EventKind::GroupUpdate), everything(shall, difference.changes)),
        },
        Some(_) => (difference.kind, difference.changes),
    };
    Comparison { event, changes, differs }
}

/// Whether the app is still to be told that a resource is gone: its deletion was recorded and not
/// carried out, or the account is in doubt.
pub(in crate::lifecycle) fn of_gone(account: &AccountRow) -> bool {
    account.doubt || account.told.is_some()
}

/// Whether the account is not in the tenant's organisation.
pub(in crate::lifecycle) fn is_absent(account: &AccountRow) -> bool {
    account.account.as_ref().is_none_or(|account| account.membership == Membership::Absent)
}

/// Whether the account is known to be without access.
pub(in crate::lifecycle) fn is_out(account: &AccountRow) -> bool {
    let active = |account: &Account| account.membership == Membership::Active;
    !account.doubt && !account.account.as_ref().is_some_and(active)
}

/// What the app may have been told once a call about a goal may have had its effect: the goal, and each
/// attribute of what it was told before that the goal does not have. So a comparison finds all that is
/// to be told again, attributes that the directory does not have among them.
pub(in crate::lifecycle) fn may_have_been_told(
    goal: &str,
    told: Option<&str>,
) -> serde_json::Result<String> {
    let Some(told) = told else { return Ok(goal.to_owned()) };
    let mut all: Map<String, Value> = serde_json::from_str(goal)?;
    for (name, value) in serde_json::from_str::<Map<String, Value>>(told)? {
        match (all.get_mut(&name), value) {
            // An extension, by its URN.
            (Some(Value::Object(all)), Value::Object(told)) if name.contains(':') => {
                told.into_iter().for_each(|(name, value)| {
                    all.entry(name).or_insert(value);
                });
            }
            (Some(_), _) => {}
            (None, value) => {
                all.insert(name, value);
            }
        }
    }
    serde_json::to_string(&all)
}

/// All attributes that the resource shall have, and what else changes: attributes that the app was
/// told and the resource shall not have, and the password or the members.
fn everything(shall: &Resource, changes: Vec<String>) -> Vec<String> {
    let mut all = Resource::changes(&Resource::default(), shall);
    for name in changes {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::ResourceKind;

    #[test]
    fn an_app_may_have_been_told_the_goal_and_what_it_was_told_before() {
        let told = |goal: &str, told: Option<&str>| may_have_been_told(goal, told).unwrap();
        assert_eq!(told(r#"{"id":"1","title":"T"}"#, None), r#"{"id":"1","title":"T"}"#);
        let merged = told(
            r#"{"id":"1","title":"T","urn:x":{"cost":1}}"#,
            Some(r#"{"id":"1","title":"S","nickName":"N","urn:x":{"cost":2,"site":"Bern"}}"#),
        );
        let merged: Value = serde_json::from_str(&merged).unwrap();
        let expected = serde_json::json!({
            "id": "1", "title": "T", "nickName": "N", "urn:x": { "cost": 1, "site": "Bern" }
        });
        assert_eq!(merged, expected);
    }

    fn row(account: Option<Membership>, doubt: bool) -> AccountRow {
        AccountRow {
            account: account.map(|membership| Account {
                id: "u1".to_owned(),
                membership,
                data: String::new(),
            }),
            doubt,
            ..AccountRow::unknown("acme", "1".to_owned(), ResourceKind::User, "ada")
        }
    }

    fn user(active: bool, title: &str) -> Resource {
        let text = format!(r#"{{"id":"1","userName":"ada","active":{active},"title":"{title}"}}"#);
        Resource::from_json(&text).unwrap()
    }

    #[track_caller]
    fn check(
        account: Option<(Option<Membership>, bool)>,
        told: (bool, &str),
        shall: (bool, &str),
        expected: Option<EventKind>,
    ) {
        let account = account.map(|(membership, doubt)| row(membership, doubt));
        let (told, shall) = (user(told.0, told.1), user(shall.0, shall.1));
        assert_eq!(of_user(account.as_ref(), &told, &shall, false, true).event, expected);
    }

    #[test]
    fn what_the_app_was_told_and_what_shall_be_name_the_event() {
        use Membership::{Absent, Active, Suspended};
        let (on, off) = ((true, "x"), (false, "x"));
        let active = Some((Some(Active), false));
        check(None, on, on, Some(EventKind::Create));
        check(active, on, on, None);
        check(active, on, off, Some(EventKind::Deactivate));
        check(active, on, (true, "y"), Some(EventKind::Update));
        check(Some((Some(Suspended), false)), off, (false, "y"), Some(EventKind::Update));
        check(Some((Some(Absent), false)), off, (false, "y"), None);
        check(Some((None, false)), off, (false, "y"), None);
        check(Some((Some(Absent), false)), off, on, Some(EventKind::Activate));
    }

    #[test]
    fn doubt_is_the_worst_case_for_what_shall_be() {
        use Membership::{Absent, Active};
        let (on, off) = ((true, "x"), (false, "x"));
        check(Some((None, true)), on, on, Some(EventKind::Create));
        check(Some((Some(Active), true)), on, on, Some(EventKind::Activate));
        check(Some((Some(Absent), true)), off, off, Some(EventKind::Deactivate));
        check(Some((None, true)), off, off, Some(EventKind::Deactivate));
    }

    #[test]
    fn the_profile_and_password_of_an_account_that_is_not_the_tenants_own_stay() {
        let account = row(Some(Membership::Active), false);
        let (told, shall) = (user(true, "x"), user(true, "y"));
        for password in [false, true] {
            let comparison = of_user(Some(&account), &told, &shall, password, false);
            assert_eq!(comparison.event, None);
            assert!(comparison.differs && !comparison.changes.is_empty());
        }
        let left = of_user(Some(&account), &told, &user(false, "y"), true, false);
        assert_eq!(left.event, Some(EventKind::Deactivate));
    }

    #[test]
    fn a_returning_person_is_told_everything() {
        let account = row(Some(Membership::Absent), false);
        let (told, shall) = (user(false, "x"), user(true, "x"));
        let comparison = of_user(Some(&account), &told, &shall, true, true);
        assert_eq!(comparison.changes, ["userName", "active", "title", "password"]);
        // What was taken away in between, too.
        let shall = Resource::from_json(r#"{"id":"1","userName":"ada","active":true}"#).unwrap();
        let comparison = of_user(Some(&account), &told, &shall, false, true);
        assert_eq!(comparison.changes, ["userName", "active", "title"]);
    }
}
