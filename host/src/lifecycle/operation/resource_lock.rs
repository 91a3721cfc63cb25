//! Resource locks: changes of one resource are decided one after another, of different resources in
//! parallel.
//!
//! Each resource has one lock. It is held while a change is decided, and by default until
//! the change is durable. When many changes of one resource come at the same time, as when an
//! identity provider assigns many people to one group, the holder releases the lock early and
//! leaves the decided state behind: the next holder decides from this uncommitted state, and both
//! commits share a transaction.
//!
//! If a commit fails, everything that was decided from its state fails too. From then on the lock
//! is broken: the next holder waits until nothing is uncommitted, and starts from the durable
//! state.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedMutexGuard};

use crate::decision::ResourceKind;
use crate::scim::name::comparable;

/// The locks that are in use. `S` is the uncommitted state of a resource.
#[derive(Debug)]
pub(in crate::lifecycle) struct ResourceLocks<S> {
    states: Arc<Mutex<HashMap<String, Arc<LockState<S>>>>>,
}

impl<S> Clone for ResourceLocks<S> {
    fn clone(&self) -> Self {
        Self { states: Arc::clone(&self.states) }
    }
}

impl<S> Default for ResourceLocks<S> {
    fn default() -> Self {
        Self { states: Arc::default() }
    }
}

#[derive(Debug)]
struct LockState<S> {
    turn: Arc<tokio::sync::Mutex<()>>,
    queue: Mutex<UncommittedQueue<S>>,
    durable: Notify,
}

/// The states that were decided and are not durable yet, in this order.
#[derive(Debug)]
struct UncommittedQueue<S> {
    uncommitted: VecDeque<(u64, S)>,
    next: u64,
    /// How many commits failed.
    failed: u64,
    /// A commit failed, and so all will that were decided after it.
    broken: bool,
}

impl<S: Clone> UncommittedQueue<S> {
    fn known(&self) -> (bool, Vec<S>) {
        (self.broken, self.uncommitted.iter().map(|(_, state)| state.clone()).collect())
    }
}

impl<S> Default for LockState<S> {
    fn default() -> Self {
        let queue =
            UncommittedQueue { uncommitted: VecDeque::new(), next: 0, failed: 0, broken: false };
        Self { turn: Arc::default(), queue: Mutex::new(queue), durable: Notify::new() }
    }
}

impl<S> LockState<S> {
    fn queue(&self) -> MutexGuard<'_, UncommittedQueue<S>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing is uncommitted.
    async fn wait_until_durable(&self) {
        loop {
            let durable = self.durable.notified();
            if self.queue().uncommitted.is_empty() {
                return;
            }
            durable.await;
        }
    }
}

/// The lock guard of one resource, until it is dropped or released early.
#[derive(Debug)]
pub(in crate::lifecycle) struct LockGuard<S> {
    _turn: OwnedMutexGuard<()>,
    slot: LockSlot<S>,
    /// How many commits had failed when the lock was acquired.
    failed: u64,
}

/// A decided change whose lock was released before it is durable.
#[derive(Debug)]
pub(in crate::lifecycle) struct PendingCommit<S> {
    slot: LockSlot<S>,
    number: u64,
    well: bool,
}

/// A reference to a state, which is removed with its last reference.
#[derive(Debug)]
struct LockSlot<S> {
    locks: ResourceLocks<S>,
    key: String,
    /// Some until it is dropped.
    state: Option<Arc<LockState<S>>>,
}

impl<S> LockSlot<S> {
    fn state(&self) -> &LockState<S> {
        self.state.as_deref().expect("only a drop takes it away")
    }
}

/// The lock of a resource that exists.
pub(in crate::lifecycle) fn of_resource(tenant: &str, id: &str) -> String {
    format!("{tenant}/{id}")
}

/// The lock of a resource that is about to be created, by its name as names are compared.
pub(in crate::lifecycle) fn of_subject(tenant: &str, kind: ResourceKind, subject: &str) -> String {
    format!("{tenant}/{}/{}", kind.name(), comparable(subject))
}

impl<S> ResourceLocks<S> {
    /// Locks the resource, and waits until all earlier changes of it are durable.
    pub(in crate::lifecycle) async fn acquire(&self, key: String) -> LockGuard<S> {
        let lock = self.turn(key).await;
        lock.wait_until_durable().await;
        lock
    }

    /// The same, unless another task holds the lock. It is for a caller that holds a lock already: two callers
    /// that wait for each other's locks would wait for ever.
    pub(in crate::lifecycle) async fn try_acquire(&self, key: String) -> Option<LockGuard<S>> {
        let slot = self.slot(key);
        let _turn = Arc::clone(&slot.state().turn).try_lock_owned().ok()?;
        let failed = slot.state().queue().failed;
        let lock = LockGuard { _turn, slot, failed };
        lock.wait_until_durable().await;
        Some(lock)
    }

    fn slot(&self, key: String) -> LockSlot<S> {
        let state = Arc::clone(self.locked().entry(key.clone()).or_default());
        LockSlot { locks: self.clone(), key, state: Some(state) }
    }

    async fn turn(&self, key: String) -> LockGuard<S> {
        let slot = self.slot(key);
        let _turn = Arc::clone(&slot.state().turn).lock_owned().await;
        let failed = slot.state().queue().failed;
        LockGuard { _turn, slot, failed }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Arc<LockState<S>>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Clone> ResourceLocks<S> {
    /// Locks the resource once all earlier changes of it are decided. Returns the states that are
    /// not durable yet, oldest first.
    pub(in crate::lifecycle) async fn acquire_speculative(
        &self,
        key: String,
    ) -> (LockGuard<S>, Vec<S>) {
        let lock = self.turn(key).await;
        let (broken, uncommitted) = lock.slot.state().queue().known();
        if !broken {
            return (lock, uncommitted);
        }
        lock.wait_until_durable().await;
        (lock, Vec::new())
    }
}

impl<S> LockGuard<S> {
    /// Waits until all earlier changes are durable.
    pub(in crate::lifecycle) async fn wait_until_durable(&self) {
        self.slot.state().wait_until_durable().await;
    }

    /// Releases the lock early; the next holder builds on this uncommitted state.
    pub(in crate::lifecycle) fn release_early(self, state: S) -> PendingCommit<S> {
        let mut queue = self.slot.state().queue();
        let number = queue.next;
        queue.next += 1;
        queue.uncommitted.push_back((number, state));
        // A commit that this state depends on has failed since the lock was entered.
        queue.broken |= queue.failed != self.failed;
        drop(queue);
        PendingCommit { slot: self.slot, number, well: false }
    }
}

impl<S> PendingCommit<S> {
    /// The commit is durable. Dropped without this call, it has failed.
    pub(in crate::lifecycle) fn confirm(mut self) {
        self.well = true;
    }
}

impl<S> Drop for PendingCommit<S> {
    fn drop(&mut self) {
        let mut queue = self.slot.state().queue();
        queue.uncommitted.retain(|(number, _)| *number != self.number);
        queue.failed += u64::from(!self.well);
        queue.broken = !queue.uncommitted.is_empty() && (queue.broken || !self.well);
        drop(queue);
        self.slot.state().durable.notify_waiters();
    }
}

impl<S> Drop for LockSlot<S> {
    fn drop(&mut self) {
        let mut states = self.locks.locked();
        self.state = None;
        // Each waiting task holds a reference, which it took under the same lock.
        if states.get(&self.key).is_some_and(|state| Arc::strong_count(state) == 1) {
            states.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entering(locks: &ResourceLocks<u32>) -> tokio::task::JoinHandle<()> {
        let locks = locks.clone();
        tokio::spawn(async move { drop(locks.acquire("a".to_owned()).await) })
    }

    fn following(locks: &ResourceLocks<u32>) -> tokio::task::JoinHandle<Vec<u32>> {
        let locks = locks.clone();
        tokio::spawn(async move { locks.acquire_speculative("a".to_owned()).await.1 })
    }

    #[tokio::test]
    async fn a_lock_has_one_holder_and_is_removed_after_the_last() {
        let locks = ResourceLocks::<u32>::default();
        let first = locks.acquire("a".to_owned()).await;
        let other = locks.acquire("b".to_owned()).await;
        let waiting = entering(&locks);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop((first, other));
        waiting.await.unwrap();
        assert!(locks.locked().is_empty());
    }

    #[tokio::test]
    async fn a_follower_gets_the_uncommitted_states_and_an_entrant_waits_for_them() {
        let locks = ResourceLocks::<u32>::default();
        let (lock, known) = locks.acquire_speculative("a".to_owned()).await;
        assert!(known.is_empty());
        let first = lock.release_early(1);
        let (lock, known) = locks.acquire_speculative("a".to_owned()).await;
        assert_eq!(known, [1]);
        let second = lock.release_early(2);
        first.confirm();
        let waiting = entering(&locks);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        second.confirm();
        waiting.await.unwrap();
        assert!(locks.locked().is_empty());
    }

    #[tokio::test]
    async fn no_change_builds_on_a_failed_commit() {
        let locks = ResourceLocks::<u32>::default();
        let first = locks.acquire_speculative("a".to_owned()).await.0.release_early(1);
        let second = locks.acquire_speculative("a".to_owned()).await.0.release_early(2);
        drop(first);
        let following = following(&locks);
        tokio::task::yield_now().await;
        assert!(!following.is_finished());
        drop(second);
        assert_eq!(following.await.unwrap(), [0_u32; 0]);
    }

    #[tokio::test]
    async fn no_change_builds_on_a_state_that_depends_on_a_failed_commit() {
        let locks = ResourceLocks::<u32>::default();
        let first = locks.acquire_speculative("a".to_owned()).await.0.release_early(1);
        let (lock, known) = locks.acquire_speculative("a".to_owned()).await;
        assert_eq!(known, [1]);
        drop(first);
        let second = lock.release_early(2);
        let following = following(&locks);
        tokio::task::yield_now().await;
        assert!(!following.is_finished());
        drop(second);
        assert_eq!(following.await.unwrap(), [0_u32; 0]);
        assert!(locks.locked().is_empty());
    }
}
