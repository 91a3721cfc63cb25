//! The fingerprint of the host key that the database needs, and what is sealed with that key.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rusqlite::Connection;

use super::value::count_of;
use super::{HOST_KEY, Store};

/// The length of a database whose tables are still in its log.
const FIRST_PAGE: u64 = 4096;

/// Fails if a database is missing of which the host key or the log is left: to open it would begin an empty
/// one, and destroy the log. A key that is put into a directory before its first use is none that is left.
pub(super) fn check_presence(database: &Path, was_used: bool) -> Result<()> {
    let folder = database.parent().unwrap_or_else(|| Path::new("."));
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let (file, log) = (length(database)?, length(Path::new(&log))?);
    if file > 0 && !is_database(database)? {
        bail!(
            "{} is not a SQLite database: put the right one in its place, or restore a backup with \
             `muster restore`",
            database.display()
        );
    }
    // The key is made after the tables, which are in the log or in the database.
    let has_key = was_used && length(&folder.join(HOST_KEY))? > 0;
    let (found, left) = match (file, log) {
        (0, 0) if has_key => ("is missing or empty", "the host key of a database"),
        (0, 1..) => ("is missing or empty", "the log of a database, muster.db-wal,"),
        (..=FIRST_PAGE, 0) if has_key => (
            "has no tables, since its log, muster.db-wal, is missing",
            "the host key of a database",
        ),
        _ => return Ok(()),
    };
    bail!(
        "{} {found}, and {left} is beside it. Put muster.db and muster.db-wal back together, or restore a \
         backup with `muster restore`. For an empty host give another directory, or move all files out of \
         {}",
        database.display(),
        folder.display()
    )
}

/// The length of a file in bytes; that of a missing one is 0.
fn length(path: &Path) -> Result<u64> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Whether a file begins as SQLite's databases do.
fn is_database(path: &Path) -> Result<bool> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut head = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    match read {
        Ok(()) => Ok(head == *MAGIC),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) if error.kind() == ErrorKind::IsADirectory => Ok(false),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

impl Store {
    /// The fingerprint of the host key of this database. None before the first start.
    pub async fn host_key_fingerprint(&self) -> Result<Option<Vec<u8>>> {
        let query = sqlx::query_scalar("SELECT fingerprint FROM host_key");
        Ok(query.fetch_optional(&mut *self.pool.take().await?).await?)
    }

    /// Binds the database to the host key with this fingerprint, in place of the key before. The file
    /// `muster.db` alone says so then: a copy of it is not taken for an empty database.
    pub async fn bind_host_key(&self, fingerprint: Vec<u8>) -> Result<()> {
        self.writer
            .configure(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT OR REPLACE INTO host_key (one, fingerprint) VALUES (1, $1)",
                    )
                    .bind(fingerprint)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await?;
        self.cut_log().await.map(drop)
    }

    /// How many unfinished operations wait with a password that is sealed with the host key.
    pub async fn count_sealed(&self) -> Result<u64> {
        let count = |connection: &Connection| {
            let sql = "SELECT count(*) FROM unfinished_operation WHERE sealed IS NOT NULL";
            connection.query_row(sql, [], |row| count_of(row, 0))
        };
        self.reader.host(count).await
    }
}
