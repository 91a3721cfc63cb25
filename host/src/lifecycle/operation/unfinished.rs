//! The index of unfinished operations: open, failed and held, by resource, by name and by tenant.
//!
//! By resource and name, since a newer request meets the operation that is unfinished there; by
//! tenant, since each tenant is retried by itself and may have a limited number of open ones. The
//! journal is the truth; this index in memory saves each request a query.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::journaled::{Operation, takes_away};
use super::resource_lock;
use crate::decision::{EventKind, ResourceKind};
use crate::store::{OperationState, UnfinishedOperation};

/// An unfinished operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) struct UnfinishedRef {
    pub(in crate::lifecycle) operation: String,
    pub(in crate::lifecycle) resource: String,
    pub(in crate::lifecycle) kind: EventKind,
    pub(in crate::lifecycle) state: OperationState,
}

/// The index of all unfinished operations.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct UnfinishedIndex {
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    /// Oldest first.
    by_key: HashMap<String, Vec<UnfinishedRef>>,
    /// The number of each tenant's operations, open and in all; tenants without any are left out.
    tenants: HashMap<String, TenantCount>,
    /// The tenant and keys of each operation, by its id.
    entries: HashMap<String, UnfinishedEntry>,
}

#[derive(Debug, Default)]
struct TenantCount {
    open: usize,
    all: usize,
}

#[derive(Debug)]
struct UnfinishedEntry {
    tenant: String,
    keys: [String; 2],
    open: bool,
    held: bool,
    /// An internal error ended its attempt, and it waits to be made due.
    interrupted: bool,
}

impl UnfinishedIndex {
    /// Adds an operation in this state, or gives it the state.
    pub(in crate::lifecycle) fn insert(&self, operation: &Operation, state: OperationState) {
        let keys = keys(
            &operation.tenant.id,
            operation.kind,
            &operation.subject,
            &operation.resource_id(),
        );
        let found = UnfinishedRef {
            operation: operation.id().to_owned(),
            resource: operation.resource_id(),
            kind: operation.event.kind,
            state,
        };
        self.add(operation.tenant.id.clone(), keys, found);
    }

    /// Adds an operation that the journal has.
    pub(in crate::lifecycle) fn insert_row(&self, row: UnfinishedOperation) {
        let keys = keys(&row.tenant, row.resource_kind, &row.subject, &row.resource);
        let found = UnfinishedRef {
            operation: row.id,
            resource: row.resource,
            kind: row.kind,
            state: row.state,
        };
        self.add(row.tenant, keys, found);
    }

    fn add(&self, tenant: String, keys: [String; 2], found: UnfinishedRef) {
        let mut all = self.locked();
        all.remove(&found.operation);
        for key in &keys {
            all.by_key.entry(key.clone()).or_default().push(found.clone());
        }
        let open = found.state == OperationState::Open;
        let count = all.tenants.entry(tenant.clone()).or_default();
        count.all += 1;
        count.open += usize::from(open);
        let held = found.state == OperationState::Held;
        all.entries.insert(
            found.operation,
            UnfinishedEntry { tenant, keys, open, held, interrupted: false },
        );
    }

    /// Notes whether an operation waits to be made due. True if that is new.
    pub(in crate::lifecycle) fn set_interrupted(&self, operation: &str, interrupted: bool) -> bool {
        let mut all = self.locked();
        let entry = all.entries.get_mut(operation);
        entry.is_some_and(|it| std::mem::replace(&mut it.interrupted, interrupted) != interrupted)
    }

    /// Whether an operation is unfinished.
    pub(in crate::lifecycle) fn contains(&self, operation: &str) -> bool {
        self.locked().entries.contains_key(operation)
    }

    /// Removes an operation that has ended.
    pub(in crate::lifecycle) fn remove(&self, operation: &str) {
        self.locked().remove(operation);
    }

    /// Removes the operations of a resource that a newer one has superseded.
    pub(in crate::lifecycle) fn superseded(&self, tenant: &str, resource: &str, by: &str) {
        let key = resource_lock::of_resource(tenant, resource);
        let mut all = self.locked();
        let older = all.by_key.get(&key).cloned().unwrap_or_default();
        for each in older.iter().filter(|each| each.operation != by) {
            all.remove(&each.operation);
        }
    }

    /// Removes the operations of a tenant that was removed.
    pub(in crate::lifecycle) fn forget_tenant(&self, tenant: &str) {
        let mut all = self.locked();
        all.entries.retain(|_, entry| entry.tenant != tenant);
        all.tenants.remove(tenant);
        let own = resource_lock::of_resource(tenant, "");
        all.by_key.retain(|key, _| !key.starts_with(&own));
    }

    /// The operations that are unfinished under a key, oldest first.
    pub(in crate::lifecycle) fn on(&self, key: &str) -> Vec<UnfinishedRef> {
        self.locked().by_key.get(key).cloned().unwrap_or_default()
    }

    /// Whether an operation takes something away.
    pub(in crate::lifecycle) fn takes_away(&self, operation: &str) -> bool {
        let all = self.locked();
        let key = all.entries.get(operation).map(|entry| &entry.keys[1]);
        let found = key.and_then(|key| all.by_key.get(key)).into_iter().flatten();
        let mut found = found.filter(|each| each.operation == operation);
        found.any(|each| takes_away(each.kind))
    }

    /// Whether nothing is unfinished under a key.
    pub(in crate::lifecycle) fn is_free(&self, key: &str) -> bool {
        !self.locked().by_key.contains_key(key)
    }

    /// How many operations are open.
    pub(in crate::lifecycle) fn count(&self) -> usize {
        self.locked().entries.values().filter(|entry| entry.open).count()
    }

    /// How many operations of a tenant are open.
    pub(in crate::lifecycle) fn of(&self, tenant: &str) -> usize {
        self.locked().tenants.get(tenant).map_or(0, |count| count.open)
    }

    /// The tenants that have open operations.
    pub(in crate::lifecycle) fn tenants(&self) -> Vec<String> {
        let all = self.locked();
        let open = all.tenants.iter().filter(|(_, count)| count.open > 0);
        open.map(|(tenant, _)| tenant.clone()).collect()
    }

    /// The open operations of a tenant.
    pub(in crate::lifecycle) fn open_of(&self, tenant: &str) -> Vec<String> {
        let all = self.locked();
        let open = all.entries.iter().filter(|(_, entry)| entry.open && entry.tenant == tenant);
        open.map(|(operation, _)| operation.clone()).collect()
    }

    /// The resources of a tenant that have held operations.
    pub(in crate::lifecycle) fn held(&self, tenant: &str) -> Vec<(ResourceKind, String)> {
        let own = resource_lock::of_resource(tenant, "");
        let all = self.locked();
        let held =
            all.by_key.iter().filter(|(key, _)| key.starts_with(&own)).flat_map(|(_, all)| all);
        let held = held.filter(|each| each.state == OperationState::Held);
        // Each is found by its name and by its resource.
        let resources: BTreeSet<_> = held.map(|each| (each.resource.clone(), each.kind)).collect();
        resources.into_iter().map(|(resource, kind)| (kind.resource_kind(), resource)).collect()
    }

    /// The tenants that have held operations.
    pub(in crate::lifecycle) fn tenants_with_held(&self) -> BTreeSet<String> {
        let all = self.locked();
        let held = all.entries.values().filter(|entry| entry.held);
        held.map(|entry| entry.tenant.clone()).collect()
    }

    fn locked(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn remove(&mut self, operation: &str) {
        let Some(UnfinishedEntry { tenant, keys, open, .. }) = self.entries.remove(operation)
        else {
            return;
        };
        for key in keys {
            if let Some(found) = self.by_key.get_mut(&key) {
                found.retain(|each| each.operation != operation);
                if found.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
        if let Some(count) = self.tenants.get_mut(&tenant) {
            count.all -= 1;
            count.open -= usize::from(open);
            if count.all == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }
}

/// A create is found by the name that it takes, and by the id of its resource.
fn keys(tenant: &str, kind: ResourceKind, subject: &str, resource: &str) -> [String; 2] {
    [resource_lock::of_subject(tenant, kind, subject), resource_lock::of_resource(tenant, resource)]
}
