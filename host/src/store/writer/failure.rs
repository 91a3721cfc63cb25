//! Why writing failed: an error of one commit, or an internal error of the database.

use anyhow::anyhow;
use sqlx::error::ErrorKind;

use crate::store::commit::CommitError;
use crate::store::disk::DiskError;

/// What a trigger raises: `SQLITE_CONSTRAINT_TRIGGER`.
const RAISED: &str = "1811";

/// Why commits were not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// Another resource has the account of the app.
    AccountTaken,
    /// A `userName` or `displayName` is taken.
    NameTaken,
    /// A resource does not have the expected version or has another unfinished operation, or a
    /// member or group is gone.
    Stale,
    /// A commit violates a constraint of the schema.
    Invalid(String),
    /// The database cannot write at all.
    Internal(sqlx::Error),
}

impl WriteError {
    /// Whether every other commit would fail as well: the disk is full, say.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Internal(_))
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else { return Self::Internal(error) };
        match database.kind() {
            // SQLite names the columns of the index, not the index.
            ErrorKind::UniqueViolation if database.message().contains("user_name_key") => {
                Self::NameTaken
            }
            ErrorKind::UniqueViolation if database.message().contains("account.account_id") => {
                Self::AccountTaken
            }
            ErrorKind::UniqueViolation if database.message().contains("operation.resource") => {
                Self::Stale
            }
            // The member or the group is gone.
            ErrorKind::ForeignKeyViolation => Self::Stale,
            _ if database.message() == "stale" => Self::Stale,
            _ if database.message() == "name taken" => Self::NameTaken,
            ErrorKind::UniqueViolation
            | ErrorKind::NotNullViolation
            | ErrorKind::CheckViolation => Self::Invalid(database.message().to_owned()),
            _ if database.code().as_deref() == Some(RAISED) => {
                Self::Invalid(database.message().to_owned())
            }
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
            WriteError::Internal(error) => {
                let error = anyhow::Error::new(error).context("writing to the database");
                Self::Internal(DiskError::told(error))
            }
        }
    }
}
