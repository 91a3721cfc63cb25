//! The connections that read the directory and the journal.
//!
//! A point read looks at a few rows, and is made at once by the thread that asks: a message to another
//! thread costs more. Other reads wait for a thread of their kind, each tenant's in a queue of its own:
//! see `queue`. Each thread has a connection, and so does each thread of the server.
//!
//! A read that turns out to look at more than its kind allows is interrupted and made again by a thread
//! for longer ones, so that no tenant's long reads delay the short ones of others. A list is interrupted
//! earlier if another tenant waits.
//!
//! There is no cache of current documents before writes: the point reads of a PATCH take 4 % of its processor
//! time, which such a cache would save at most, and it would have to be right at every commit.
//!
//! Every read has a deadline, and ends when its caller does not wait any more. It also ends, and is made
//! again, if the write-ahead log would become too long: see `log`.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::log::Log;
use super::term::{self, ReaderTerms};
use crate::clock::Simulation;
use crate::panics;

mod limits;
mod queue;

pub(super) use limits::ReadConnection;
use limits::{Interruption, OthersWait};
use queue::Queue;

/// No query of a client takes more stretches: about as many as a condition on a million documents takes,
/// or a hundred conditions on ten thousand.
const MOST_STRETCHES: u32 = 2500;

/// A list takes fewer: one of a thousand users takes about 20.
const LIST_STRETCHES: u32 = 50;

/// A page takes so many, and one more for so many rows: three times what it needs if its filter matches few
/// others.
const PAGE_STRETCHES: u32 = 5;
const ROWS_OF_A_STRETCH: u64 = 20;

/// A point read takes fewer too.
const POINT_STRETCHES: u32 = 10;

/// A point read that takes longer waited for the disk.
const SLOW: Duration = Duration::from_millis(8);

/// After a point read that was slow, so many are made by other threads.
const SLOW_READS: u32 = 64;

/// A read is not made more often than this if it is interrupted for the log.
const MOST_TRIES: u32 = 3;

/// No more reads of a tenant wait for the threads of a kind.
const MOST_WAITING: usize = 256;

/// Why a read was not made. It may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Too many reads of the tenant wait already.
    TooManyWait,
    /// It was interrupted each time, since the log would have become too long.
    Interrupted,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyWait => "too many queries of this tenant wait already",
            Self::Interrupted => "the query took too long while much was written",
        })
    }
}

impl std::error::Error for ReadError {}

/// The kinds of reads that wait for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadKind {
    /// A page that is found by an index.
    List,
    /// A query with a filter or an order that no index has, or one that turned out to be long: it may
    /// look at every resource of a tenant. It is interrupted if it looks at too much.
    Scan,
    /// What the host asks for itself, or an operator.
    Host,
    /// A point read that may have to wait for the disk.
    Point,
}

impl ReadKind {
    const ALL: [Self; 4] = [Self::List, Self::Scan, Self::Host, Self::Point];

    /// How many threads there are, on a machine of so many processors. Scans leave most processors to
    /// other requests.
    fn threads(self, processors: usize) -> usize {
        match self {
            Self::List => processors.clamp(2, 8),
            Self::Scan => (processors / 4).clamp(1, 4),
            Self::Host | Self::Point => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::List => "muster-list",
            Self::Scan => "muster-scan",
            Self::Host => "muster-read",
            Self::Point => "muster-point",
        }
    }

    /// How many stretches a read takes at most.
    fn stretches(self) -> u32 {
        match self {
            Self::List => LIST_STRETCHES,
            Self::Scan => MOST_STRETCHES,
            Self::Host => u32::MAX,
            Self::Point => POINT_STRETCHES,
        }
    }

    /// Which threads make a read that takes more; none if it fails.
    fn longer(self) -> Option<Self> {
        match self {
            Self::List => Some(Self::Scan),
            Self::Point => Some(Self::List),
            Self::Scan | Self::Host => None,
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
    terms: ReaderTerms,
    queues: [Arc<Queue<Read>>; ReadKind::ALL.len()],
    simulation: Option<Arc<Simulation>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queues.iter().for_each(|queue| queue.close());
    }
}

impl Shared {
    fn queue(&self, kind: ReadKind) -> &Arc<Queue<Read>> {
        &self.queues[kind as usize]
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
    pub(super) fn start(
        path: &Path,
        log: &Arc<Log>,
        simulation: Option<Arc<Simulation>>,
    ) -> Result<Self> {
        let simulated = simulation.is_some();
        let count = thread::available_parallelism().map_or(2, usize::from);
        let at_hand =
            (0..if simulated { 1 } else { count }).map(|_| ReadConnection::open(path, log));
        let shared = Shared {
            at_hand: Mutex::new(at_hand.collect::<Result<_>>()?),
            slow: AtomicU32::new(0),
            terms: ReaderTerms::default(),
            queues: Default::default(),
            simulation,
        };
        for kind in ReadKind::ALL.into_iter().filter(|_| !simulated) {
            for _ in 0..kind.threads(count) {
                let connection = ReadConnection::open(path, log)?;
                // There are many of them, and each forgets its cache when another connection has written.
                connection.pragma_update(None, "cache_size", -512)?;
                let (queue, log) = (Arc::clone(shared.queue(kind)), Arc::clone(log));
                let thread = thread::Builder::new().name(kind.name().to_owned());
                thread
                    .spawn(move || panics::or_exit(|| serve(kind, &queue, &connection, &log)))
                    .context("starting a thread that reads")?;
            }
        }
        Ok(Self(Arc::new(shared)))
    }

    /// The numbers of these names. A name that no committed row has is [`term::UNKNOWN`].
    pub(super) async fn numbers<const N: usize>(&self, names: [&str; N]) -> Result<[i64; N]> {
        match self.0.terms.numbers(names) {
            Some(numbers) => Ok(numbers),
            // Rare, and not to be in the way of every read.
            None => Box::pin(self.find_numbers(names)).await,
        }
    }

    /// The number of this name.
    pub(super) async fn number(&self, name: &str) -> Result<i64> {
        let [number] = self.numbers([name]).await?;
        Ok(number)
    }

    /// Forgets the numbers of names: one has another name now.
    pub(super) fn forget_numbers(&self) {
        self.0.terms.forget();
    }

    async fn find_numbers<const N: usize>(&self, names: [&str; N]) -> Result<[i64; N]> {
        let wanted = names.map(str::to_owned);
        let find = move |connection: &Connection| {
            let mut numbers = [term::UNKNOWN; N];
            for (number, name) in numbers.iter_mut().zip(&wanted) {
                *number = term::number(connection, name)?;
            }
            Ok(numbers)
        };
        let forgotten = self.0.terms.forgotten();
        let numbers = self.point(find).await?;
        for (number, name) in numbers.iter().zip(names) {
            self.0.terms.remember(name, *number, forgotten);
        }
        Ok(numbers)
    }

    /// Makes a point read for the host: one that looks at a few rows.
    pub(super) async fn point<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        self.point_of("", read).await
    }

    /// Makes a point read of a tenant. It is made by a thread for lists if it turns out to look at many
    /// rows, such as the members of a large group.
    pub(super) async fn point_of<T: Send + 'static>(
        &self,
        tenant: &str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        if self.0.simulation.is_some() {
            return self.simulated(u32::MAX, move |it| read(it)).await;
        }
        let again = read.clone();
        let at_hand = if self.0.is_slow() { None } else { self.0.take() };
        let Some(connection) = at_hand else {
            return self.read(ReadKind::Point, tenant, move |it| again(it)).await;
        };
        let begun = Instant::now();
        connection.begin(POINT_STRETCHES, Arc::default(), None);
        let result = panics::contained_now(|| read(&connection).context("reading the database"));
        let interruption = connection.interruption();
        self.0.put_back(connection);
        if interruption.is_some() {
            return self.read(ReadKind::List, tenant, move |it| again(it)).await;
        }
        if begun.elapsed() > SLOW {
            self.0.slow.store(SLOW_READS, Ordering::Relaxed);
        }
        result.flatten()
    }

    /// Makes a read of a tenant that lists many rows.
    pub(super) async fn list<T: Send + 'static>(
        &self,
        tenant: &str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        self.read(ReadKind::List, tenant, move |it| read(it)).await
    }

    /// Makes a read of a page of at most so many, by an index. It is made by a thread for scans as soon as
    /// it looks at more than the page needs: a filter that has an index may match every resource.
    pub(super) async fn page<T: Send + 'static, E>(
        &self,
        count: u64,
        tenant: &str,
        read: impl FnOnce(&ReadConnection) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<T>
    where
        E: Into<anyhow::Error>,
    {
        let page = u32::try_from(count / ROWS_OF_A_STRETCH).unwrap_or(u32::MAX);
        let most = PAGE_STRETCHES.saturating_add(page).min(LIST_STRETCHES);
        self.read_within(ReadKind::List, most, tenant, read).await
    }

    /// Makes a read for the host itself, or for an operator.
    pub(super) async fn host<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        self.read(ReadKind::Host, "", move |it| read(it)).await
    }

    /// Makes a read of this kind in its turn among those of the tenant.
    pub(super) async fn read<T: Send + 'static, E>(
        &self,
        kind: ReadKind,
        tenant: &str,
        read: impl FnOnce(&ReadConnection) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<T>
    where
        E: Into<anyhow::Error>,
    {
        self.read_within(kind, kind.stretches(), tenant, read).await
    }

    /// Makes a read of this kind, of so many stretches at most before threads for longer ones make it.
    async fn read_within<T: Send + 'static, E>(
        &self,
        mut kind: ReadKind,
        mut stretches: u32,
        tenant: &str,
        read: impl FnOnce(&ReadConnection) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<T>
    where
        E: Into<anyhow::Error>,
    {
        if self.0.simulation.is_some() {
            let stretches = kind.longer().unwrap_or(kind).stretches();
            return self.simulated(stretches, read).await;
        }
        let mut tries = 0;
        loop {
            let (result, interruption) = self.queued(kind, stretches, tenant, read.clone()).await?;
            match (interruption, kind.longer()) {
                (Some(Interruption::TooMuch), Some(longer)) => {
                    (kind, stretches) = (longer, longer.stretches());
                }
                (Some(Interruption::LongLog), _) if tries + 1 < MOST_TRIES => tries += 1,
                (Some(Interruption::LongLog), _) => return Err(ReadError::Interrupted.into()),
                _ => return result.context("reading the database"),
            }
        }
    }

    async fn queued<T: Send + 'static, E>(
        &self,
        kind: ReadKind,
        stretches: u32,
        tenant: &str,
        read: impl FnOnce(&ReadConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<(Result<T>, Option<Interruption>)>
    where
        E: Into<anyhow::Error>,
    {
        let (reply, replied) = oneshot::channel();
        let waiting = CallerWaits::default();
        let gone = Arc::clone(&waiting.gone);
        let others_wait = (kind == ReadKind::List).then(|| -> OthersWait {
            let (queue, tenant) = (Arc::clone(self.0.queue(kind)), tenant.to_owned());
            Box::new(move || queue.others_wait(&tenant))
        });
        let job: Read = Box::new(move |connection: &ReadConnection| {
            if gone.load(Ordering::Relaxed) {
                return;
            }
            connection.begin(stretches, gone, others_wait);
            let result = panics::contained_now(|| read(connection).map_err(Into::into)).flatten();
            reply.send((result, connection.interruption())).ok();
        });
        // What the host asks for itself is not refused.
        let most = if tenant.is_empty() { usize::MAX } else { MOST_WAITING };
        if !self.0.queue(kind).push(tenant, job, most) {
            return Err(ReadError::TooManyWait.into());
        }
        let replied = replied.await.context("the store is closed");
        drop(waiting);
        replied
    }

    async fn simulated<T: Send + 'static, E>(
        &self,
        stretches: u32,
        read: impl FnOnce(&ReadConnection) -> Result<T, E>,
    ) -> Result<T>
    where
        E: Into<anyhow::Error>,
    {
        if let Some(simulation) = &self.0.simulation {
            simulation.delay().await;
        }
        let connection = self.0.take().context("a simulated read began during another one")?;
        connection.begin(stretches, Arc::default(), None);
        let result = panics::contained_now(|| read(&connection).map_err(Into::into)).flatten();
        self.0.put_back(connection);
        result.context("reading the database")
    }
}

/// Makes the reads of a queue until it is closed.
fn serve(kind: ReadKind, queue: &Queue<Read>, connection: &ReadConnection, log: &Log) {
    if kind == ReadKind::Scan {
        give_way();
        connection.give_way();
    }
    while let Some(read) = queue.next() {
        let _running = match kind {
            ReadKind::Point => None,
            _ => Some(log.gate.enter(kind == ReadKind::Scan)),
        };
        read(connection);
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
