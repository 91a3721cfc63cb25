//! Errors of the disk, in the words that an operator reads.

use std::fmt;

/// `SQLITE_FULL`.
const FULL: i32 = 13;
/// `SQLITE_IOERR`, in the lowest byte of all its kinds.
const IO: i32 = 10;

/// `SQLITE_CORRUPT`.
const DAMAGED: i32 = 11;

/// The disk does not take the writes of the database. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// There is no room.
    Full,
    /// The disk fails for a reason that the database does not know.
    Refusing,
}

impl DiskError {
    /// Adds the error of the disk to an error that it caused.
    pub(super) fn told(error: anyhow::Error) -> anyhow::Error {
        if error.is::<Self>() || error.is::<Damaged>() {
            return error;
        }
        let code = error.downcast_ref().and_then(code).or_else(|| {
            let error: &sqlx::Error = error.downcast_ref()?;
            error.as_database_error()?.code()?.parse().ok()
        });
        match code.map(|code| code & 0xff) {
            Some(FULL) => error.context(Self::Full),
            Some(IO) => error.context(Self::Refusing),
            Some(DAMAGED) => error.context(Damaged),
            _ => error,
        }
    }
}

/// Pages of the database are not what was written.
#[derive(Debug)]
struct Damaged;

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the database is damaged: `muster backup` says which tables are, and what can be done",
        )
    }
}

impl std::error::Error for Damaged {}

fn code(error: &rusqlite::Error) -> Option<i32> {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure.extended_code),
        _ => None,
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the host's disk is full",
            Self::Refusing => {
                "the host's disk does not take writes: it is full, at a quota, or failing"
            }
        })
    }
}

impl std::error::Error for DiskError {}

/// Logs that the disk does not take writes, and that it does again: once each, however many are refused.
#[derive(Debug, Default)]
pub(super) struct DiskReport {
    is_refusing: bool,
}

impl DiskReport {
    /// Notes how a write ended. An error of another kind says nothing about the disk.
    pub(super) fn note(&mut self, error: Option<&anyhow::Error>) {
        match error {
            None if self.is_refusing => {
                self.is_refusing = false;
                tracing::info!("store: the disk takes writes again");
            }
            Some(error) if !self.is_refusing && error.is::<DiskError>() => {
                self.is_refusing = true;
                let error = format!("{error:#}");
                tracing::error!(error, "store: changes are refused until the disk takes writes");
            }
            None | Some(_) => {}
        }
    }
}
