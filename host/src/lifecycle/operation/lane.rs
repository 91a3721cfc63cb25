//! Operations on one resource are decided one after another; on different ones in parallel.
//!
//! A lane is held while something is decided, and by default until it is on disk. Where many
//! changes of one resource come at once, as when everybody joins one group, whoever has decided
//! passes the lane on: the next one begins from what will be, and both share a transaction.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedMutexGuard};

/// The lanes that are in use just now. `S` is what is known of a resource before it is on disk.
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

/// What was decided and is not on disk yet, in that order.
#[derive(Debug)]
struct Queue<S> {
    underway: VecDeque<(u64, S)>,
    next: u64,
    /// How many did not get there.
    failed: u64,
    /// Something of it did not get there, and so nothing will that was decided after it.
    broken: bool,
}

impl<S: Clone> Queue<S> {
    fn known(&self) -> (bool, Vec<S>) {
        (self.broken, self.underway.iter().map(|(_, standing)| standing.clone()).collect())
    }
}

impl<S> Default for Track<S> {
    fn default() -> Self {
        let queue = Queue { underway: VecDeque::new(), next: 0, failed: 0, broken: false };
        Self { turn: Arc::default(), queue: Mutex::new(queue), landed: Notify::new() }
    }
}

impl<S> Track<S> {
    fn queue(&self) -> MutexGuard<'_, Queue<S>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing is on its way any more.
    async fn quiet(&self) {
        loop {
            let landed = self.landed.notified();
            if self.queue().underway.is_empty() {
                return;
            }
            landed.await;
        }
    }
}

/// The right to work on one resource, until it is dropped or passed on.
#[derive(Debug)]
pub(in crate::lifecycle) struct Lane<S> {
    _turn: OwnedMutexGuard<()>,
    place: Place<S>,
    /// How many had failed when it was entered.
    failed: u64,
}

/// Something that was decided on a lane that others work on by now.
#[derive(Debug)]
pub(in crate::lifecycle) struct Landing<S> {
    place: Place<S>,
    number: u64,
    well: bool,
}

/// A track, kept as long as somebody is on it.
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

/// The lane of one that is about to exist, known by its name only.
pub(in crate::lifecycle) fn of_subject(tenant: &str, kind: &str, subject: &str) -> String {
    format!("{tenant}/{kind}/{subject}")
}

impl<S> Lanes<S> {
    /// Waits for everybody who came before on this lane, until what they decided is on disk.
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
    /// Waits for everybody who came before on this lane, until they have decided. What they decided
    /// comes along, oldest first, as far as it is not known to be on disk.
    pub(in crate::lifecycle) async fn follow(&self, key: String) -> (Lane<S>, Vec<S>) {
        let lane = self.turn(key).await;
        let (broken, underway) = lane.place.track().queue().known();
        if !broken {
            return (lane, underway);
        }
        lane.quiet().await;
        (lane, Vec::new())
    }
}

impl<S> Lane<S> {
    /// Waits until what was decided before is on disk.
    pub(in crate::lifecycle) async fn quiet(&self) {
        self.place.track().quiet().await;
    }

    /// Lets the next one begin, from what the resource will be.
    pub(in crate::lifecycle) fn pass_on(self, standing: S) -> Landing<S> {
        let mut queue = self.place.track().queue();
        let number = queue.next;
        queue.next += 1;
        queue.underway.push_back((number, standing));
        // Something that this was decided from is lost meanwhile.
        queue.broken |= queue.failed != self.failed;
        drop(queue);
        Landing { place: self.place, number, well: false }
    }
}

impl<S> Landing<S> {
    /// It is on disk. Dropped without this, it is not.
    pub(in crate::lifecycle) fn well(mut self) {
        self.well = true;
    }
}

impl<S> Drop for Landing<S> {
    fn drop(&mut self) {
        let mut queue = self.place.track().queue();
        queue.underway.retain(|(number, _)| *number != self.number);
        queue.failed += u64::from(!self.well);
        queue.broken = !queue.underway.is_empty() && (queue.broken || !self.well);
        drop(queue);
        self.place.track().landed.notify_waiters();
    }
}

impl<S> Drop for Place<S> {
    fn drop(&mut self) {
        let mut tracks = self.lanes.locked();
        self.track = None;
        // Whoever waits holds a reference of their own, taken under the same lock.
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
    async fn one_lane_admits_one_and_forgets_itself() {
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
    async fn who_follows_learns_what_is_underway_and_who_enters_waits_for_it() {
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
    async fn nobody_builds_on_what_did_not_land() {
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
    async fn nobody_builds_on_what_was_decided_from_what_did_not_land() {
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
