//! SQLite's checkpoints, and how long the log is.

use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::{Connection, Row};

use crate::store::database::BUSY_TIMEOUT;
use crate::store::disk::DiskError;

/// How long the writer waits for reads that look at the log. Point reads take less.
const READS_END_WITHIN: Duration = Duration::from_millis(20);

/// The same when the database is closed.
const INTERRUPTED_READS_END_WITHIN: Duration = Duration::from_secs(2);

/// How long the log is.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct LogLength {
    /// Pages since it began.
    pub(in crate::store) pages: u32,
    /// How many of them the database has.
    copied: u32,
    /// Whether the next commit is written to its beginning.
    pub(in crate::store) begins_again: bool,
}

impl LogLength {
    /// Pages that the database does not have.
    pub(in crate::store) fn left(self) -> u32 {
        self.pages.saturating_sub(self.copied)
    }

    pub(super) fn megabytes(self) -> u32 {
        self.pages / 256
    }
}

/// Looks, and does nothing.
pub(in crate::store) fn length(connection: &Connection) -> Result<LogLength> {
    run(connection, "PRAGMA wal_checkpoint(NOOP)")
}

/// Copies the pages that no read needs.
pub(super) fn passive(connection: &Connection) -> Result<LogLength> {
    run(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// Copies all pages, on the connection of the writer, so that the next commit is written to the beginning
/// of the log. A file of more than `kept` bytes is cut.
pub(in crate::store) fn restart(connection: &Connection, kept: u64) -> Result<LogLength> {
    fail::fail_point!("log-restart");
    let is_large = u64::from(length(connection)?.pages) * 4096 > kept;
    connection.busy_timeout(READS_END_WITHIN)?;
    let restarted = run(
        connection,
        match is_large {
            true => "PRAGMA wal_checkpoint(TRUNCATE)",
            false => "PRAGMA wal_checkpoint(RESTART)",
        },
    );
    connection.busy_timeout(BUSY_TIMEOUT)?;
    fail::fail_point!("log-restarted");
    restarted
}

/// Copies all pages and cuts the file to nothing, before the database is closed.
pub(in crate::store) fn empty(connection: &Connection) -> Result<LogLength> {
    connection.busy_timeout(INTERRUPTED_READS_END_WITHIN)?;
    fail::fail_point!("log-empty");
    let emptied = run(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    fail::fail_point!("log-emptied");
    emptied
}

fn run(connection: &Connection, sql: &'static str) -> Result<LogLength> {
    let ran = || {
        connection.prepare_cached(sql)?.query_row([], |row| {
            let is_busy: bool = row.get(0)?;
            Ok(LogLength { pages: pages(row, 1)?, copied: pages(row, 2)?, begins_again: !is_busy })
        })
    };
    ran().context("moving the log into the database").map_err(DiskError::told)
}

/// SQLite says -1 if it could not look.
fn pages(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    Ok(u32::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}
