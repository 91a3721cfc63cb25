//! The SQL of a page.

use std::borrow::Cow;

use sqlx::sqlite::SqliteArguments;

use super::Query;
use crate::store::filter::Condition;
use crate::store::frame;
use crate::store::reader::Bound;
use crate::store::resource::Related;
use crate::store::walk::Place;

/// A statement that gives one row: the total, and the records of the page.
#[derive(Default)]
pub(in crate::store) struct Select {
    pub(in crate::store) sql: String,
    pub(in crate::store) arguments: SqliteArguments,
}

impl Select {
    /// For the page that begins at this index, counted from 1, or at this place.
    pub(in crate::store) fn of(
        query: &Query,
        condition: Option<&Condition>,
        start: u64,
        place: Option<Place>,
    ) -> Self {
        match (condition, place) {
            (None, place) => everything(query, start, place),
            (Some(condition), Some(place)) => further(query, condition, place),
            (Some(condition), None) => counted(query, start, condition),
        }
    }

    fn add(mut self, sql: &str, values: impl IntoIterator<Item = Bound>) -> Self {
        self.sql += sql;
        values.into_iter().for_each(|value| value.bind(&mut self.arguments));
        self
    }

    /// What is shown of rows `r` that the condition after this describes; `total` is before it.
    fn shown(self, total: &str, values: impl IntoIterator<Item = Bound>, query: &Query) -> Self {
        let related = match query.related {
            Related::None => "NULL".into(),
            Related::Groups => Cow::Borrowed(frame::GROUPS),
            Related::Members => frame::members(false).into(),
            Related::NamedMembers => frame::members(true).into(),
        };
        self.add(&format!("SELECT {total}, "), values).add(
            &format!(
                "{}, {}, {}
                 FROM (SELECT {} AS head, r.document AS document, {related} AS related
                       FROM resource r WHERE ",
                frame::records("head"),
                frame::documents("document"),
                frame::records("related"),
                frame::record(frame::HEAD)
            ),
            [],
        )
    }
}

fn of_kind(query: &Query) -> [Bound; 2] {
    [query.tenant.as_str().into(), query.resource_type.name.as_str().into()]
}

/// For `LIMIT ? + 0`: SQLite plans a statement anew whenever a bare `LIMIT ?` is bound.
fn limit(query: &Query) -> Bound {
    Bound::Integer(i64::try_from(query.count).unwrap_or(i64::MAX))
}

fn skip(start: u64) -> Bound {
    Bound::Integer(i64::try_from(start - 1).unwrap_or(i64::MAX))
}

/// Without a filter: the total is kept, and the order is an index.
fn everything(query: &Query, start: u64, place: Option<Place>) -> Select {
    let total = "coalesce((SELECT total FROM tally WHERE tenant = ? AND kind = ?), 0)";
    let (after, skipped) = match place {
        Some(place) => (place.after, Bound::Integer(0)),
        None => (0, skip(start)),
    };
    Select::default()
        .shown(total, of_kind(query), query)
        .add("r.tenant = ? AND r.kind = ? AND r.seq > ?", of_kind(query))
        .add("", [Bound::Integer(after)])
        .add(" ORDER BY r.seq LIMIT ? + 0 OFFSET ?)", [limit(query), skipped])
}

/// With a filter, where the page before has been seen and nothing has changed since.
fn further(query: &Query, condition: &Condition, place: Place) -> Select {
    let total = i64::try_from(place.total).unwrap_or(i64::MAX);
    Select::default()
        .shown("?", [Bound::Integer(total)], query)
        .add("r.tenant = ? AND r.kind = ? AND r.seq > ?", of_kind(query))
        .add(" AND (", [Bound::Integer(place.after)])
        .add(&condition.sql, condition.values.iter().cloned())
        .add(") ORDER BY r.seq LIMIT ? + 0)", [limit(query)])
}

/// With a filter: all that match are found, counted, and those of the page looked up.
fn counted(query: &Query, start: u64, condition: &Condition) -> Select {
    Select::default()
        .add("WITH hit AS MATERIALIZED (SELECT r.seq AS seq FROM resource r", [])
        .add(" WHERE r.tenant = ? AND r.kind = ? AND (", of_kind(query))
        .add(&condition.sql, condition.values.iter().cloned())
        .add(")) ", [])
        .shown("(SELECT count(*) FROM hit)", [], query)
        .add("r.seq IN (SELECT seq FROM hit ORDER BY seq LIMIT ? + 0 OFFSET ?)", [limit(query)])
        .add(" ORDER BY r.seq)", [skip(start)])
}
