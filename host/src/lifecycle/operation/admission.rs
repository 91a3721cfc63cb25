//! Admission: protection, a pause or a disconnect may keep an event from the app. Pure.
//!
//! It is asked before an operation begins, before each attempt, and before each call, so that a
//! pause lets at most the call in flight through.

use crate::decision::{EventKind, Membership};
use crate::lifecycle::config::snapshot::TenantState;
use crate::scim;
use crate::store::AccountRow;

/// Whether an event may reach the app.
#[derive(Debug)]
pub(in crate::lifecycle) enum Admission {
    /// The connector is asked.
    Proceed,
    /// The directory changes and the app does not, until the hold ends.
    Hold(&'static str),
    /// The directory changes and the app does not.
    Drop(&'static str),
    /// Nothing changes.
    Refuse(scim::Error),
}

/// Decides about an event for this account. An operation of a job is carried out in any state of the
/// tenant.
pub(in crate::lifecycle) fn check(
    tenant: TenantState,
    event: EventKind,
    account: Option<&AccountRow>,
    of_job: bool,
) -> Admission {
    if event.deprovisions() && account.is_some_and(|account| account.protected) {
        return Admission::Refuse(scim::Error::new(
            403,
            "this account is protected and is never deactivated or deleted through SCIM; \
             an operator can lift the protection",
        ));
    }
    if of_job {
        return Admission::Proceed;
    }
    let released = account.is_some_and(|account| !account.connected);
    let takes_away = event.deprovisions() || event == EventKind::GroupDelete;
    match tenant {
        TenantState::Connected | TenantState::Paused if released && !creates(event) => {
            Admission::Refuse(scim::Error::new(
                403,
                "this account was released and is no longer managed by this integration; \
                 an operator can manage it again: muster tenant connect --manage-released",
            ))
        }
        TenantState::Connected => Admission::Proceed,
        TenantState::Paused | TenantState::Disconnecting if event.deprovisions() => {
            Admission::Hold("held: the tenant is paused or disconnecting")
        }
        TenantState::Disconnecting if released && !creates(event) => {
            Admission::Refuse(scim::Error::new(403, "this integration is being disconnected"))
        }
        TenantState::Paused | TenantState::Disconnecting => Admission::Proceed,
        TenantState::Disconnected if takes_away => {
            Admission::Drop("the integration is disconnected: the app was not changed")
        }
        TenantState::Disconnected => Admission::Refuse(scim::Error::new(
            403,
            "this integration is disconnected; an operator can connect it again",
        )),
    }
}

/// The event as far as admission is concerned: a creation of a person who shall be inactive takes the
/// account of the same person from before out of the app.
pub(in crate::lifecycle) fn effective_event(
    event: EventKind,
    active: bool,
    account: Option<&AccountRow>,
) -> EventKind {
    let is_in = |account: &AccountRow| {
        account.doubt
            || account.account.as_ref().is_some_and(|it| it.membership == Membership::Active)
    };
    match event {
        EventKind::Create if !active && account.is_some_and(is_in) => EventKind::Deactivate,
        other => other,
    }
}

fn creates(event: EventKind) -> bool {
    matches!(event, EventKind::Create | EventKind::GroupCreate)
}

#[cfg(test)]
mod tests {
    use TenantState::{Connected, Disconnected, Disconnecting, Paused};

    use super::*;
    use crate::decision::ResourceKind;

    #[track_caller]
    fn check(tenant: TenantState, event: EventKind, managed: bool, expected: &str) {
        let account = AccountRow {
            connected: managed,
            ..AccountRow::unknown("acme", "7".to_owned(), ResourceKind::User, "ada")
        };
        let said = match super::check(tenant, event, Some(&account), false) {
            Admission::Proceed => "proceed".to_owned(),
            Admission::Hold(_) => "held".to_owned(),
            Admission::Drop(_) => "dropped".to_owned(),
            Admission::Refuse(error) => error.status.to_string(),
        };
        assert_eq!(said, expected, "{tenant:?} {event:?}");
    }

    #[test]
    fn only_a_connected_tenant_deprovisions_and_only_people_it_manages() {
        for event in [EventKind::Deactivate, EventKind::Delete] {
            check(Connected, event, true, "proceed");
            check(Connected, event, false, "403");
            check(Paused, event, true, "held");
            check(Disconnecting, event, true, "held");
            check(Disconnected, event, true, "dropped");
        }
    }

    #[test]
    fn a_paused_tenant_still_provisions_and_a_disconnected_one_does_not() {
        for event in [EventKind::Create, EventKind::Update, EventKind::Activate] {
            check(Connected, event, true, "proceed");
            check(Paused, event, true, "proceed");
            check(Disconnecting, event, true, "proceed");
            check(Disconnected, event, true, "403");
        }
    }

    #[test]
    fn a_write_about_a_released_person_is_refused_and_a_new_person_is_created() {
        check(Connected, EventKind::Update, false, "403");
        check(Connected, EventKind::Activate, false, "403");
        check(Paused, EventKind::Deactivate, false, "403");
        check(Disconnecting, EventKind::Update, false, "403");
        // The wave of a customer who leaves is acknowledged.
        check(Disconnecting, EventKind::Deactivate, false, "held");
        check(Connected, EventKind::Create, false, "proceed");
    }
}
