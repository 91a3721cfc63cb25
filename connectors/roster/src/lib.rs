//! The roster connector, for apps that read their users from muster's directory and have no
//! accounts of their own.
//!
//! It makes no calls. A user's account has the SCIM id.

use muster_connector::{
    Account, App, Connector, Context, Decision, GroupEvent, Membership, NoSettings, Outcome,
    UserEvent,
};

/// The connector.
pub struct Roster;

muster_connector::export!(Roster, manifest: "manifest.json");

impl Connector for Roster {
    type Settings = NoSettings;

    fn create(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(user_entry(event, "On the roster"))
    }

    fn update(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(user_entry(event, "Still on the roster"))
    }

    fn activate(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(user_entry(event, "On the roster again"))
    }

    fn deactivate(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(user_entry(event, "Kept on the roster"))
    }

    fn delete(&self, _: &mut App, _: &Context, _: &UserEvent) -> Decision {
        Ok(Outcome::new(None, "Struck off the roster."))
    }

    fn group_create(&self, _: &mut App, _: &Context, event: &GroupEvent) -> Decision {
        Ok(group_entry(event))
    }

    fn group_update(&self, _: &mut App, _: &Context, event: &GroupEvent) -> Decision {
        Ok(group_entry(event))
    }

    fn group_delete(&self, _: &mut App, _: &Context, _: &GroupEvent) -> Decision {
        Ok(Outcome::new(None, "The group is gone from the roster."))
    }
}

fn user_entry(event: &UserEvent, what: &str) -> Outcome {
    let (membership, state) = match event.user.active {
        true => (Membership::Active, "active"),
        false => (Membership::Suspended, "suspended"),
    };
    Outcome::new(Account::new(&event.user.id, membership), format!("{what}, {state}."))
}

fn group_entry(event: &GroupEvent) -> Outcome {
    Outcome::new(Account::new(&event.group.id, Membership::Active), "The group is on the roster.")
}

#[cfg(test)]
mod tests {
    use muster_connector::EventKind::{
        Activate, Create, Deactivate, Delete, GroupCreate, GroupDelete, GroupUpdate, Password,
        Release, Update,
    };
    use muster_connector::Membership::{Active, Suspended};
    use muster_connector::testing::{TestPerson, context, group, manifest, person, script};
    use muster_connector::{EventKind, Refusal, Visibility};

    use super::*;

    #[track_caller]
    fn check(
        kind: EventKind,
        who: &TestPerson,
        before: Option<Membership>,
        after: Option<Membership>,
    ) {
        let context = match before {
            Some(membership) => context().account(Account::new("scim-1", membership)),
            None => context(),
        };
        let outcome = script(&Roster, &context, &who.event(kind), &[]).unwrap();
        let expected = after.map(|membership| Account::new("scim-1", membership));
        assert_eq!(outcome.account, expected);
        assert_eq!(outcome.visibility, Visibility::Present);
        assert!(outcome.note.ends_with('.'), "{}", outcome.note);
    }

    #[test]
    fn a_user_has_an_entry_with_the_state_that_the_identity_provider_sets() {
        let (ann, away) = (person("ann@example.com"), person("ann@example.com").inactive());
        for before in [None, Some(Active), Some(Suspended)] {
            check(Create, &ann, before, Some(Active));
            check(Create, &away, before, Some(Suspended));
            check(Update, &ann, before, Some(Active));
            check(Update, &away, before, Some(Suspended));
            check(Activate, &ann, before, Some(Active));
            check(Deactivate, &away, before, Some(Suspended));
            check(Delete, &ann, before, None);
            check(Release, &ann, before, before);
        }
    }

    #[test]
    fn a_group_has_an_entry_until_it_is_deleted() {
        let group = group("Engineers").joined("ann", Account::new("scim-1", Active));
        for (kind, account) in
            [(GroupCreate, Some("scim-g")), (GroupUpdate, Some("scim-g")), (GroupDelete, None)]
        {
            let outcome = script(&Roster, &context(), &group.event(kind), &[]).unwrap();
            assert_eq!(outcome.account.map(|account| account.id).as_deref(), account, "{kind:?}");
        }
    }

    #[test]
    fn passwords_are_unsupported() {
        let refusal = script(&Roster, &context(), &person("ann").event(Password), &[]).unwrap_err();
        assert!(matches!(refusal, Refusal::Unsupported(_)), "{refusal:?}");
    }

    #[test]
    fn the_manifest_is_valid() {
        assert_eq!(manifest::<Roster>()["version"], env!("CARGO_PKG_VERSION"));
    }
}
