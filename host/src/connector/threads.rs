//! The connector threads: a fixed number of threads behind a bounded queue.
//!
//! They are separate from the server's threads, so that a decision that computes for its whole
//! 100 ms delays other decisions but no other request.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use tokio::sync::{Semaphore, oneshot};

use crate::panics;

/// The WebAssembly stack of 512 KiB, and room for the host's own frames.
const STACK_BYTES: usize = 2 * 1024 * 1024;
/// Queued jobs for each thread.
const QUEUE_LENGTH: usize = 64;

type Job = Box<dyn FnOnce() + Send>;
type JobResult<T> = Result<T, Box<dyn Any + Send>>;

/// A fixed number of threads behind a bounded queue. They end when this is dropped. With none, the
/// calling thread does the work, as in a simulation.
pub(super) struct Threads {
    none: bool,
    queue: flume::Sender<Job>,
    jobs: flume::Receiver<Job>,
    /// Limits the threads with background work: all but one, and at least one.
    background: Arc<Semaphore>,
}

impl Threads {
    /// Starts `count` threads, named `name` with a number.
    pub(super) fn start(name: &str, count: usize) -> anyhow::Result<Self> {
        let (queue, jobs) = flume::bounded::<Job>(count.max(1) * QUEUE_LENGTH);
        for n in 0..count {
            let jobs = jobs.clone();
            thread::Builder::new()
                .name(format!("{name}-{n}"))
                .stack_size(STACK_BYTES)
                .spawn(move || jobs.into_iter().for_each(|job| drop(panics::contained_now(job))))
                .context("could not start a thread for connectors")?;
        }
        let background = Arc::new(Semaphore::new(count.saturating_sub(1).max(1)));
        Ok(Self { none: count == 0, queue, jobs, background })
    }

    /// Runs `work`, which has a low priority, on one of the threads. The function that it is given
    /// runs all queued jobs; `work` calls it between its steps.
    pub(super) async fn run_in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn()) -> T + Send + 'static,
    ) -> T {
        let permit = Arc::clone(&self.background).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let jobs = self.jobs.clone();
        let run_queued = move || jobs.try_iter().for_each(|job| job());
        self.run(move || {
            let result = work(&run_queued);
            drop(permit);
            result
        })
        .await
    }

    /// Runs `work` on one of the threads. Waits while the queue is full. If the caller's future is
    /// dropped before `work` began, `work` does not run. A panic of `work` continues in the caller,
    /// and the thread survives it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        if self.none {
            return work();
        }
        let (sender, receiver) = oneshot::channel::<JobResult<T>>();
        let job = move || {
            if !sender.is_closed() {
                // Fails if the caller's future was dropped in the meantime.
                let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
            }
        };
        let sent = self.queue.send_async(Box::new(job)).await;
        sent.expect("the threads live as long as their queue");
        match receiver.await.expect("a job always sends its result") {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }
}
