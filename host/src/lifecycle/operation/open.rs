//! The open operations, by lane and by tenant.
//!
//! By lane, since a new request joins or waits for the operations that are open on its resource; by
//! tenant, since each tenant is retried by itself and may have a limited number of them. The
//! journal is the truth; this index in memory saves each request a query.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::lane;
use super::work::Work;

/// An open operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) struct Open {
    pub(in crate::lifecycle) operation: String,
    pub(in crate::lifecycle) fingerprint: String,
}

/// The index of all open operations.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct OpenOperations {
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    /// Oldest first.
    lanes: HashMap<String, Vec<Open>>,
    /// The number of each tenant's operations; tenants without any are left out.
    tenants: HashMap<String, usize>,
    /// The tenant and lanes of each operation, by its id.
    places: HashMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    tenant: String,
    lanes: [String; 2],
}

impl OpenOperations {
    pub(in crate::lifecycle) fn insert(&self, work: &Work) {
        let mut all = self.locked();
        if all.places.contains_key(work.id()) {
            return;
        }
        let place = Place { tenant: work.tenant.id.clone(), lanes: lanes(work) };
        let open = Open { operation: work.id().to_owned(), fingerprint: work.fingerprint.clone() };
        for lane in &place.lanes {
            all.lanes.entry(lane.clone()).or_default().push(open.clone());
        }
        *all.tenants.entry(place.tenant.clone()).or_default() += 1;
        all.places.insert(open.operation, place);
    }

    pub(in crate::lifecycle) fn remove(&self, work: &Work) {
        self.forget(work.id());
    }

    /// Forgets an operation that the journal no longer has open.
    pub(in crate::lifecycle) fn forget(&self, operation: &str) {
        let mut all = self.locked();
        let Some(Place { tenant, lanes }) = all.places.remove(operation) else { return };
        for lane in lanes {
            if let Some(open) = all.lanes.get_mut(&lane) {
                open.retain(|open| open.operation != operation);
                if open.is_empty() {
                    all.lanes.remove(&lane);
                }
            }
        }
        if let Some(count) = all.tenants.get_mut(&tenant) {
            *count -= 1;
            if *count == 0 {
                all.tenants.remove(&tenant);
            }
        }
    }

    /// Forgets the operations of a tenant that was removed.
    pub(in crate::lifecycle) fn forget_tenant(&self, tenant: &str) {
        let mut all = self.locked();
        all.places.retain(|_, place| place.tenant != tenant);
        all.tenants.remove(tenant);
        let own = lane::of_resource(tenant, "");
        all.lanes.retain(|lane, _| !lane.starts_with(&own));
    }

    /// The operations that are open on a lane, oldest first.
    pub(in crate::lifecycle) fn on(&self, lane: &str) -> Vec<Open> {
        self.locked().lanes.get(lane).cloned().unwrap_or_default()
    }

    pub(in crate::lifecycle) fn count(&self) -> usize {
        self.locked().places.len()
    }

    /// How many operations of a tenant are open.
    pub(in crate::lifecycle) fn of(&self, tenant: &str) -> usize {
        self.locked().tenants.get(tenant).copied().unwrap_or_default()
    }

    /// The tenants that have open operations.
    pub(in crate::lifecycle) fn tenants(&self) -> Vec<String> {
        self.locked().tenants.keys().cloned().collect()
    }

    fn locked(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A create is found by the name that it takes, and by the id of its resource.
fn lanes(work: &Work) -> [String; 2] {
    [
        lane::of_subject(&work.tenant.id, work.kind, &work.subject),
        lane::of_resource(&work.tenant.id, &work.resource_id()),
    ]
}
