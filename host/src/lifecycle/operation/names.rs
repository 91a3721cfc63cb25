//! Names that are unique in a tenant: the `userName` of users, and the `displayName` of groups where
//! the tenant's rule says so.
//!
//! A name is looked up before the first call, so that the app is not told of a change that the commit
//! would refuse, and again in the commit, since two requests may ask for it at the same time. An
//! operation that is not finished has its name reserved.

use super::Operations;
use super::change::Change;
use super::journaled::Operation;
use super::resource_lock;
use crate::decision::{EventKind, ResourceKind};
use crate::lifecycle::config::snapshot::Tenant;
use crate::scim::{self, GroupNames};
use crate::store::OperationState;

/// Whether the names of a kind of resource are unique in a tenant.
pub(in crate::lifecycle) fn are_unique(tenant: &Tenant, kind: ResourceKind) -> bool {
    kind == ResourceKind::User || tenant.group_names() == GroupNames::Unique
}

/// The answer if another resource has the name.
pub(in crate::lifecycle) fn taken(kind: ResourceKind, name: &str) -> scim::Error {
    scim::Error::uniqueness(match kind {
        ResourceKind::User => format!("a user with the userName {name} exists already"),
        ResourceKind::Group => format!("a group with the displayName {name} exists already"),
    })
}

impl Operations {
    /// Whether an operation that is not finished gives the name of a change to another resource.
    pub(super) fn is_reserved(&self, tenant: &Tenant, change: &Change) -> bool {
        if !are_unique(tenant, change.kind) || !gives_name(change.event, &change.changes) {
            return false;
        }
        let id = change.after.id();
        let key = resource_lock::of_subject(&tenant.id, change.kind, &change.subject());
        self.unfinished.on(&key).iter().any(|each| {
            each.resource != id
                && !change.supersedes.contains(&each.resource)
                && each.state != OperationState::Held
                && !matches!(each.kind, EventKind::Delete | EventKind::GroupDelete)
        })
    }

    /// Whether another resource has the name that an operation is about to give.
    pub(super) async fn is_taken(&self, operation: &Operation) -> anyhow::Result<bool> {
        if operation.journaled || !operation.gives_unique_name() {
            return Ok(false);
        }
        let (tenant, id) = (&operation.tenant.id, operation.resource_id());
        Ok(match operation.kind {
            ResourceKind::User => {
                let owner = self.store.by_user_name(tenant, &operation.subject).await?;
                owner.is_some_and(|owner| owner.id != id)
            }
            ResourceKind::Group => {
                let name = operation.after.display_name().unwrap_or_default();
                self.store.has_other_group(tenant, name, &id).await?
            }
        })
    }
}

impl Operation {
    /// Whether the operation gives its resource a name that no other may have.
    pub(super) fn gives_unique_name(&self) -> bool {
        gives_name(self.event.kind, &self.event.changes) && are_unique(&self.tenant, self.kind)
    }
}

fn gives_name(event: EventKind, changes: &[String]) -> bool {
    let name = match event.resource_kind() {
        ResourceKind::User => "userName",
        ResourceKind::Group => "displayName",
    };
    matches!(event, EventKind::Create | EventKind::GroupCreate)
        || changes.iter().any(|change| change == name)
}
