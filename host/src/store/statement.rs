//! Point reads as SQL: one statement of one row that answers many of them.
//!
//! A trip to the thread of a connection costs more than most point reads do, and so does each
//! message that comes back. So the reads that wait at the same time become one statement with one
//! row: a column for each kind of read, over a table of the values of all reads of that kind.
//!
//! Each table's module defines the statements on it; this module knows none of them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::sync::Arc;

use sqlx::Arguments;
use sqlx::sqlite::SqliteArguments;

/// Tables of values have one of these numbers of rows, so that few statements are prepared.
const HEIGHTS: [usize; 4] = [1, 4, 16, 64];

/// The cache of statement texts is emptied when it has this many.
const MOST_TEXTS: usize = 256;

/// How one kind of point read is answered: by one text of records, from a table of values that the
/// body sees as `new`.
///
/// The first column of a row is the number of the read, and its records begin with that number.
/// Rows in which it is NULL only fill the table up, and the body has to leave them out.
pub(super) struct Statement {
    pub(super) columns: &'static [&'static str],
    pub(super) body: Cow<'static, str>,
}

/// A kind of point read: the place where its statement is defined. Equality and order are those of
/// the address.
#[derive(Clone, Copy)]
pub(super) struct ReadKind(pub(super) &'static Statement);

impl ReadKind {
    fn address(self) -> *const Statement {
        ptr::from_ref(self.0)
    }
}

impl PartialEq for ReadKind {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for ReadKind {}

impl PartialOrd for ReadKind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ReadKind {
    fn cmp(&self, other: &Self) -> Ordering {
        self.address().cmp(&other.address())
    }
}

impl Hash for ReadKind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

/// A value of a statement, owned by the read that brings it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Null,
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

impl Bound {
    /// Adds the value to those of a statement.
    pub(super) fn bind(self, arguments: &mut SqliteArguments) {
        let added = match self {
            Self::Null => arguments.add(None::<i64>),
            Self::Text(text) => arguments.add(text),
            Self::Integer(number) => arguments.add(number),
            Self::Real(number) => arguments.add(number),
        };
        added.expect("texts and numbers can always be bound");
    }
}

/// The number of rows of a table that has room for this many reads.
pub(super) fn height(reads: usize) -> usize {
    HEIGHTS.into_iter().find(|height| *height >= reads).unwrap_or(reads)
}

/// The kinds of a trip in ascending order, each with the number of rows of its table.
pub(super) type Shape = Vec<(ReadKind, usize)>;

/// The statements of earlier trips by shape: the connection has the same texts prepared.
#[derive(Default)]
pub(super) struct Texts {
    known: HashMap<Shape, Arc<str>>,
}

impl Texts {
    /// The statement of this shape. Its values are bound kind by kind and row by row.
    pub(super) fn of(&mut self, shape: Shape) -> Arc<str> {
        if self.known.len() >= MOST_TEXTS {
            self.known.clear();
        }
        let text = self.known.entry(shape);
        Arc::clone(text.or_insert_with_key(text_of))
    }
}

fn text_of(shape: &Shape) -> Arc<str> {
    let columns: Vec<String> = shape
        .iter()
        .map(|(kind, height)| {
            let Statement { columns, body } = kind.0;
            // Unnumbered: SQLite looks a number up by walking over all parameters before it.
            let row = format!("({})", vec!["?"; columns.len()].join(","));
            let table = vec![row.as_str(); *height].join(",");
            format!("(WITH new ({}) AS (VALUES {table}) {body})", columns.join(", "))
        })
        .collect();
    format!("SELECT {}", columns.join(",\n")).into()
}
