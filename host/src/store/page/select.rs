//! The SQL of a page.

use std::borrow::Cow;

use sqlx::sqlite::SqliteArguments;

use super::order::{Order, SORTED_AT_MOST};
use super::{Bookmark, Query};
use crate::store::filter::Condition;
use crate::store::frame;
use crate::store::resource::Related;
use crate::store::statement::Bound;

/// A statement that gives one row: the total, the records of the page, and what each is sorted by.
#[derive(Default)]
pub(in crate::store) struct Select {
    pub(in crate::store) sql: String,
    pub(in crate::store) arguments: SqliteArguments,
}

/// Which rows of a list.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Window<'b> {
    /// After this place, whose list had so many.
    pub(in crate::store) after: Option<&'b Bookmark>,
    /// So many are passed over.
    pub(in crate::store) skip: u64,
    /// No more than so many.
    pub(in crate::store) limit: u64,
}

impl Window<'_> {
    /// For `LIMIT ? + 0`: SQLite plans a statement again whenever a bare `LIMIT ?` is bound.
    fn bounds(self) -> [Bound; 2] {
        [self.limit, self.skip].map(|it| Bound::Integer(i64::try_from(it).unwrap_or(i64::MAX)))
    }
}

impl Select {
    /// For this window of a list.
    pub(in crate::store) fn of(
        query: &Query,
        condition: Option<&Condition>,
        order: &Order,
        window: Window<'_>,
    ) -> Self {
        match (condition, window.after) {
            _ if !order.is_indexed() => sorted(query, condition, order, window),
            (None, _) => in_order(query, None, order, window),
            (Some(condition), None) if order.key.is_none() => {
                counted(query, condition, order, window)
            }
            (Some(condition), Some(_)) if order.key.is_none() => {
                in_order(query, Some(condition), order, window)
            }
            (Some(_), _) => sorted(query, condition, order, window),
        }
    }

    fn add(mut self, sql: &str, values: impl IntoIterator<Item = Bound>) -> Self {
        self.sql += sql;
        values.into_iter().for_each(|value| value.bind(&mut self.arguments));
        self
    }

    /// Adds the columns of the rows `r`, whose condition is added after this; `total` comes first.
    fn shown(
        self,
        total: &str,
        values: impl IntoIterator<Item = Bound>,
        query: &Query,
        key: Option<(&str, &[Bound])>,
    ) -> Self {
        let related = match query.related {
            Related::None => "NULL".into(),
            Related::Groups => Cow::Borrowed(frame::GROUPS),
            Related::Members => frame::members(false).into(),
            Related::NamedMembers => frame::members(true).into(),
        };
        let (heads, documents) = (frame::records("head"), frame::documents("document"));
        let related_records = frame::records("related");
        let head = frame::record(frame::HEAD);
        let mut select = self
            .add(&format!("SELECT {total}, {heads}, {documents}, {related_records}"), values)
            .add(if key.is_some() { KEYS } else { "" }, [])
            .add(" FROM (SELECT ", [])
            .add(&format!("{head} AS head, r.document AS document, {related} AS related"), []);
        if let Some((key, values)) = key {
            select = select.add(&format!(", {key} AS key"), values.iter().cloned());
        }
        select
    }
}

/// With more matches than this, finding all of them again for each page costs too much.
const LONG: u64 = 10_000;

/// The keys of a page as a JSON array, in which no value is null.
const KEYS: &str = ", json_group_array(CASE typeof(key) WHEN 'blob' THEN NULL ELSE key END)";

fn of_kind(query: &Query) -> [Bound; 2] {
    [query.tenant.as_str().into(), query.resource_type.name.as_str().into()]
}

/// In the order of an index: as many are looked at as are shown, but for those who do not match.
///
/// The total is kept; where there is a condition, it is what it was when the walk began.
fn in_order(
    query: &Query,
    condition: Option<&Condition>,
    order: &Order,
    window: Window<'_>,
) -> Select {
    let select = Select::default();
    let key = order.key.as_ref().map_or("", |key| key.sql.as_str());
    let shown = order.key.as_ref().map(|key| (key.sql.as_str(), key.values.as_slice()));
    let select = match (condition, window.after) {
        (Some(_), Some(after)) => {
            let total = Bound::Integer(i64::try_from(after.total).unwrap_or(i64::MAX));
            select.shown("?", [total], query, shown)
        }
        _ => {
            let total = "coalesce((SELECT total FROM tally WHERE tenant = ? AND kind = ?), 0)";
            select.shown(total, of_kind(query), query, shown)
        }
    };
    // Few matches are found again by the index of the condition: the plus keeps SQLite from going
    // through all resources in order of age. With many matches, the next one is close in that order.
    let is_short = window.after.is_some_and(|it| it.total <= LONG);
    let seq = if is_short && condition.is_some_and(|it| it.is_narrow) { "+r.seq" } else { "r.seq" };
    let mut select =
        select.add(" FROM resource r WHERE r.tenant = ? AND r.kind = ?", of_kind(query));
    if !key.is_empty() {
        // SQLite uses the partial index only if the condition says this.
        select = select.add(&format!(" AND {key} IS NOT NULL"), []);
    }
    if let Some(after) = window.after {
        let (sql, values) = order.after(key, seq, after.place());
        select = select.add(&format!(" AND {sql}"), values);
    }
    if let Some(condition) = condition {
        select = select.add(" AND (", []).add(&condition.sql, condition.values.iter().cloned());
        select = select.add(")", []);
    }
    select.add(&order.by(key, seq), []).add(" LIMIT ? + 0 OFFSET ?)", window.bounds())
}

/// With a filter: all that match are found, counted, and those of the page looked up.
fn counted(query: &Query, condition: &Condition, order: &Order, window: Window<'_>) -> Select {
    Select::default()
        .add("WITH hit AS MATERIALIZED (SELECT r.seq AS seq FROM resource r", [])
        .add(" WHERE r.tenant = ? AND r.kind = ? AND (", of_kind(query))
        .add(&condition.sql, condition.values.iter().cloned())
        .add(")) ", [])
        .shown("(SELECT count(*) FROM hit)", [], query, None)
        .add(" FROM resource r WHERE r.seq IN (SELECT seq FROM hit", [])
        .add(&order.by("", "seq"), [])
        .add(" LIMIT ? + 0 OFFSET ?)", window.bounds())
        .add(&order.by("", "r.seq"), [])
        .add(")", [])
}

/// All that match are put in an order, if they are not too many: then there is one row more than
/// may be.
fn sorted(
    query: &Query,
    condition: Option<&Condition>,
    order: &Order,
    window: Window<'_>,
) -> Select {
    let (key, values) = match &order.key {
        Some(key) => (key.sql.as_str(), key.values.as_slice()),
        None => ("0", [].as_slice()),
    };
    let mut select = Select::default()
        .add("WITH hit AS MATERIALIZED (SELECT r.seq AS seq, ", [])
        .add(&format!("{key} AS key FROM resource r"), values.iter().cloned())
        .add(" WHERE r.tenant = ? AND r.kind = ?", of_kind(query));
    if let Some(condition) = condition {
        select = select.add(" AND (", []).add(&condition.sql, condition.values.iter().cloned());
        select = select.add(")", []);
    }
    let most = i64::try_from(SORTED_AT_MOST + 1).unwrap_or(i64::MAX);
    select = select
        .add(" LIMIT ? + 0) ", [Bound::Integer(most)])
        .shown("(SELECT count(*) FROM hit)", [], query, Some(("page.key", [].as_slice())))
        .add(" FROM (SELECT seq, key FROM hit", []);
    if let Some(after) = window.after {
        let (sql, values) = order.after("key", "seq", after.place());
        select = select.add(&format!(" WHERE {sql}"), values);
    }
    select
        .add(&order.by("key", "seq"), [])
        .add(" LIMIT ? + 0 OFFSET ?) AS page CROSS JOIN resource r", window.bounds())
        .add(" ON r.seq = page.seq", [])
        .add(&order.by("page.key", "page.seq"), [])
        .add(")", [])
}
