//! Values of columns: what is bound to a statement, and words that are enums in muster.

use anyhow::anyhow;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde_json::Value;

use super::operation::OperationState;
use crate::decision::{EventKind, Membership, ResourceKind};

/// A value of a statement that is put together at run time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Text(String),
    Integer(i64),
    Real(f64),
}

impl From<&str> for Bound {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Bound {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Bound {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl ToSql for Bound {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Integer(number) => number.to_sql(),
            Self::Real(number) => number.to_sql(),
        }
    }
}

/// The value of a column that has one of a few words.
fn word<T>(value: ValueRef<'_>, named: impl Fn(&str) -> Option<T>) -> FromSqlResult<T> {
    let text = value.as_str()?;
    named(text).ok_or_else(|| FromSqlError::Other(anyhow!("unknown word {text:?}").into()))
}

impl FromSql for ResourceKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value, Self::named)
    }
}

impl FromSql for EventKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value, |text| serde_json::from_value(Value::from(text)).ok())
    }
}

impl FromSql for OperationState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value, Self::named)
    }
}

impl FromSql for Membership {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        word(value, |text| MEMBERSHIPS.into_iter().find(|it| membership(*it) == text))
    }
}

const MEMBERSHIPS: [Membership; 3] =
    [Membership::Active, Membership::Suspended, Membership::Absent];

/// The word for it in the database.
pub(super) fn membership(of: Membership) -> &'static str {
    match of {
        Membership::Active => "active",
        Membership::Suspended => "suspended",
        Membership::Absent => "absent",
    }
}

/// A count, of this column.
pub(super) fn count_of(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}
