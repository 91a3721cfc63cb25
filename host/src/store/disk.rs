//! Errors of the disk, in the words that an operator reads.

use std::fmt;

/// `SQLITE_FULL`.
const FULL: i32 = 13;
/// `SQLITE_IOERR`, in the lowest byte of all its kinds.
const IO: i32 = 10;

/// The disk does not take the writes of the database. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// There is no room.
    Full,
    /// The disk fails for a reason that the database does not know.
    Refusing,
}

impl DiskError {
    /// The error of the disk that caused this error, if one did.
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
        match code & 0xff {
            FULL => Some(Self::Full),
            IO => Some(Self::Refusing),
            _ => None,
        }
    }

    /// Adds the error of the disk to an error that it caused.
    pub(super) fn told(error: anyhow::Error) -> anyhow::Error {
        match error.downcast_ref().and_then(Self::of) {
            Some(disk) => error.context(disk),
            None => error,
        }
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
