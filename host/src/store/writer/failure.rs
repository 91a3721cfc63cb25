//! Why writing failed: an answer for one commit, or an accident of the database.

use anyhow::anyhow;
use sqlx::error::ErrorKind;

use crate::store::commit::CommitError;
use crate::store::disk::DiskError;

/// What a trigger raises: `SQLITE_CONSTRAINT_TRIGGER`.
const RAISED: &str = "1811";

/// Why commits were not written.
#[derive(Debug)]
pub(super) enum Failure {
    /// A `userName` is taken.
    UserNameTaken,
    /// Something is not what it was expected to be.
    Stale,
    /// A commit holds something that it must not.
    Unfit(String),
    /// The database cannot write at all.
    Accident(sqlx::Error),
}

impl Failure {
    /// Whether no other commit would fare better: the disk is full, say.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Accident(_))
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else { return Self::Accident(error) };
        match database.kind() {
            // The index is told by its columns.
            ErrorKind::UniqueViolation if database.message().contains("user_name_key") => {
                Self::UserNameTaken
            }
            // Who joins, or the group, is gone.
            ErrorKind::ForeignKeyViolation => Self::Stale,
            _ if database.message() == "stale" => Self::Stale,
            ErrorKind::UniqueViolation
            | ErrorKind::NotNullViolation
            | ErrorKind::CheckViolation => Self::Unfit(database.message().to_owned()),
            _ if database.code().as_deref() == Some(RAISED) => {
                Self::Unfit(database.message().to_owned())
            }
            _ => Self::Accident(error),
        }
    }
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::UserNameTaken => Self::UserNameTaken,
            Failure::Stale => Self::Stale,
            Failure::Unfit(why) => Self::Accident(anyhow!("the database refuses it: {why}")),
            Failure::Accident(error) => {
                let error = anyhow::Error::new(error).context("writing to the database");
                Self::Accident(DiskError::told(error))
            }
        }
    }
}
