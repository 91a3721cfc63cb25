//! The threads on which connectors run, apart from the server's own: a decision that computes for
//! its whole 100 ms delays other decisions, and no request beside.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use tokio::sync::{Semaphore, oneshot};

/// Above the WebAssembly stack of 512 KiB, room for the host's own frames.
const STACK_BYTES: usize = 2 * 1024 * 1024;
/// Questions that may wait for each thread before whoever asks has to.
const WAITING: usize = 64;

type Job = Box<dyn FnOnce() + Send>;
type Answer<T> = Result<T, Box<dyn Any + Send>>;

/// A fixed number of threads behind a bounded queue. They end when this is dropped.
pub(super) struct Threads {
    queue: flume::Sender<Job>,
    jobs: flume::Receiver<Job>,
    /// How many more may do what is in no hurry: never all of them, where there are two.
    unhurried: Arc<Semaphore>,
}

impl Threads {
    /// Starts this many, named so and numbered.
    pub(super) fn start(name: &str, count: usize) -> anyhow::Result<Self> {
        let (queue, jobs) = flume::bounded::<Job>(count * WAITING);
        for n in 0..count {
            let jobs = jobs.clone();
            thread::Builder::new()
                .name(format!("{name}-{n}"))
                .stack_size(STACK_BYTES)
                .spawn(move || jobs.into_iter().for_each(|job| job()))
                .context("could not start a thread for connectors")?;
        }
        let unhurried = Arc::new(Semaphore::new(count.saturating_sub(1).max(1)));
        Ok(Self { queue, jobs, unhurried })
    }

    /// Runs `work`, which is in no hurry, on one of the threads. Whenever it calls what it is given,
    /// everything else that waits is done first.
    pub(super) async fn run_unhurried<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn()) -> T + Send + 'static,
    ) -> T {
        let turn = Arc::clone(&self.unhurried).acquire_owned().await;
        let turn = turn.expect("the semaphore is never closed");
        let jobs = self.jobs.clone();
        let give_way = move || jobs.try_iter().for_each(|job| job());
        self.run(move || {
            let done = work(&give_way);
            drop(turn);
            done
        })
        .await
    }

    /// Runs `work` on one of the threads. Waits while the queue is full; what nobody waits for any
    /// longer is not begun. A panic goes on in whoever asked, and the thread survives it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = oneshot::channel::<Answer<T>>();
        let job = move || {
            if !answer.is_closed() {
                // Whoever asked may have left meanwhile; nobody is told then.
                let _ = answer.send(catch_unwind(AssertUnwindSafe(work)));
            }
        };
        let sent = self.queue.send_async(Box::new(job)).await;
        sent.expect("the threads live as long as their queue");
        match answered.await.expect("a thread answers, whatever happens") {
            Ok(done) => done,
            Err(panic) => resume_unwind(panic),
        }
    }
}
