//! Values of columns: what is bound to a statement, and words that are enums in muster.

use anyhow::anyhow;
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde_json::Value;
use uuid::Uuid;

use super::operation::OperationState;
use crate::clock::rfc3339;
use crate::decision::{EventKind, Membership, ResourceKind};

/// A value of a statement that is put together at run time, or a key of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Text(String),
    Integer(i64),
    Real(f64),
    Blob(Vec<u8>),
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
            Self::Blob(bytes) => bytes.to_sql(),
        }
    }
}

impl FromSql for Bound {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Text(_) => value.as_str().map(Self::from),
            ValueRef::Integer(number) => Ok(Self::Integer(number)),
            ValueRef::Real(number) => Ok(Self::Real(number)),
            ValueRef::Blob(bytes) => Ok(Self::Blob(bytes.to_vec())),
            ValueRef::Null => Err(FromSqlError::InvalidType),
        }
    }
}

/// An identifier as columns have it: 16 bytes if it is a UUID in the form in which muster writes one, as
/// all of muster's are; any other text as it is.
pub(super) fn id(text: &str) -> Bound {
    let is_written_so = |uuid: &Uuid| {
        let mut buffer = Uuid::encode_buffer();
        uuid.hyphenated().encode_lower(&mut buffer) == text
    };
    match Uuid::try_parse(text).ok().filter(is_written_so) {
        Some(uuid) => Bound::Blob(uuid.as_bytes().to_vec()),
        None => Bound::Text(text.to_owned()),
    }
}

/// A bound of identifiers, which may be the beginning of one: see `clock::first_id_of`.
pub(super) fn id_bound(text: &str) -> Bound {
    const FIRST_ID: usize = "01a22c46-f921".len();
    let digits = text.replace('-', "");
    let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes());
    match bytes {
        Ok(bytes) if text.len() == FIRST_ID => Bound::Blob(bytes),
        _ => id(text),
    }
}

/// An identifier that was read.
pub(super) struct StoredId(pub(super) String);

impl FromSql for StoredId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let mut text = String::with_capacity(UUID.len());
        push_id(&mut text, value)?;
        Ok(Self(text))
    }
}

/// Appends the text of an identifier that was read.
pub(super) fn push_id(to: &mut String, id: ValueRef<'_>) -> FromSqlResult<()> {
    match id {
        ValueRef::Blob(bytes) => {
            let uuid =
                Uuid::from_slice(bytes).map_err(|error| FromSqlError::Other(error.into()))?;
            to.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        }
        text => to.push_str(text.as_str()?),
    }
    Ok(())
}

/// The least UUID.
const UUID: &str = "00000000-0000-0000-0000-000000000000";

/// The first and the last of all UUIDs whose text begins so, as columns have them. None if no UUID does.
pub(super) fn ids_that_begin(text: &str) -> Option<[Bound; 2]> {
    let rest = UUID.get(text.len()..)?;
    let ends = [rest.to_owned(), rest.replace('0', "f")].map(|rest| id(&format!("{text}{rest}")));
    ends.iter().all(|end| matches!(end, Bound::Blob(_))).then_some(ends)
}

/// A time as the journal has it, in milliseconds; an error if the text is no time.
pub(super) fn millis(time: &str) -> rusqlite::Result<i64> {
    let time: Timestamp = time
        .parse()
        .map_err(|error: jiff::Error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(time.as_millisecond())
}

/// A time that was read from the journal.
pub(super) struct StoredTime(pub(super) String);

impl FromSql for StoredTime {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let time = Timestamp::from_millisecond(value.as_i64()?);
        Ok(Self(rfc3339(time.map_err(|error| FromSqlError::Other(error.into()))?)))
    }
}

/// The number that an ended operation's row has for this value: its place among all. New ones are added at
/// the end.
pub(super) fn number<T: PartialEq, const N: usize>(all: &[T; N], value: &T) -> i64 {
    let place = all.iter().position(|it| it == value).expect("all are among all");
    i64::try_from(place).expect("there are few")
}

/// The value of this number.
pub(super) fn numbered<T: Copy, const N: usize>(
    all: &[T; N],
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let number: i64 = row.get(column)?;
    let found = usize::try_from(number).ok().and_then(|place| all.get(place)).copied();
    found.ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// The value of a column that has one of a few words.
fn word<T>(value: ValueRef<'_>, named: impl Fn(&str) -> Option<T>) -> FromSqlResult<T> {
    let text = value.as_str()?;
    named(text).ok_or_else(|| FromSqlError::Other(anyhow!("unknown word {text:?}").into()))
}

impl FromSql for ResourceKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        resource_kind(number).ok_or(FromSqlError::OutOfRange(number))
    }
}

impl ToSql for ResourceKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(number(&Self::ALL, self).into())
    }
}

/// The kind of this number; none for a type that is listed in settings.
pub(super) fn resource_kind(number: i64) -> Option<ResourceKind> {
    usize::try_from(number).ok().and_then(|place| ResourceKind::ALL.get(place)).copied()
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
