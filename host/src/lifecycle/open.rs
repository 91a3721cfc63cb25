//! Which operations are under way, by lane: what a new request must wait for, or may join.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::lane;
use super::work::Work;

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) operation: String,
    pub(super) fingerprint: String,
}

/// All of them. The journal is the truth; this spares a query for each request.
#[derive(Debug, Default)]
pub(super) struct OpenOperations {
    lanes: Mutex<HashMap<String, Vec<Open>>>,
}

impl OpenOperations {
    pub(super) fn insert(&self, work: &Work) {
        let open = Open { operation: work.id().to_owned(), fingerprint: work.fingerprint.clone() };
        let mut lanes = self.locked();
        for lane in keys(work) {
            let lane = lanes.entry(lane).or_default();
            if !lane.contains(&open) {
                lane.push(open.clone());
            }
        }
    }

    pub(super) fn remove(&self, work: &Work) {
        let mut lanes = self.locked();
        if lanes.is_empty() {
            return;
        }
        for key in keys(work) {
            if let Some(lane) = lanes.get_mut(&key) {
                lane.retain(|open| open.operation != work.id());
                if lane.is_empty() {
                    lanes.remove(&key);
                }
            }
        }
    }

    /// Forgets an operation that the journal no longer has open.
    pub(super) fn forget(&self, operation: &str) {
        self.locked().retain(|_, lane| {
            lane.retain(|open| open.operation != operation);
            !lane.is_empty()
        });
    }

    /// Oldest first.
    pub(super) fn on(&self, lane: &str) -> Vec<Open> {
        self.locked().get(lane).cloned().unwrap_or_default()
    }

    pub(super) fn count(&self) -> usize {
        let lanes = self.locked();
        let operations: HashSet<&str> =
            lanes.values().flatten().map(|open| open.operation.as_str()).collect();
        operations.len()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Vec<Open>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A create is found by the name that it takes, and by the resource that it makes.
fn keys(work: &Work) -> [String; 2] {
    [
        lane::of_subject(&work.tenant.id, work.kind, &work.subject),
        lane::of_resource(&work.tenant.id, &work.resource_id()),
    ]
}
