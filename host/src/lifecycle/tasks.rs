//! Background tasks of a host: started here, finished or abandoned together when the host stops.
//!
//! Work that must not be interrupted by its caller runs as a task. After [`Tasks::stop`] long
//! loops end, and [`Tasks::finish`] waits until every task has ended or the deadline has passed.
//!
//! A panic ends its task alone. Work that has to go on is begun again after a pause. While a loop that
//! the whole host needs is between its end and its next beginning, the host is not ready.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::panics;
use crate::request_id;
use crate::store::audit;

/// The pause after the first panic of a task; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause. A task that ran for longer begins with the first pause again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The tasks of one host. Clones share the same set.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
    /// The loops that a panic has ended, and that are not begun again yet.
    interrupted: Arc<Mutex<Vec<&'static str>>>,
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

    /// Runs the work as a task, so that it completes even if the caller is dropped. What it changes,
    /// the operator changes who asked for it.
    pub(super) async fn run_to_completion<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.spawn(audit::inherit(panics::contained(work))).await.context("a task ended early")?
    }

    /// Runs a loop that the host needs until it ends, which it does when the host stops.
    pub(super) fn keep_running<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        run: impl Fn() -> F + Send + 'static,
    ) {
        let tasks = self.clone();
        self.spawn(async move {
            let mut pauses = Pauses::default();
            while let Some(pause) = pauses.after(name, run()).await {
                tasks.interrupted().push(name);
                let waited = tasks.wait(pause).await;
                tasks.interrupted().retain(|interrupted| *interrupted != name);
                if !waited {
                    return;
                }
            }
        });
    }

    /// Runs work that concerns a part of the host only, until it ends.
    pub(super) fn run_until_done<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        run: impl Fn() -> F + Send + 'static,
    ) {
        let tasks = self.clone();
        self.spawn(async move {
            let mut pauses = Pauses::default();
            while let Some(pause) = pauses.after(name, run()).await {
                if !tasks.wait(pause).await {
                    return;
                }
            }
        });
    }

    /// A loop that the host needs and that does not run at this moment.
    pub(super) fn interrupted_loop(&self) -> Option<&'static str> {
        self.interrupted().first().copied()
    }

    fn interrupted(&self) -> MutexGuard<'_, Vec<&'static str>> {
        self.interrupted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for this time. False if the host stops before.
    pub(super) async fn wait(&self, pause: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = self.stopped() => false,
        }
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

/// The pauses of a task that panics again and again.
#[derive(Default)]
struct Pauses(u32);

impl Pauses {
    /// Runs the work. If it panics, the pause before it is to begin again.
    async fn after(
        &mut self,
        task: &'static str,
        run: impl Future<Output = ()>,
    ) -> Option<Duration> {
        let began = Instant::now();
        panics::contained(run).await.err()?;
        if began.elapsed() > LONGEST_PAUSE {
            self.0 = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.0.min(6)).min(LONGEST_PAUSE);
        self.0 += 1;
        tracing::error!(task, again_in = pause.as_secs(), "host: a task panicked");
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_begins_again_and_the_host_is_not_ready_until_then() {
        let (tasks, begun) = (Tasks::default(), Arc::new(AtomicU32::new(0)));
        let (of_loop, counted) = (tasks.clone(), Arc::clone(&begun));
        tasks.keep_running("tests", move || {
            let (tasks, n) = (of_loop.clone(), counted.fetch_add(1, Ordering::SeqCst));
            async move {
                assert!(n >= 2, "as the test wants it");
                tasks.stopped().await;
            }
        });
        tokio::time::sleep(FIRST_PAUSE / 2).await;
        assert_eq!((begun.load(Ordering::SeqCst), tasks.interrupted_loop()), (1, Some("tests")));
        tokio::time::sleep(FIRST_PAUSE).await;
        assert_eq!((begun.load(Ordering::SeqCst), tasks.interrupted_loop()), (2, Some("tests")));
        tokio::time::sleep(2 * FIRST_PAUSE).await;
        assert_eq!((begun.load(Ordering::SeqCst), tasks.interrupted_loop()), (3, None));
        tasks.stop();
        assert_eq!(tasks.finish(Instant::now() + FIRST_PAUSE).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_always_panics_does_not_keep_the_host_from_stopping() {
        let tasks = Tasks::default();
        tasks.run_until_done("tests", || async { panic!("as the test wants it") });
        tokio::time::sleep(10 * LONGEST_PAUSE).await;
        assert_eq!(tasks.interrupted_loop(), None, "it concerns a part of the host only");
        tasks.stop();
        assert_eq!(tasks.finish(Instant::now() + FIRST_PAUSE).await, 0);
    }

    #[tokio::test]
    async fn a_caller_reads_an_error_if_its_task_panics() {
        let work = async { panic!("as the test wants it") };
        let ended = Tasks::default().run_to_completion::<()>(work).await;
        assert!(ended.unwrap_err().is::<panics::Panicked>());
    }
}
