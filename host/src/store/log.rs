//! The write-ahead log: a thread moves it into the database, and its length is bounded.
//!
//! A commit only appends to the log. A thread copies the pages into the database on a connection of its
//! own (`wal_checkpoint(PASSIVE)`, which blocks no other connection). SQLite writes the log from its
//! beginning again when a commit finds that the database has all of it and that no read uses it
//! (`walRestartLog` in SQLite's `wal.c`). Commits go on while the thread copies, so it copies until few
//! pages are left, holds back reads that are about to begin, and has the writer copy the rest between two
//! batches.
//!
//! A read sees the database as it was when the read began, so the log keeps all pages that were written
//! since then. If the log becomes too long, the reads of this process are interrupted and made again. A
//! read of another process, such as a backup, cannot be interrupted: the log grows until it ends.

mod checkpoint;
mod gate;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::Connection;

pub(super) use checkpoint::{LogLength, empty, length, restart};

use gate::{Gate, Hold};

/// No more pages than this are left to the writer.
const FEW: u32 = 256;

/// How long the thread waits before it tries again.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// How long scans that are about to begin are held back for those that run.
const SCAN_PATIENCE: Duration = Duration::from_secs(10);

/// How often the thread copies pages in the meantime.
const SCAN_INTERVAL: Duration = Duration::from_millis(250);

/// How long all reads are held back for those that run. Most take a few milliseconds.
const READ_PATIENCE: Duration = Duration::from_millis(20);

/// How long reads that were interrupted are waited for.
const INTERRUPTED_WITHIN: Duration = Duration::from_secs(2);

/// How long the log may become, in pages of 4 KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogBounds {
    /// So many pages that the database does not have are copied.
    pub(super) step: u32,
    /// A log of so many pages begins again.
    pub(super) restart: u32,
    /// If the log is longer, reads are interrupted.
    pub(super) most: u32,
}

impl LogBounds {
    /// 16 MB, 96 MB and 512 MB. A start after a crash reads a log of 512 MB within 0.4 s.
    const DEFAULT: Self = Self { step: 4_000, restart: 24_000, most: 131_072 };

    /// The bounds of this process. Crash tests have shorter ones.
    pub(super) fn of_process() -> Self {
        fail::fail_point!("log-bounds", |bounds| {
            let bounds = bounds.expect("the fail point has bounds");
            let mut bounds = bounds.split('/').map(|it| it.parse().expect("a bound is a number"));
            let mut next = || bounds.next().expect("there are three bounds");
            Self { step: next(), restart: next(), most: next() }
        });
        Self::DEFAULT
    }

    /// The size that the file has at most after the log has begun again, in bytes.
    ///
    /// It is more than the log usually needs. If the file were cut each time, each commit would make it
    /// longer again, and the file system would have to make that durable too.
    pub(super) fn kept_bytes(self) -> u64 {
        u64::from(self.restart) * 2 * 4096
    }
}

/// What the writer, the readers and the thread share about the log.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) bounds: LogBounds,
    pub(super) gate: Gate,
    /// How often reads were interrupted to make the log shorter.
    interruptions: AtomicU64,
    task: Mutex<Task>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    None,
    Shorten,
    End,
}

impl Log {
    pub(super) fn new(bounds: LogBounds) -> Self {
        Self {
            bounds,
            gate: Gate::default(),
            interruptions: AtomicU64::new(0),
            task: Mutex::new(Task::None),
            changed: Condvar::new(),
        }
    }

    /// How often reads were interrupted. A read during which this grows ends and is made again.
    pub(super) fn interruptions(&self) -> u64 {
        self.interruptions.load(Ordering::Relaxed)
    }

    /// Interrupts the reads that run.
    pub(super) fn interrupt(&self) {
        self.interruptions.fetch_add(1, Ordering::Relaxed);
    }

    /// Wakes the thread if there is enough to do.
    pub(super) fn written(&self, length: LogLength) {
        if length.left() < self.bounds.step && length.pages < self.bounds.restart {
            return;
        }
        let mut task = self.task();
        if *task == Task::None {
            *task = Task::Shorten;
            self.changed.notify_one();
        }
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        *self.task() = Task::End;
        self.changed.notify_one();
    }

    /// Keeps the log short until it is closed. `restart` has the writer copy the last pages.
    pub(super) fn keep_short(
        &self,
        connection: &Connection,
        restart: impl Fn() -> Option<Result<LogLength>>,
    ) {
        let mut thread = LogThread { log: self, connection, restart, reported: None, spared: 0 };
        let mut pause = None;
        while self.wait(pause) {
            let shortened = thread.shorten();
            pause = (!matches!(shortened, Ok(true))).then_some(PAUSE);
            thread.report(shortened.err());
        }
    }

    /// Waits for something to do, or for the end of the pause. False at the end.
    fn wait(&self, pause: Option<Duration>) -> bool {
        let task = self.task();
        let mut task = match pause {
            // After a failure, requests of the writer do not shorten the pause.
            Some(pause) => {
                let waits = |task: &mut Task| *task != Task::End;
                let waited = self.changed.wait_timeout_while(task, pause, waits);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waits = |task: &mut Task| *task == Task::None;
                self.changed.wait_while(task, waits).unwrap_or_else(PoisonError::into_inner)
            }
        };
        if *task == Task::Shorten {
            *task = Task::None;
        }
        *task != Task::End
    }

    fn is_closed(&self) -> bool {
        *self.task() == Task::End
    }

    fn task(&self) -> MutexGuard<'_, Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that copies the log into the database.
struct LogThread<'l, R> {
    log: &'l Log,
    connection: &'l Connection,
    restart: R,
    /// What was last reported, and how long the log was.
    reported: Option<(Obstacle, u32)>,
    /// Reads are not interrupted before the log is longer than this, because the last time was in vain.
    spared: u32,
}

/// Why the log is not short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    Disk,
    Reader,
}

impl<R: Fn() -> Option<Result<LogLength>>> LogThread<'_, R> {
    /// Copies pages, and has the log begin again if it is long. False if it has to be tried again.
    fn shorten(&mut self) -> Result<bool> {
        let mut length = self.copy()?;
        if length.pages < self.log.bounds.restart {
            return Ok(length.left() < self.log.bounds.step);
        }
        let hold = self.log.gate.hold();
        let begun = Instant::now();
        while length.pages <= self.log.bounds.most && begun.elapsed() < SCAN_PATIENCE {
            if self.log.gate.scans_end_within(SCAN_INTERVAL) || self.log.is_closed() {
                break;
            }
            length = self.copy()?;
        }
        if self.begins_again(&hold, READ_PATIENCE)? {
            return Ok(true);
        }
        length = self.copy()?;
        if length.pages <= self.log.bounds.most.max(self.spared) {
            return Ok(false);
        }
        hold.all();
        self.log.interrupt();
        let megabytes = length.megabytes();
        tracing::warn!(megabytes, "store: reads were interrupted, since the log is long");
        if self.begins_again(&hold, INTERRUPTED_WITHIN)? {
            return Ok(true);
        }
        self.spared = length.pages.saturating_mul(2);
        Ok(false)
    }

    /// Copies until few pages are left, and has the writer copy these when no read runs. True if the
    /// next commit is written to the beginning of the log.
    fn begins_again(&mut self, hold: &Hold<'_>, patience: Duration) -> Result<bool> {
        let mut length = self.copy()?;
        while length.left() > FEW {
            let before = std::mem::replace(&mut length, self.copy()?);
            if length.left() > before.left() / 2 {
                break; // A read needs the rest.
            }
        }
        hold.all();
        let ended = self.log.gate.reads_end_within(patience);
        // Commits went on in the meantime.
        if !ended || self.copy()?.left() > FEW {
            return Ok(false);
        }
        let Some(restarted) = (self.restart)() else { return Ok(true) };
        Ok(restarted?.begins_again)
    }

    fn copy(&self) -> Result<LogLength> {
        fail::fail_point!("log-copy");
        let length = checkpoint::passive(self.connection)?;
        fail::fail_point!("log-copied");
        Ok(length)
    }

    /// Logs what keeps the log long: once, and again when it has doubled.
    fn report(&mut self, error: Option<anyhow::Error>) {
        let length = length(self.connection).unwrap_or_default();
        let is_long = length.pages > self.log.bounds.most;
        let obstacle = match &error {
            Some(_) => Obstacle::Disk,
            None if is_long && self.spared > 0 => Obstacle::Reader,
            None if is_long => return,
            None => {
                self.spared = 0;
                if self.reported.take().is_some() {
                    tracing::info!("store: the log is kept short again");
                }
                return;
            }
        };
        if self.reported.is_some_and(|it| it.0 == obstacle && length.pages < 2 * it.1.max(1)) {
            return;
        }
        self.reported = Some((obstacle, length.pages));
        let megabytes = length.megabytes();
        match error {
            Some(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    megabytes,
                    error,
                    "store: the log cannot be moved into the database"
                );
            }
            None => {
                let reason = "a backup, or another process, reads the database";
                tracing::warn!(megabytes, reason, "store: the log cannot be kept short");
            }
        }
    }
}
