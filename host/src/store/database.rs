//! The database file: its lock, its connections, and its migrations.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, SqlSafeStr};

use super::{filter, function};

/// How long the lock is waited for, in case another muster is shutting down.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a statement waits for a lock of SQLite.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The lock on a database, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock file beside the database; the error names the database if another process has
    /// the lock.
    pub(super) async fn take(database: &Path) -> Result<Self> {
        let path = lock_file(database);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write to {}", path.display()))?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if waited < LOCK_TIMEOUT => {
                    let pause = Duration::from_millis(20);
                    tokio::time::sleep(pause).await;
                    waited += pause;
                }
                Err(TryLockError::WouldBlock) => {
                    bail!("another muster is using {}; stop it first", database.display())
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
    }
}

/// The lock file of a database.
pub(super) fn lock_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Creates the database if it is missing, brings it to the present schema, and returns the connection on
/// which the configuration is written.
pub(super) async fn migrated(path: &Path, kept_log: u64) -> Result<SqliteConnection> {
    migrated_to(path, kept_log, migrations()).await
}

/// The same with the schema that these migrations make.
pub(super) async fn migrated_to(
    path: &Path,
    kept_log: u64,
    migrations: Vec<Migration>,
) -> Result<SqliteConnection> {
    let opening = || format!("cannot open the database {}", path.display());
    create_private(path).with_context(opening)?;
    let mut connection = configuration_options(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A 2xx answer means that the change is durable.
        .synchronous(SqliteSynchronous::Full)
        // A thread of its own moves the log into the database: see `log`.
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", kept_log.to_string())
        .pragma("temp_store", "MEMORY")
        // A secret that is replaced does not stay in a free part of a page.
        .pragma("secure_delete", "ON")
        .connect()
        .await
        .with_context(opening)?;
    check_is_ours(&mut connection).await.with_context(opening)?;
    migrate(&mut connection, migrations).await.with_context(opening)?;
    Ok(connection)
}

/// Fails if the database is another program's.
async fn check_is_ours(connection: &mut SqliteConnection) -> Result<()> {
    let query = "SELECT count(*), coalesce(sum(name = '_sqlx_migrations'), 0) FROM sqlite_schema";
    let (objects, ours): (i64, i64) = sqlx::query_as(query).fetch_one(connection).await?;
    ensure!(objects == 0 || ours > 0, "it is the database of another program");
    Ok(())
}

/// Creates the database, if it is missing, for the user of this process alone: it holds the secrets of
/// apps. SQLite gives its log the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

/// Another connection, on which the configuration is read.
pub(super) async fn configuration_reader(path: &Path) -> Result<SqliteConnection> {
    let opening = || format!("cannot open the database {} for reading", path.display());
    configuration_options(path).read_only(true).connect().await.with_context(opening)
}

fn configuration_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(256)
        .disable_statement_logging()
}

/// The connection that writes the directory and the journal. `kept_log` is the size to which SQLite cuts
/// the file of the log, in bytes.
pub(super) fn writer(path: &Path, kept_log: u64) -> Result<Connection> {
    let opening = || format!("cannot open the database {}", path.display());
    let open = || -> rusqlite::Result<Connection> {
        let connection = opened(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // A 2xx answer means that the change is durable.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.query_row(&format!("PRAGMA journal_size_limit = {kept_log}"), [], |_| Ok(()))?;
        // Writes touch pages all over the indexes, which are read again if they are not in the cache.
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // SQLite overwrites a deleted row with zeros if its page is written anyway: see `erasure`.
        connection.query_row("PRAGMA secure_delete = FAST", [], |_| Ok(()))?;
        keep_memory(&connection)?;
        Ok(connection)
    };
    open().with_context(opening)
}

/// The connection that moves the log into the database.
pub(super) fn mover(path: &Path) -> Result<Connection> {
    let opening = || format!("cannot open the database {}", path.display());
    let open = || -> rusqlite::Result<Connection> {
        let connection = opened(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(connection)
    };
    open().with_context(opening)
}

/// Another connection, on which the directory and the journal are read.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let opening = || format!("cannot open the database {} for reading", path.display());
    let open = || -> rusqlite::Result<Connection> {
        let connection = opened(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.create_collation(filter::FOLDED, filter::compare_folded)?;
        Ok(connection)
    };
    open().with_context(opening)
}

fn opened(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(256);
    function::register(&connection)?;
    Ok(connection)
}

/// Has the C library keep memory that is freed, up to some megabytes.
///
/// Left alone, glibc returns what is above 128 KiB to the kernel, which for a page of a hundred
/// users is each time, and each time every thread is stopped for it. It learns to keep twice the
/// size of the largest block that was ever freed.
fn keep_memory(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT length(hex(zeroblob(2097152)))", [], |_| Ok(()))
}

/// Opens a database once, brings its schema up to date, and closes it: one file is left.
pub(super) async fn prepare(path: &Path) -> Result<()> {
    let mut connection = migrated(path, 0).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    connection.close().await.with_context(|| format!("closing {}", path.display()))
}

/// The newest schema that this muster knows.
pub(super) fn newest_schema() -> i64 {
    migrations().last().map_or(0, |migration| migration.version)
}

/// The migrations of this muster, in their order.
pub(super) fn migrations() -> Vec<Migration> {
    let all = [
        ("foundation", include_str!("migrations/0001_foundation.sql")),
        ("walls", include_str!("migrations/0002_walls.sql")),
    ];
    let numbered = (1..).zip(all);
    numbered.map(|(n, (name, sql))| migration(n, name, sql)).collect()
}

/// A migration, which SQLite carries out in one transaction.
pub(super) fn migration(version: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
}

async fn migrate(connection: &mut SqliteConnection, migrations: Vec<Migration>) -> Result<()> {
    let newest = migrations.last().map_or(0, |migration| migration.version);
    let migrator = Migrator::with_migrations(migrations);
    match migrator.run(&mut *connection).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(version)) => bail!(
            "it was written by a newer muster: its schema is {version}, this one knows schemas up \
             to {newest}; use the newer one"
        ),
        Err(MigrateError::VersionMismatch(version)) => bail!(
            "its schema {version} is not the one that this muster knows by that number; use the \
             muster that wrote it"
        ),
        Err(error) => Err(error).context("bringing the schema up to date"),
    }
}
