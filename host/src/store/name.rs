//! Enum variants by the names that the database has for them.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// The variant of this name; the error lists the names that there are.
pub(super) fn named<T: Copy, const N: usize>(
    what: &str,
    all: [T; N],
    name: impl Fn(T) -> &'static str,
    text: &str,
) -> Result<T> {
    all.into_iter().find(|it| name(*it) == text).ok_or_else(|| {
        let known = all.map(name).join(", ");
        anyhow!("there is no {what} {text:?}: choose one of {known}")
    })
}

/// The same of a column that may be NULL.
pub(super) fn of_optional_column<T>(row: &SqliteRow, key: &str, column: &str) -> Result<Option<T>>
where
    T: FromStr,
    T::Err: Display,
{
    let text: Option<&str> = row.try_get(column)?;
    text.map(|_| of_column(row, key, column)).transpose()
}

/// The variant that a column names, in a row with this column as its key.
pub(super) fn of_column<T>(row: &SqliteRow, key: &str, column: &str) -> Result<T>
where
    T: FromStr,
    T::Err: Display,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| anyhow!("{error:#}")).with_context(|| {
        let key = row.try_get(key).unwrap_or("");
        format!("the {column} of {key:?}")
    })
}
