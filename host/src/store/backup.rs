//! A copy of the database as it is at one moment, while a host writes to it.
//!
//! The copy is made by a connection of its own, which may be in another process than the host: the
//! write-ahead log lets it read one state while others write. It keeps that state by a read transaction
//! and copies page by page with SQLite's online backup, which would begin again with each foreign commit
//! if there were no such transaction. Until it ends, the log cannot begin again from its start, and so
//! grows. The copy therefore goes to a file on a local disk with nothing else done on the way; the check,
//! the seal and a slow target come after that. If the log grows too much nevertheless, the copy is given up.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytesize::ByteSize;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tempfile::NamedTempFile;

use super::damage;

/// Pages that are copied at once: some megabytes.
const STEP: i32 = 2048;

/// How much the log may grow while a copy is made, if the database is not larger itself.
const LOG_ROOM: u64 = 1 << 30;

/// What is left free on the disk of the copy beside the copy.
const RESERVE: u64 = 64 << 20;

/// Names of copies that are being made.
const UNFINISHED: &str = ".muster-backup-";

/// How long a lock of another connection is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A copy of the database, in a temporary file.
#[derive(Debug)]
pub struct DatabaseCopy {
    connection: Connection,
    file: NamedTempFile,
}

/// What is in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSummary {
    /// The number of its schema.
    pub schema: i64,
    /// The fingerprint of the host key that it needs, if a host was started with it.
    pub host_key: Option<Vec<u8>>,
    /// Tenants.
    pub tenants: u64,
    /// Users, groups and other resources.
    pub resources: u64,
    /// Operations in the journal.
    pub operations: u64,
    /// Operations that are open, and will be tried by a host that starts with this database.
    pub open_operations: u64,
}

impl DatabaseCopy {
    /// Copies the database into a temporary file in this folder. `progress` is told how many bytes of
    /// how many are copied; an error from it ends the copy.
    pub fn take(
        database: &Path,
        folder: &Path,
        progress: impl FnMut(u64, u64) -> Result<()>,
    ) -> Result<Self> {
        Self::take_unless_log_grows(database, folder, LOG_ROOM, progress)
    }

    fn take_unless_log_grows(
        database: &Path,
        folder: &Path,
        log_room: u64,
        mut progress: impl FnMut(u64, u64) -> Result<()>,
    ) -> Result<Self> {
        remove_unfinished(folder)?;
        let reading = || format!("reading the database {}", database.display());
        let source = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(reading)?;
        source.busy_timeout(BUSY_TIMEOUT)?;
        // The first question takes the snapshot.
        source.execute_batch("BEGIN").with_context(reading)?;
        let size = size(&source).with_context(reading)?;
        let free = free_space(folder)?;
        ensure!(
            free >= size + RESERVE,
            "the copy of the database needs {} in {}, and {} are free there: --scratch takes another \
             directory",
            ByteSize(size + RESERVE),
            folder.display(),
            ByteSize(free)
        );
        let log = log(database);
        let most = length(&log) + log_room.max(size);
        let writing = || format!("copying the database into {}", folder.display());
        let (mut copy, file) = empty(folder).with_context(writing)?;
        {
            let copying = Backup::new(&source, &mut copy).with_context(writing)?;
            loop {
                fail::fail_point!("backup");
                let step = copying.step(STEP).with_context(writing)?;
                let left = size * u64::try_from(copying.progress().remaining)?
                    / u64::try_from(copying.progress().pagecount.max(1))?;
                progress(size - left.min(size), size)?;
                match step {
                    StepResult::Done => break,
                    StepResult::More => {}
                    _ => bail!("the database is locked by another program"),
                }
                ensure!(
                    length(&log) <= most,
                    "given up: the host writes faster than {} takes the copy, and its log has grown to \
                     {}; --scratch takes a faster disk",
                    folder.display(),
                    ByteSize(length(&log))
                );
            }
        }
        drop(source);
        // The copy needs no log beside it.
        copy.pragma_update(None, "journal_mode", "DELETE").with_context(writing)?;
        Ok(Self { connection: copy, file })
    }

    /// Checks that the copy is whole: a backup that cannot be restored is worth nothing.
    pub fn check(&self) -> Result<()> {
        damage::check(&self.connection)
    }

    /// What is in it.
    pub fn summary(&self) -> Result<DatabaseSummary> {
        let question = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let count = |sql: &str| Ok::<_, anyhow::Error>(u64::try_from(question(sql)?)?);
        Ok(DatabaseSummary {
            schema: question("SELECT max(version) FROM _sqlx_migrations")?,
            host_key: key_of(&self.connection)?,
            tenants: count("SELECT count(*) FROM tenant")?,
            resources: count("SELECT count(*) FROM resource")?,
            operations: count(
                "SELECT (SELECT count(*) FROM operation)
                     + (SELECT count(*) FROM unfinished_operation)",
            )?,
            open_operations: count(
                "SELECT count(*) FROM unfinished_operation WHERE state = 'open'",
            )?,
        })
    }

    /// The file, from its start.
    pub fn file(&self) -> Result<File> {
        // With an offset of its own.
        File::open(self.file.path()).context("reading the copy of the database")
    }
}

/// Checks that the database at this path is whole.
pub(super) fn check(database: &Path) -> Result<()> {
    damage::check(&Connection::open(database)?)
}

/// The fingerprint of the host key that the database at this path needs.
pub(super) fn bound_key(database: &Path) -> Result<Option<Vec<u8>>> {
    key_of(&Connection::open(database)?)
}

fn key_of(connection: &Connection) -> Result<Option<Vec<u8>>> {
    let key = connection.query_row("SELECT fingerprint FROM host_key", [], |row| row.get(0));
    Ok(key.optional()?)
}

/// An empty database in a temporary file, which only its owner can read, and which is locked.
fn empty(folder: &Path) -> Result<(Connection, NamedTempFile)> {
    let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.as_file().lock()?;
    let connection = Connection::open(file.path())?;
    // If the process ends, the copy is made again.
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;",
    )?;
    Ok((connection, file))
}

/// Removes the copies that processes have left which were killed.
fn remove_unfinished(folder: &Path) -> Result<()> {
    let listing = || format!("reading the directory {}", folder.display());
    for entry in fs::read_dir(folder).with_context(listing)? {
        let entry = entry?;
        let is_copy = entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && entry.file_type().is_ok_and(|it| it.is_file());
        if is_copy && File::open(entry.path()).is_ok_and(|it| it.try_lock().is_ok()) {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

/// The bytes of the database in the snapshot of this connection.
fn size(connection: &Connection) -> Result<u64> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(u64::try_from(number("page_count")? * number("page_size")?)?)
}

fn log(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).as_ref().map_or(0, Metadata::size)
}

/// The bytes that are free in this folder for this user.
pub fn free_space(folder: &Path) -> Result<u64> {
    let disk = rustix::fs::statvfs(folder)
        .with_context(|| format!("reading the directory {}", folder.display()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database with a log, and a connection that writes to it.
    fn database(folder: &Path) -> (PathBuf, Connection) {
        let path = folder.join("a.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 100;
                 CREATE TABLE row (n INTEGER, filler BLOB);",
            )
            .unwrap();
        for n in 0..30 {
            insert(&writer, n);
        }
        (path, writer)
    }

    /// Writes a megabyte.
    fn insert(writer: &Connection, n: i64) {
        writer.execute("INSERT INTO row VALUES (?1, randomblob(1048576))", [n]).unwrap();
    }

    #[test]
    fn a_copy_is_of_one_moment_and_writes_go_on_while_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let (path, writer) = database(folder.path());
        let mut steps = Vec::new();
        let copy = DatabaseCopy::take(&path, folder.path(), |done, all| {
            insert(&writer, 100);
            steps.push((done, all));
            Ok(())
        });
        let copy = copy.unwrap();
        assert!(steps.len() > 2 && steps.is_sorted(), "{steps:?}");
        let (done, all) = *steps.last().unwrap();
        assert_eq!(done, all);
        copy.check().unwrap();
        let count = |it: &Connection| {
            it.query_row("SELECT count(*) FROM row", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let written = 30 + i64::try_from(steps.len()).unwrap();
        assert_eq!((count(&copy.connection), count(&writer)), (30, written));
        drop(copy);
        let left = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name());
        assert!(left.into_iter().all(|it| it.to_str().unwrap().starts_with("a.db")));
    }

    #[test]
    fn a_copy_is_given_up_before_the_log_fills_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (path, writer) = database(folder.path());
        let copy = DatabaseCopy::take_unless_log_grows(&path, folder.path(), 0, |_, _| {
            (0..20).for_each(|_| insert(&writer, 100));
            Ok(())
        });
        let error = copy.unwrap_err().to_string();
        assert!(error.contains("given up: the host writes faster"), "{error}");
    }
}
