//! The queue of resources whose account is to be compared with the directory.
//!
//! It is in memory only: what it holds can be found again in the database, and a start does so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::decision::ResourceKind;

/// A resource to be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::lifecycle) struct Comparable {
    pub(in crate::lifecycle) tenant: String,
    pub(in crate::lifecycle) kind: ResourceKind,
    pub(in crate::lifecycle) resource: String,
}

/// The time of a comparison that waits until the operation on its resource has ended: after any date.
const AFTER_THE_OPERATION: &str = "~";

/// The resources to be compared, each not before a time, RFC 3339; an empty time is now.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct ComparisonQueue {
    waiting: Mutex<HashMap<Comparable, String>>,
    running: Arc<AtomicUsize>,
    added: tokio::sync::Notify,
}

/// A comparison that was taken from the queue and has not ended.
#[derive(Debug)]
pub(in crate::lifecycle) struct RunningComparison(Arc<AtomicUsize>);

impl Drop for RunningComparison {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ComparisonQueue {
    /// Adds a resource that can be compared now.
    pub(in crate::lifecycle) fn add(&self, tenant: &str, kind: ResourceKind, resource: &str) {
        self.add_late(tenant, kind, resource, "");
    }

    /// Adds a resource that can be compared at a time; the earlier of two times counts.
    pub(in crate::lifecycle) fn add_late(
        &self,
        tenant: &str,
        kind: ResourceKind,
        resource: &str,
        at: &str,
    ) {
        let (tenant, resource) = (tenant.to_owned(), resource.to_owned());
        let mut waiting = self.locked();
        let time =
            waiting.entry(Comparable { tenant, kind, resource }).or_insert_with(|| at.to_owned());
        if at < time.as_str() {
            at.clone_into(time);
        }
        drop(waiting);
        self.added.notify_one();
    }

    /// Adds a resource that can be compared when the operation that is open on it has ended.
    pub(in crate::lifecycle) fn add_after_operation(
        &self,
        tenant: &str,
        kind: ResourceKind,
        resource: &str,
    ) {
        self.add_late(tenant, kind, resource, AFTER_THE_OPERATION);
    }

    /// Makes the comparison due that waits for the end of an operation, if there is one.
    pub(in crate::lifecycle) fn operation_ended(
        &self,
        tenant: &str,
        kind: ResourceKind,
        resource: &str,
    ) {
        let mut waiting = self.locked();
        if waiting.is_empty() {
            return;
        }
        let (tenant, resource) = (tenant.to_owned(), resource.to_owned());
        if let Some(at) = waiting.get_mut(&Comparable { tenant, kind, resource })
            && at == AFTER_THE_OPERATION
        {
            at.clear();
            drop(waiting);
            self.added.notify_one();
        }
    }

    /// Takes what a tenant has to compare at this time. Each counts as running until its guard is
    /// dropped.
    pub(in crate::lifecycle) fn take(
        &self,
        tenant: &str,
        now: &str,
    ) -> Vec<(Comparable, RunningComparison)> {
        let mut waiting = self.locked();
        let due = |(each, at): (&Comparable, &String)| {
            (each.tenant == tenant && at.as_str() <= now).then(|| each.clone())
        };
        let taken: Vec<Comparable> = waiting.iter().filter_map(due).collect();
        let take = |each: Comparable| {
            waiting.remove(&each);
            (each, self.run())
        };
        taken.into_iter().map(take).collect()
    }

    /// The tenants that have something to compare at this time.
    pub(in crate::lifecycle) fn tenants(&self, now: &str) -> Vec<String> {
        let waiting = self.locked();
        let due = waiting.iter().filter(|(_, at)| at.as_str() <= now);
        let mut tenants: Vec<String> = due.map(|(each, _)| each.tenant.clone()).collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }

    /// How many resources wait.
    pub(in crate::lifecycle) fn len(&self) -> usize {
        self.locked().len()
    }

    /// How many resources can be compared at this time or are being compared.
    pub(in crate::lifecycle) fn count_due(&self, now: &str) -> usize {
        let due = self.locked().values().filter(|at| at.as_str() <= now).count();
        due + self.running.load(Ordering::Relaxed)
    }

    /// Counts a comparison until the guard is dropped.
    pub(in crate::lifecycle) fn run(&self) -> RunningComparison {
        self.running.fetch_add(1, Ordering::Relaxed);
        RunningComparison(Arc::clone(&self.running))
    }

    pub(in crate::lifecycle) fn forget_tenant(&self, tenant: &str) {
        self.locked().retain(|each, _| each.tenant != tenant);
    }

    /// Completes when something was added.
    pub(in crate::lifecycle) async fn added(&self) {
        self.added.notified().await;
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Comparable, String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-30T08:00:00.000Z";

    #[test]
    fn a_comparison_waits_for_the_end_of_the_operation_on_its_resource() {
        let queue = ComparisonQueue::default();
        let due = || queue.take("acme", NOW).len();
        queue.operation_ended("acme", ResourceKind::User, "u1");
        assert_eq!(due(), 0, "nothing waits");
        queue.add_after_operation("acme", ResourceKind::User, "u1");
        queue.operation_ended("acme", ResourceKind::User, "u2");
        assert_eq!((due(), queue.tenants(NOW)), (0, Vec::new()));
        queue.operation_ended("acme", ResourceKind::User, "u1");
        assert_eq!(queue.tenants(NOW), ["acme"]);
        assert_eq!((due(), due()), (1, 0));
    }

    #[test]
    fn a_comparison_that_waits_for_a_time_or_an_operation_is_made_at_the_earlier() {
        let queue = ComparisonQueue::default();
        queue.add_after_operation("acme", ResourceKind::User, "u1");
        queue.add_late("acme", ResourceKind::User, "u1", "2026-11-30T08:00:01.000Z");
        assert_eq!(queue.take("acme", NOW).len(), 0);
        queue.add_after_operation("acme", ResourceKind::User, "u1");
        queue.operation_ended("acme", ResourceKind::User, "u1");
        assert_eq!(queue.take("acme", NOW).len(), 0, "a late call may still arrive");
        assert_eq!(queue.take("acme", "2026-11-30T08:00:01.000Z").len(), 1);
    }
}
