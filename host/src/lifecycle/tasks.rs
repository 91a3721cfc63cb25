//! Background tasks of a host: started here, finished or abandoned together when the host stops.
//!
//! Work that must not be interrupted by its caller runs as a task. After [`Tasks::stop`] long
//! loops end, and [`Tasks::finish`] waits until every task has ended or the deadline has passed.

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::request_id;

/// The tasks of one host. Clones share the same set.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl Tasks {
    /// Starts a task under the request id of its caller, so that its log lines and internal errors
    /// carry the id.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tracker.spawn(request_id::inherit(work))
    }

    /// Runs the work as a task, so that it completes even if the caller is dropped.
    pub(super) async fn run_to_completion<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.spawn(work).await.context("a task ended early")
    }

    /// Whether the host is stopping.
    pub(super) fn are_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Completes when the host begins to stop.
    pub(super) async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    /// Tells loops to end.
    pub(super) fn stop(&self) {
        self.stopping.cancel();
        self.tracker.close();
    }

    /// Waits until all tasks have ended or the deadline has passed. Returns how many are left.
    pub(super) async fn finish(&self, by: Instant) -> usize {
        match timeout_at(by, self.tracker.wait()).await {
            Ok(()) => 0,
            Err(_) => self.tracker.len(),
        }
    }
}
