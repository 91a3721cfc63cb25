//! The connections that read the directory and the journal.
//!
//! A point read looks at a few rows, and is made at once by the thread that asks: a message to another
//! thread costs more. Other reads wait for a thread of their kind, each tenant's in a queue of its own:
//! see `queue`. Each thread has a connection, and so does each thread of the server.
//!
//! Every read has a deadline, and ends when its caller does not wait any more. So no read keeps the
//! write-ahead log from being moved into the database for long.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::database;
use crate::clock::Simulation;

mod queue;

use queue::Queue;

/// The progress handler of a connection runs after this many instructions of SQLite's virtual machine.
const STRETCH: i32 = 10_000;

/// No query of a client takes more stretches: about as many as a condition on a million documents takes,
/// or a hundred conditions on ten thousand.
const MOST_STRETCHES: u32 = 2500;

/// A read that takes longer is interrupted. It is far more than any takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A point read that takes longer waited for the disk.
const SLOW: Duration = Duration::from_millis(2);

/// After a point read that was slow, so many are made by other threads.
const SLOW_READS: u32 = 64;

/// The kinds of reads that wait for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadKind {
    /// A page that is found by an index.
    List,
    /// A query with a filter or an order that no index has: it may look at every resource of a tenant. It
    /// is interrupted if it looks at too much.
    Scan,
    /// What the host asks for itself, or an operator.
    Host,
}

impl ReadKind {
    const ALL: [Self; 3] = [Self::List, Self::Scan, Self::Host];

    /// How many threads there are. One scan at a time leaves other processors to other requests.
    fn threads(self) -> usize {
        match self {
            Self::List | Self::Host => 2,
            Self::Scan => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::List => "muster-list",
            Self::Scan => "muster-scan",
            Self::Host => "muster-read",
        }
    }

    fn stretches(self) -> u32 {
        match self {
            Self::List | Self::Scan => MOST_STRETCHES,
            Self::Host => u32::MAX,
        }
    }
}

/// A read that waits for a thread.
type Read = Box<dyn FnOnce(&ReadConnection) + Send>;

/// Reads the directory and the journal. Clones share the connections.
#[derive(Clone, Debug)]
pub(super) struct Reader(Arc<Shared>);

struct Shared {
    /// The connections for point reads that are not in use.
    at_hand: Mutex<Vec<ReadConnection>>,
    /// How many point reads are still to be made by other threads.
    slow: AtomicU32,
    list: Arc<Queue<Read>>,
    scan: Arc<Queue<Read>>,
    host: Arc<Queue<Read>>,
    simulation: Option<Arc<Simulation>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        ReadKind::ALL.into_iter().for_each(|kind| self.queue(kind).close());
    }
}

impl Shared {
    fn queue(&self, kind: ReadKind) -> &Arc<Queue<Read>> {
        match kind {
            ReadKind::List => &self.list,
            ReadKind::Scan => &self.scan,
            ReadKind::Host => &self.host,
        }
    }

    fn take(&self) -> Option<ReadConnection> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put_back(&self, connection: ReadConnection) {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Whether the next point read is made by another thread, because the disk is slow.
    fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed) > 0
            && self
                .slow
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1))
                .is_ok()
    }
}

impl Reader {
    pub(super) fn start(path: &Path, simulation: Option<Arc<Simulation>>) -> Result<Self> {
        let simulated = simulation.is_some();
        let count = thread::available_parallelism().map_or(2, usize::from);
        let at_hand = (0..if simulated { 1 } else { count }).map(|_| ReadConnection::open(path));
        let shared = Shared {
            at_hand: Mutex::new(at_hand.collect::<Result<_>>()?),
            slow: AtomicU32::new(0),
            list: Arc::default(),
            scan: Arc::default(),
            host: Arc::default(),
            simulation,
        };
        for kind in ReadKind::ALL.into_iter().filter(|_| !simulated) {
            for _ in 0..kind.threads() {
                let (connection, queue) =
                    (ReadConnection::open(path)?, Arc::clone(shared.queue(kind)));
                let serve = move || {
                    if kind == ReadKind::Scan {
                        give_way();
                    }
                    while let Some(read) = queue.next() {
                        read(&connection);
                    }
                };
                let thread = thread::Builder::new().name(kind.name().to_owned());
                thread.spawn(serve).context("starting a thread that reads")?;
            }
        }
        Ok(Self(Arc::new(shared)))
    }

    /// Makes a point read: one that looks at a few rows.
    pub(super) async fn point<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.0.simulation.is_none() && self.0.is_slow() {
            return self.queued(ReadKind::List, "", move |it| read(it)).await;
        }
        self.delay().await;
        let Some(connection) = self.0.take() else {
            return self.queued(ReadKind::List, "", move |it| read(it)).await;
        };
        let begun = Instant::now();
        connection.limits.begin(u32::MAX, Arc::default());
        let result = read(&connection);
        if begun.elapsed() > SLOW {
            self.0.slow.store(SLOW_READS, Ordering::Relaxed);
        }
        self.0.put_back(connection);
        result.context("reading the database")
    }

    /// Makes a read of a tenant that lists many rows.
    pub(super) async fn list<T: Send + 'static>(
        &self,
        tenant: &str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read(ReadKind::List, tenant, move |it| read(it)).await
    }

    /// Makes a read for the host itself, or for an operator.
    pub(super) async fn host<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read(ReadKind::Host, "", move |it| read(it)).await
    }

    /// Makes a read of this kind in its turn among those of the tenant.
    pub(super) async fn read<T: Send + 'static, E>(
        &self,
        kind: ReadKind,
        tenant: &str,
        read: impl FnOnce(&ReadConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T>
    where
        E: Into<anyhow::Error>,
    {
        if self.0.simulation.is_none() {
            return self.queued(kind, tenant, read).await;
        }
        self.delay().await;
        let connection = self.0.take().context("a simulated read began during another one")?;
        connection.limits.begin(kind.stretches(), Arc::default());
        let result = read(&connection).map_err(Into::into);
        self.0.put_back(connection);
        result.context("reading the database")
    }

    async fn queued<T: Send + 'static, E>(
        &self,
        kind: ReadKind,
        tenant: &str,
        read: impl FnOnce(&ReadConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T>
    where
        E: Into<anyhow::Error>,
    {
        let (reply, replied) = oneshot::channel();
        let waiting = CallerWaits::default();
        let gone = Arc::clone(&waiting.gone);
        let job: Read = Box::new(move |connection: &ReadConnection| {
            if gone.load(Ordering::Relaxed) {
                return;
            }
            connection.limits.begin(kind.stretches(), gone);
            reply.send(read(connection).map_err(Into::into)).ok();
        });
        self.0.queue(kind).push(tenant, job);
        let result = replied.await.context("the store is closed")?;
        drop(waiting);
        result.context("reading the database")
    }

    async fn delay(&self) {
        if let Some(simulation) = &self.0.simulation {
            simulation.delay().await;
        }
    }
}

/// Has the system prefer every other thread to this one. Without it, a scan takes as much of a processor
/// as all point reads together.
fn give_way() {
    const LOW: i32 = 10;
    // It only fails if the system forbids it, and then the thread keeps its priority.
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOW).ok();
}

/// Tells a read that its caller does not wait any more.
#[derive(Default)]
struct CallerWaits {
    gone: Arc<AtomicBool>,
}

impl Drop for CallerWaits {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// A connection that interrupts a read at its limits.
#[derive(Debug)]
pub(super) struct ReadConnection {
    connection: Connection,
    limits: Arc<Limits>,
}

impl ReadConnection {
    fn open(path: &Path) -> Result<Self> {
        let connection = database::reader(path)?;
        let limits = Arc::<Limits>::default();
        let counted = Arc::clone(&limits);
        connection.progress_handler(STRETCH, Some(move || counted.is_reached()))?;
        Ok(Self { connection, limits })
    }

    /// Whether the read was interrupted because it looked at too much, or took too long.
    pub(super) fn reached_a_limit(&self) -> bool {
        let limits = self.limits.state();
        limits.left == 0 || limits.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Makes reads of one moment: of the directory and the journal as they are when the first begins.
    pub(super) fn in_transaction<T, E: From<rusqlite::Error>>(
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
#[derive(Debug, Default)]
struct Limits(Mutex<ReadLimits>);

#[derive(Debug, Default)]
struct ReadLimits {
    /// How many stretches are left.
    left: u32,
    deadline: Option<Instant>,
    gone: Arc<AtomicBool>,
}

impl Limits {
    fn begin(&self, stretches: u32, gone: Arc<AtomicBool>) {
        let deadline = Some(Instant::now() + DEADLINE);
        *self.state() = ReadLimits { left: stretches, deadline, gone };
    }

    fn is_reached(&self) -> bool {
        let mut state = self.state();
        state.left = state.left.saturating_sub(1);
        state.left == 0
            || state.gone.load(Ordering::Relaxed)
            || state.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, ReadLimits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
