//! Why writing failed: an error of one commit, or an internal error of the database.

use anyhow::anyhow;
use rusqlite::ffi;

use crate::panics::Panicked;
use crate::store::commit::CommitError;
use crate::store::disk::DiskError;

/// Why commits were not written.
#[derive(Debug)]
pub(in crate::store) enum WriteError {
    /// Another resource has the account of the app.
    AccountTaken,
    /// A `userName` or `displayName` is taken.
    NameTaken,
    /// A resource does not have the expected version or has another unfinished operation, or a
    /// member or group is gone.
    Stale,
    /// A commit violates a constraint of the schema, or its parts contradict each other.
    Invalid(String),
    /// Writing the commit panicked.
    Panicked,
    /// The database cannot write at all.
    Internal(rusqlite::Error),
}

impl WriteError {
    /// Whether every other commit would fail as well: the disk is full, say.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Internal(_))
    }
}

impl From<Panicked> for WriteError {
    fn from(Panicked: Panicked) -> Self {
        Self::Panicked
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, Some(message)) = &error else {
            return Self::Internal(error);
        };
        match failure.extended_code {
            // SQLite names the columns of the index, not the index.
            ffi::SQLITE_CONSTRAINT_UNIQUE if message.contains("user_name_key") => Self::NameTaken,
            ffi::SQLITE_CONSTRAINT_UNIQUE if message.contains(".account_id") => Self::AccountTaken,
            ffi::SQLITE_CONSTRAINT_UNIQUE if message.contains("unfinished_operation.resource") => {
                Self::Stale
            }
            // It has ended already.
            ffi::SQLITE_CONSTRAINT_UNIQUE if message.ends_with(": operation.id") => Self::Stale,
            // The member or the group is gone.
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Self::Stale,
            ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_NOTNULL
            | ffi::SQLITE_CONSTRAINT_CHECK => Self::Invalid(message.clone()),
            _ => Self::Internal(error),
        }
    }
}

impl From<WriteError> for CommitError {
    fn from(failure: WriteError) -> Self {
        match failure {
            WriteError::AccountTaken => Self::AccountTaken,
            WriteError::NameTaken => Self::NameTaken,
            WriteError::Stale => Self::Stale,
            WriteError::Invalid(why) => {
                Self::Internal(anyhow!("the database refuses the commit: {why}"))
            }
            WriteError::Panicked => Self::Internal(Panicked.into()),
            WriteError::Internal(error) => {
                let error = anyhow::Error::new(error).context("writing to the database");
                Self::Internal(DiskError::told(error))
            }
        }
    }
}
