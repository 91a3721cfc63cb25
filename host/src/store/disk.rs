//! What an operator reads when the disk does not take what is written.

use std::fmt;

/// `SQLITE_FULL`.
const FULL: i32 = 13;
/// `SQLITE_IOERR`, in the lowest byte of all its kinds.
const IO: i32 = 10;

/// The disk does not take what the database writes. Nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// There is no room.
    Full,
    /// It says no, and the database does not know why.
    Refusing,
}

impl DiskError {
    /// The disk's part in an error, where it has one.
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
        match code & 0xff {
            FULL => Some(Self::Full),
            IO => Some(Self::Refusing),
            _ => None,
        }
    }

    /// Says the disk's part in an error, where it has one.
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
                "the host's disk does not take what is written: it is full, at a quota, or failing"
            }
        })
    }
}

impl std::error::Error for DiskError {}
