//! Operations on one resource run one after another; on different ones in parallel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// The lanes that are in use just now.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    lanes: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

/// The right to work on one resource, until it is dropped.
#[derive(Debug)]
pub(super) struct Lane {
    lanes: Lanes,
    key: String,
    guard: Option<OwnedMutexGuard<()>>,
}

/// The lane of a resource that exists.
pub(super) fn of_resource(tenant: &str, id: &str) -> String {
    format!("{tenant}/{id}")
}

/// The lane of one that is about to exist, known by its name only.
pub(super) fn of_subject(tenant: &str, kind: &str, subject: &str) -> String {
    format!("{tenant}/{kind}/{subject}")
}

impl Lanes {
    /// Waits for everybody who came before on this lane.
    pub(super) async fn enter(&self, key: String) -> Lane {
        let lane = Arc::clone(self.locked().entry(key.clone()).or_default());
        let guard = lane.lock_owned().await;
        Lane { lanes: self.clone(), key, guard: Some(guard) }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<tokio::sync::Mutex<()>>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut lanes = self.lanes.locked();
        self.guard = None;
        // Whoever waits holds a reference of their own, taken under the same lock.
        if lanes.get(&self.key).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            lanes.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_lane_admits_one_and_forgets_itself() {
        let lanes = Lanes::default();
        let first = lanes.enter("a".to_owned()).await;
        let other = lanes.enter("b".to_owned()).await;
        let waiting = tokio::spawn({
            let lanes = lanes.clone();
            async move { drop(lanes.enter("a".to_owned()).await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop((first, other));
        waiting.await.unwrap();
        assert!(lanes.locked().is_empty());
    }
}
