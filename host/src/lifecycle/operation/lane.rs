//! Resource locks: changes of one resource are decided one after another, of different resources in
//! parallel.
//!
//! A lane is the lock of one resource. It is held while a change is decided, and by default until
//! the change is durable. When many changes of one resource come at the same time, as when an
//! identity provider assigns many people to one group, the holder releases the lane early and
//! leaves the decided state behind: the next holder decides from this uncommitted state, and both
//! commits share a transaction.
//!
//! If a commit fails, everything that was decided from its state fails too. From then on the lane
//! is broken: the next holder waits until nothing is uncommitted, and starts from the durable
//! state.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedMutexGuard};

use crate::decision::ResourceKind;

/// The lanes that are in use. `S` is the uncommitted state of a resource.
#[derive(Debug)]
pub(in crate::lifecycle) struct Lanes<S> {
    tracks: Arc<Mutex<HashMap<String, Arc<Track<S>>>>>,
}

impl<S> Clone for Lanes<S> {
    fn clone(&self) -> Self {
        Self { tracks: Arc::clone(&self.tracks) }
    }
}

impl<S> Default for Lanes<S> {
    fn default() -> Self {
        Self { tracks: Arc::default() }
    }
}

#[derive(Debug)]
struct Track<S> {
    turn: Arc<tokio::sync::Mutex<()>>,
    queue: Mutex<Queue<S>>,
    landed: Notify,
}

/// The states that were decided and are not durable yet, in this order.
#[derive(Debug)]
struct Queue<S> {
    uncommitted: VecDeque<(u64, S)>,
    next: u64,
    /// How many commits failed.
    failed: u64,
    /// A commit failed, and so all will that were decided after it.
    broken: bool,
}

impl<S: Clone> Queue<S> {
    fn known(&self) -> (bool, Vec<S>) {
        (self.broken, self.uncommitted.iter().map(|(_, standing)| standing.clone()).collect())
    }
}

impl<S> Default for Track<S> {
    fn default() -> Self {
        let queue = Queue { uncommitted: VecDeque::new(), next: 0, failed: 0, broken: false };
        Self { turn: Arc::default(), queue: Mutex::new(queue), landed: Notify::new() }
    }
}

impl<S> Track<S> {
    fn queue(&self) -> MutexGuard<'_, Queue<S>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing is uncommitted.
    async fn quiet(&self) {
        loop {
            let landed = self.landed.notified();
            if self.queue().uncommitted.is_empty() {
                return;
            }
            landed.await;
        }
    }
}

/// The lock guard of one resource, until it is dropped or released early.
#[derive(Debug)]
pub(in crate::lifecycle) struct Lane<S> {
    _turn: OwnedMutexGuard<()>,
    place: Place<S>,
    /// How many commits had failed when the lane was entered.
    failed: u64,
}

/// A decided change whose lane was released before it is durable.
#[derive(Debug)]
pub(in crate::lifecycle) struct Landing<S> {
    place: Place<S>,
    number: u64,
    well: bool,
}

/// A reference to a track, which is removed with its last reference.
#[derive(Debug)]
struct Place<S> {
    lanes: Lanes<S>,
    key: String,
    /// Some until it is dropped.
    track: Option<Arc<Track<S>>>,
}

impl<S> Place<S> {
    fn track(&self) -> &Track<S> {
        self.track.as_deref().expect("only a drop takes it away")
    }
}

/// The lane of a resource that exists.
pub(in crate::lifecycle) fn of_resource(tenant: &str, id: &str) -> String {
    format!("{tenant}/{id}")
}

/// The lane of a resource that is about to be created, by its name.
pub(in crate::lifecycle) fn of_subject(tenant: &str, kind: ResourceKind, subject: &str) -> String {
    format!("{tenant}/{}/{subject}", kind.name())
}

impl<S> Lanes<S> {
    /// Locks the resource, and waits until all earlier changes of it are durable.
    pub(in crate::lifecycle) async fn enter(&self, key: String) -> Lane<S> {
        let lane = self.turn(key).await;
        lane.quiet().await;
        lane
    }

    async fn turn(&self, key: String) -> Lane<S> {
        let track = Arc::clone(self.locked().entry(key.clone()).or_default());
        let place = Place { lanes: self.clone(), key, track: Some(track) };
        let _turn = Arc::clone(&place.track().turn).lock_owned().await;
        let failed = place.track().queue().failed;
        Lane { _turn, place, failed }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Arc<Track<S>>>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Clone> Lanes<S> {
    /// Locks the resource once all earlier changes of it are decided. Returns the states that are
    /// not durable yet, oldest first.
    pub(in crate::lifecycle) async fn follow(&self, key: String) -> (Lane<S>, Vec<S>) {
        let lane = self.turn(key).await;
        let (broken, uncommitted) = lane.place.track().queue().known();
        if !broken {
            return (lane, uncommitted);
        }
        lane.quiet().await;
        (lane, Vec::new())
    }
}

impl<S> Lane<S> {
    /// Waits until all earlier changes are durable.
    pub(in crate::lifecycle) async fn quiet(&self) {
        self.place.track().quiet().await;
    }

    /// Releases the lock early; the next holder builds on this uncommitted state.
    pub(in crate::lifecycle) fn pass_on(self, standing: S) -> Landing<S> {
        let mut queue = self.place.track().queue();
        let number = queue.next;
        queue.next += 1;
        queue.uncommitted.push_back((number, standing));
        // A commit that this state depends on has failed since the lane was entered.
        queue.broken |= queue.failed != self.failed;
        drop(queue);
        Landing { place: self.place, number, well: false }
    }
}

impl<S> Landing<S> {
    /// The commit is durable. Dropped without this call, it has failed.
    pub(in crate::lifecycle) fn well(mut self) {
        self.well = true;
    }
}

impl<S> Drop for Landing<S> {
    fn drop(&mut self) {
        let mut queue = self.place.track().queue();
        queue.uncommitted.retain(|(number, _)| *number != self.number);
        queue.failed += u64::from(!self.well);
        queue.broken = !queue.uncommitted.is_empty() && (queue.broken || !self.well);
        drop(queue);
        self.place.track().landed.notify_waiters();
    }
}

impl<S> Drop for Place<S> {
    fn drop(&mut self) {
        let mut tracks = self.lanes.locked();
        self.track = None;
        // Each waiting task holds a reference, which it took under the same lock.
        if tracks.get(&self.key).is_some_and(|track| Arc::strong_count(track) == 1) {
            tracks.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entering(lanes: &Lanes<u32>) -> tokio::task::JoinHandle<()> {
        let lanes = lanes.clone();
        tokio::spawn(async move { drop(lanes.enter("a".to_owned()).await) })
    }

    fn following(lanes: &Lanes<u32>) -> tokio::task::JoinHandle<Vec<u32>> {
        let lanes = lanes.clone();
        tokio::spawn(async move { lanes.follow("a".to_owned()).await.1 })
    }

    #[tokio::test]
    async fn a_lane_has_one_holder_and_is_removed_after_the_last() {
        let lanes = Lanes::<u32>::default();
        let first = lanes.enter("a".to_owned()).await;
        let other = lanes.enter("b".to_owned()).await;
        let waiting = entering(&lanes);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop((first, other));
        waiting.await.unwrap();
        assert!(lanes.locked().is_empty());
    }

    #[tokio::test]
    async fn a_follower_gets_the_uncommitted_states_and_an_entrant_waits_for_them() {
        let lanes = Lanes::<u32>::default();
        let (lane, known) = lanes.follow("a".to_owned()).await;
        assert!(known.is_empty());
        let first = lane.pass_on(1);
        let (lane, known) = lanes.follow("a".to_owned()).await;
        assert_eq!(known, [1]);
        let second = lane.pass_on(2);
        first.well();
        let waiting = entering(&lanes);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        second.well();
        waiting.await.unwrap();
        assert!(lanes.locked().is_empty());
    }

    #[tokio::test]
    async fn no_change_builds_on_a_failed_commit() {
        let lanes = Lanes::<u32>::default();
        let first = lanes.follow("a".to_owned()).await.0.pass_on(1);
        let second = lanes.follow("a".to_owned()).await.0.pass_on(2);
        drop(first);
        let following = following(&lanes);
        tokio::task::yield_now().await;
        assert!(!following.is_finished());
        drop(second);
        assert_eq!(following.await.unwrap(), [0_u32; 0]);
    }

    #[tokio::test]
    async fn no_change_builds_on_a_state_that_depends_on_a_failed_commit() {
        let lanes = Lanes::<u32>::default();
        let first = lanes.follow("a".to_owned()).await.0.pass_on(1);
        let (lane, known) = lanes.follow("a".to_owned()).await;
        assert_eq!(known, [1]);
        drop(first);
        let second = lane.pass_on(2);
        let following = following(&lanes);
        tokio::task::yield_now().await;
        assert!(!following.is_finished());
        drop(second);
        assert_eq!(following.await.unwrap(), [0_u32; 0]);
        assert!(lanes.locked().is_empty());
    }
}
