//! A connection that interrupts a read at its limits.

use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::Connection;

use crate::store::log::Log;
use crate::store::{database, function};

/// The progress handler of a connection runs after this many instructions of SQLite's virtual machine.
const STRETCH: i32 = 10_000;

/// Conditions that look at so many bytes of documents count as one stretch: SQLite takes one instruction to look
/// into a document, however large it is.
const BYTES_OF_A_STRETCH: u64 = 64 << 10;

/// A read that takes longer is interrupted. It is far more than any takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A read that others wait for ends after so many stretches: several times those of a page of a hundred.
const STRETCHES_BEFORE_OTHERS: u32 = 5;

/// Whether a read makes others wait that come before it.
pub(super) type OthersWait = Box<dyn Fn() -> bool + Send>;

/// A connection that interrupts a read at its limits.
pub(in crate::store) struct ReadConnection {
    connection: Connection,
    limits: Arc<Limits>,
}

/// Why a read was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    /// Its caller does not wait any more.
    CallerGone,
    /// The log cannot begin again while it runs.
    LongLog,
    /// It took too long.
    TooLate,
    /// It looked at too much, or at much while others wait.
    TooMuch,
}

impl ReadConnection {
    pub(super) fn open(path: &Path, log: &Arc<Log>) -> Result<Self> {
        let connection = database::reader(path)?;
        let limits = Arc::new(Limits {
            log: Arc::clone(log),
            gives_way: AtomicBool::new(false),
            state: Mutex::new(ReadLimits::new(0, Arc::default(), None)),
        });
        let counted = Arc::clone(&limits);
        connection.progress_handler(STRETCH, Some(move || counted.are_reached()))?;
        let counted = Arc::clone(&limits);
        function::count_bytes(&connection, move |bytes| counted.look_at(bytes))?;
        Ok(Self { connection, limits })
    }

    /// From now on, its reads let other threads go first after each stretch: a thread that wakes up does not
    /// otherwise take the processor from this one before the end of its time slice.
    pub(super) fn give_way(&self) {
        self.limits.gives_way.store(true, Ordering::Relaxed);
    }

    /// Begins a read of so many stretches at most, and fewer if others wait.
    pub(super) fn begin(
        &self,
        stretches: u32,
        gone: Arc<AtomicBool>,
        others_wait: Option<OthersWait>,
    ) {
        let interruptions = self.limits.log.interruptions();
        let begun = ReadLimits::new(stretches, gone, others_wait);
        *self.limits.state() = ReadLimits { interruptions, ..begun };
    }

    /// Why the read was interrupted, if it was.
    pub(super) fn interruption(&self) -> Option<Interruption> {
        self.limits.state().reached
    }

    /// Whether the read was interrupted because it looked at too much, or took too long.
    pub(in crate::store) fn reached_a_limit(&self) -> bool {
        matches!(self.interruption(), Some(Interruption::TooLate | Interruption::TooMuch))
    }

    /// Makes reads of one moment: of the directory and the journal as they are when the first begins.
    pub(in crate::store) fn in_transaction<T, E: From<rusqlite::Error>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        let result = read(&self.connection);
        // An error may have ended the transaction already.
        self.connection.prepare_cached("ROLLBACK")?.execute([]).ok();
        result
    }
}

impl Deref for ReadConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// The limits of the read that a connection makes.
struct Limits {
    log: Arc<Log>,
    gives_way: AtomicBool,
    state: Mutex<ReadLimits>,
}

struct ReadLimits {
    /// How many stretches it took.
    taken: u32,
    /// How many bytes it looked at that are no whole stretch yet.
    bytes: u64,
    /// How many it takes at most.
    most: u32,
    deadline: Instant,
    gone: Arc<AtomicBool>,
    others_wait: Option<OthersWait>,
    /// How often reads had been interrupted for the log when this one began.
    interruptions: u64,
    reached: Option<Interruption>,
}

impl ReadLimits {
    fn new(most: u32, gone: Arc<AtomicBool>, others_wait: Option<OthersWait>) -> Self {
        let deadline = Instant::now() + DEADLINE;
        Self {
            taken: 0,
            bytes: 0,
            most,
            deadline,
            gone,
            others_wait,
            interruptions: 0,
            reached: None,
        }
    }

    fn is_too_much(&self) -> bool {
        self.taken >= self.most
            || self.taken >= STRETCHES_BEFORE_OTHERS
                && self.others_wait.as_ref().is_some_and(|others_wait| others_wait())
    }
}

impl Limits {
    /// Counts the bytes; whether the read may go on.
    fn look_at(&self, bytes: u64) -> bool {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(bytes);
        let stretches = u32::try_from(state.bytes / BYTES_OF_A_STRETCH).unwrap_or(u32::MAX);
        state.bytes %= BYTES_OF_A_STRETCH;
        drop(state);
        stretches == 0 || !self.are_reached_after(stretches)
    }

    fn are_reached(&self) -> bool {
        self.are_reached_after(1)
    }

    fn are_reached_after(&self, stretches: u32) -> bool {
        if self.gives_way.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let mut state = self.state();
        state.taken = state.taken.saturating_add(stretches);
        state.reached = if state.gone.load(Ordering::Relaxed) {
            Some(Interruption::CallerGone)
        } else if state.interruptions != self.log.interruptions() {
            Some(Interruption::LongLog)
        } else if state.is_too_much() {
            Some(Interruption::TooMuch)
        } else if Instant::now() >= state.deadline {
            Some(Interruption::TooLate)
        } else {
            None
        };
        state.reached.is_some()
    }

    fn state(&self) -> MutexGuard<'_, ReadLimits> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
