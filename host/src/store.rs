//! The database: resources, accounts, the journal, jobs and the configuration. All SQL of the host
//! is in this module.
//!
//! One thread writes, and commits that wait at the same time share a transaction; others read at the same
//! time. An acknowledged commit is durable.

mod account;
mod app;
mod at_once;
mod attempt;
pub(crate) mod audit;
mod backlog;
mod backup;
mod body;
mod bound_key;
mod commit;
mod connector;
mod credential;
mod damage;
mod database;
mod disk;
mod due;
mod erasure;
mod filter;
mod function;
mod job;
mod key;
mod log;
mod member;
mod name;
mod operation;
mod origin;
mod page;
mod pool;
mod range;
mod reader;
mod recorded;
mod related;
mod released;
mod removal;
mod replacement;
mod resource;
mod retention;
mod tenant;
mod term;
mod unsettled;
mod value;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rusqlite::Connection;

pub use account::AccountRow;
pub use app::{AppRow, ReplyMode};
pub use attempt::AttemptRow;
pub use audit::{AuditAuthor, AuditFilter, AuditRow, AuditSubject};
pub use backlog::Backlog;
pub use backup::{DatabaseCopy, DatabaseSummary, free_space};
pub use commit::{Commit, CommitError, Receipt, ResourceChange};
pub use connector::{ConnectorRow, ConnectorUsers};
pub use credential::{AdminRole, CredentialKind, CredentialRow};
pub use disk::DiskError;
use disk::DiskReport;
pub use due::UnfinishedOperation;
pub use erasure::{ErasedCounts, Mention, NamedPerson};
pub use job::{InsertJobError, JobFilter, JobKind, JobProgress, JobRow, JobState};
pub use member::{MemberRow, Person};
pub use operation::{ExchangeRow, OperationFilter, OperationRow, OperationState};
pub use origin::{Origin, is_marked_as_linked};
pub use page::{Bookmark, Page, Query, QueryError, Start};
pub use reader::ReadError;
pub use recorded::{Recorded, RecordedFilter};
pub use released::{ReleasedCounts, ReleasedPerson};
pub use replacement::{Replacement, check_unpacked, is_interrupted, owned_like_its_folder};
pub use resource::{Related, ResourceRow, Standing, StoredResource};
pub use retention::Forgettable;
pub use tenant::{TenantFilter, TenantRow, TenantState};
pub use unsettled::{
    DoubtedMember, PersonGroups, SettledMember, ToldMember, UnsettledMember, UnsettledPerson,
};

use crate::clock::Clock;
use at_once::at_once;
use database::Lock;
use log::{Log, LogBounds};
use pool::Pool;
use reader::Reader;
use term::WriterTerms;
use unsettled::UnsettledTenants;
use walk::Walks;
use writer::{WriteConnections, Writer};

/// The name of the database in the data directory.
pub const DATABASE: &str = "muster.db";

/// The name of the host key beside the database.
pub const HOST_KEY: &str = "host.key";

/// The newest schema that this muster knows.
pub fn newest_schema() -> i64 {
    database::newest_schema()
}

/// The database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    clock: Clock,
    pool: Pool,
    reader: Reader,
    unsettled_tenants: Arc<UnsettledTenants>,
    walks: Arc<Walks>,
    writer: Writer,
}

impl Store {
    /// Opens the database at this path, creates it if there is none, and migrates it. A restore that
    /// was interrupted is finished before.
    ///
    /// Fails if another muster uses the database, if a newer muster wrote it, or if it cannot be
    /// written.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self> {
        Self::with_log(path, clock, LogBounds::of_process()).await.map_err(DiskError::told)
    }

    async fn with_log(path: &Path, clock: Clock, bounds: LogBounds) -> Result<Self> {
        let was_used = database::lock_file(path).exists();
        let lock = Lock::take(path).await?;
        if replacement::finish(path.parent().unwrap_or_else(|| Path::new(".")))? {
            tracing::warn!("store: a restore that was interrupted is finished");
        }
        bound_key::check_presence(path, was_used)?;
        let simulation = || clock.simulation().cloned();
        let kept = bounds.kept_bytes();
        let configuration = at_once(simulation().is_some(), database::migrated(path, kept)).await?;
        let connection = database::writer(path, kept)?;
        if writer::finish_salvage(&connection)? {
            tracing::warn!("store: a database that was saved from a damaged one is put in order");
        }
        let log = Arc::new(Log::new(bounds));
        let walks = Arc::new(Walks::default());
        let reader = Reader::start(path, &log, simulation())?;
        let connections = WriteConnections {
            connection,
            configuration,
            terms: WriterTerms::default(),
            walks: Arc::clone(&walks),
            log,
            disk: DiskReport::default(),
        };
        let writer = Writer::start(connections, database::mover(path)?, lock, simulation())?;
        Ok(Self {
            unsettled_tenants: Arc::new(UnsettledTenants::load(&reader).await?),
            pool: Pool::open(path, simulation()).await?,
            reader,
            walks,
            writer,
            clock,
        })
    }

    /// Reads one row of the schema: an error if the database does not answer.
    pub async fn check(&self) -> Result<()> {
        let read = |connection: &Connection| {
            connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(()))
        };
        self.reader.point(read).await
    }

    /// Moves the write-ahead log into the database file and truncates it, so that it holds no old versions of
    /// pages. False if a read needs it.
    pub async fn cut_log(&self) -> Result<bool> {
        self.writer.cut_log().await
    }

    /// Writes the waiting commits, moves the write-ahead log into the database file, and releases the
    /// lock. Later writes fail.
    pub async fn close(&self) -> Result<()> {
        self.writer.close().await
    }
}
