//! Admission of changes: protection, a pause or a disconnect may keep a change from the app. Pure.

use super::change::Change;
use crate::decision::EventKind;
use crate::lifecycle::config::snapshot::{Tenant, TenantState};
use crate::scim;
use crate::store::{AccountRow, OperationState};

/// Whether a change may go on to the app: none if so, else the state and the note for the journal.
pub(in crate::lifecycle) fn admitted(
    tenant: &Tenant,
    change: &Change,
    account: Option<&AccountRow>,
) -> Result<Option<(OperationState, &'static str)>, scim::Error> {
    refuse_protected(change, account)?;
    // A job of an operator is carried out in any state of the tenant.
    match change.batch {
        Some(_) => Ok(None),
        None => withheld(tenant.state, change.event, account),
    }
}

/// Protected accounts are never deactivated or deleted.
fn refuse_protected(change: &Change, account: Option<&AccountRow>) -> Result<(), scim::Error> {
    if change.event.deprovisions() && account.is_some_and(|account| account.protected) {
        return Err(scim::Error::new(
            403,
            "this account is protected and is never deactivated or deleted through SCIM; \
             an operator can lift the protection",
        ));
    }
    Ok(())
}

/// Whether the tenant's state keeps the change from the app: none if not, else the state and the
/// note for the journal.
pub(in crate::lifecycle) fn withheld(
    tenant: TenantState,
    event: EventKind,
    account: Option<&AccountRow>,
) -> Result<Option<(OperationState, &'static str)>, scim::Error> {
    let released = account.is_some_and(|account| !account.connected);
    Ok(match tenant {
        TenantState::Connected if released && event.deprovisions() => {
            Some((OperationState::Dropped, "released earlier: this account is no longer managed"))
        }
        TenantState::Connected => None,
        TenantState::Paused | TenantState::Disconnecting if event.deprovisions() => {
            Some((OperationState::Held, "held: the tenant is paused or disconnecting"))
        }
        TenantState::Paused | TenantState::Disconnecting => None,
        TenantState::Disconnected if event.deprovisions() => {
            Some((OperationState::Dropped, "the integration is disconnected: nothing was changed"))
        }
        TenantState::Disconnected => {
            return Err(scim::Error::new(
                403,
                "this integration is disconnected; an operator can connect it again",
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use TenantState::{Connected, Disconnected, Disconnecting, Paused};

    use super::*;
    use crate::decision::ResourceKind;

    /// `goes on`, the state of the operation if it is kept back, or the status of the refusal.
    #[track_caller]
    fn check(tenant: TenantState, event: EventKind, managed: bool, expected: &str) {
        let account = AccountRow {
            tenant: "acme".to_owned(),
            resource: "7".to_owned(),
            kind: ResourceKind::User,
            user_name: "ada".to_owned(),
            external_id: None,
            account: None,
            connected: managed,
            protected: false,
        };
        let said = match withheld(tenant, event, Some(&account)) {
            Ok(None) => "goes on".to_owned(),
            Ok(Some((state, _))) => state.name().to_owned(),
            Err(error) => error.status.to_string(),
        };
        assert_eq!(said, expected, "{tenant:?} {event:?}");
    }

    #[test]
    fn only_a_connected_tenant_deprovisions_and_only_people_it_manages() {
        for event in [EventKind::Deactivate, EventKind::Delete] {
            check(Connected, event, true, "goes on");
            check(Connected, event, false, "dropped");
            check(Paused, event, true, "held");
            check(Disconnecting, event, true, "held");
            check(Disconnected, event, true, "dropped");
        }
    }

    #[test]
    fn a_paused_tenant_still_provisions_and_a_disconnected_one_does_not() {
        for event in [EventKind::Create, EventKind::Update, EventKind::Activate] {
            check(Connected, event, false, "goes on");
            check(Paused, event, true, "goes on");
            check(Disconnecting, event, true, "goes on");
            check(Disconnected, event, true, "403");
        }
    }
}
