//! The jobs that tasks of this host are running, each with a token that stops it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The running jobs, by id.
#[derive(Debug, Default)]
pub(super) struct RunningJobs(Mutex<HashMap<String, CancellationToken>>);

impl RunningJobs {
    /// Notes that a new task runs the job. A task that ran it before is stopped.
    pub(super) fn start(&self, job: &str) -> CancellationToken {
        let stopped = CancellationToken::new();
        if let Some(before) = self.locked().insert(job.to_owned(), stopped.clone()) {
            before.cancel();
        }
        stopped
    }

    /// Stops the task that runs the job. The step for a person that has begun is completed.
    pub(super) fn stop(&self, job: &str) {
        if let Some(running) = self.locked().remove(job) {
            running.cancel();
        }
    }

    /// Notes that a task has ended.
    pub(super) fn ended(&self, job: &str, stopped: &CancellationToken) {
        // A task that was stopped has a successor, or was removed already.
        if !stopped.is_cancelled() {
            self.locked().remove(job);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
