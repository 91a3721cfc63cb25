//! Work on large files: shows its progress on a terminal, and ends it when a signal arrives, so that
//! temporary files are removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};

use super::serve::stop_signal;

/// The progress of work on large files.
#[derive(Clone, Debug)]
pub(super) struct ByteProgress {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

/// Runs work on a thread that may block. After SIGINT or SIGTERM, the work's next report of its progress
/// is an error.
pub(super) async fn interruptible<T: Send + 'static>(
    work: impl FnOnce(&ByteProgress) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{msg} {bar:30} {bytes} of {total_bytes}")?);
    let progress = ByteProgress { bar, stop: Arc::default() };
    let of_work = progress.clone();
    let mut task = tokio::task::spawn_blocking(move || work(&of_work));
    let ended = tokio::select! {
        ended = &mut task => ended,
        () = stop_signal() => {
            progress.stop.store(true, Ordering::Relaxed);
            task.await
        }
    };
    progress.bar.finish_and_clear();
    ended?
}

impl ByteProgress {
    /// Begins a step, and returns what is to be told how many bytes of how many are done.
    pub(super) fn step(&self, name: &'static str) -> impl FnMut(u64, u64) -> anyhow::Result<()> {
        self.bar.set_message(name);
        let Self { bar, stop } = self.clone();
        move |done, all| {
            ensure!(!stop.load(Ordering::Relaxed), "interrupted");
            bar.set_length(all);
            bar.set_position(done);
            Ok(())
        }
    }
}
