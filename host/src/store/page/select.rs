//! The SQL of a page.

use super::Bookmark;
use super::order::{Order, SORTED_AT_MOST};
use crate::store::filter::{Condition, counting};
use crate::store::range::{ListKey, RangeTable};
use crate::store::resource::{self, Related};
use crate::store::value::Bound;

/// A statement and its values.
#[derive(Debug, Default)]
pub(in crate::store) struct Select {
    pub(in crate::store) sql: String,
    pub(in crate::store) values: Vec<Bound>,
}

impl Select {
    fn add(mut self, sql: &str, values: impl IntoIterator<Item = Bound>) -> Self {
        self.sql += sql;
        self.values.extend(values);
        self
    }

    fn and(self, condition: Option<&Condition>) -> Self {
        let Some(condition) = condition else { return self };
        self.add(" AND (", []).add(&condition.sql, condition.values.iter().cloned()).add(")", [])
    }
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

/// What is listed.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Listed {
    pub(in crate::store) list: ListKey,
    /// What is read along with each resource.
    pub(in crate::store) related: Related,
}

/// How a page is found.
#[derive(Debug)]
pub(in crate::store) enum Plan {
    /// The statement finds the rows of the page in their order: [`resource::columns`], and then what each
    /// is sorted by.
    InOrder {
        rows: Select,
        /// How many there are in the list, if that is known from the beginning of the walk.
        total: Option<u64>,
    },
    /// So many of the list are passed over by its ranges. Then the page is found as with `InOrder`.
    Ranged { ranges: &'static RangeTable, order: Order, skip: u64, limit: u64 },
    /// The statement finds the numbers `seq` of all that match. So many of them are passed over.
    Counted { matches: Select, skip: u64, limit: u64, descending: bool },
    /// The statement finds for all that match, in the order of the list: `seq`, the key, and whether it
    /// comes after the place where the page begins. There is one row more than may be sorted, if there
    /// are too many. So many of them are passed over.
    Sorted { matches: Select, skip: u64, limit: u64 },
}

/// With more matches than this, finding all of them again for each page costs too much.
const LONG: u64 = 10_000;

impl Plan {
    /// For this window of a list.
    pub(in crate::store) fn of(
        listed: Listed,
        condition: Option<&Condition>,
        order: &Order,
        window: Window<'_>,
    ) -> Self {
        let Window { skip, limit, .. } = window;
        if condition.is_none()
            && window.after.is_none()
            && let Some(ranges) = order.ranges().filter(|it| !it.is_near(skip))
        {
            return Self::Ranged { ranges, order: order.clone(), skip, limit };
        }
        match (condition, window.after) {
            (None, _) if order.is_indexed() => in_order(listed, None, order, window),
            (Some(_), Some(_)) if order.key.is_none() => in_order(listed, condition, order, window),
            (Some(_), None) if order.key.is_none() => {
                let matches = Select::default()
                    .add("SELECT r.seq FROM resource r", [])
                    .add(" WHERE r.tenant = ? AND r.kind = ?", listed.list.values())
                    .and(condition);
                Self::Counted { matches, skip, limit, descending: order.descending }
            }
            _ => Self::Sorted { matches: sorted(listed, condition, order, window), skip, limit },
        }
    }
}

/// In the order of an index: as many rows are looked at as are shown, besides those that do not match.
pub(super) fn in_order(
    listed: Listed,
    condition: Option<&Condition>,
    order: &Order,
    window: Window<'_>,
) -> Plan {
    let key = order.key.as_ref().map_or("", |key| key.sql.as_str());
    let mut rows =
        Select::default().add(&format!("SELECT {}", resource::columns(listed.related)), []);
    if let Some(key) = &order.key {
        rows = rows.add(&format!(", {}", key.sql), key.values.iter().cloned());
    }
    // Few matches are found again by the index of the condition: the plus keeps SQLite from going
    // through all resources in order of age. With many matches, the next one is close in that order.
    let is_short = window.after.is_some_and(|it| it.total <= LONG);
    let seq = if is_short && condition.is_some_and(|it| it.is_narrow) { "+r.seq" } else { "r.seq" };
    rows = rows.add(" FROM resource r WHERE r.tenant = ? AND r.kind = ?", listed.list.values());
    if !key.is_empty() {
        // SQLite uses the partial index only if the condition says this.
        rows = rows.add(&format!(" AND {key} IS NOT NULL"), []);
    }
    if let Some(after) = window.after {
        let (sql, values) = order.after(key, seq, after.place());
        rows = rows.add(&format!(" AND {sql}"), values);
    }
    // SQLite plans a statement again whenever a bare `LIMIT ?` is bound.
    let bounds = [window.limit, window.skip].map(integer);
    let rows =
        rows.and(condition).add(&order.by(key, seq), []).add(" LIMIT ? + 0 OFFSET ?", bounds);
    Plan::InOrder { rows, total: condition.and(window.after).map(|after| after.total) }
}

fn integer(number: u64) -> Bound {
    Bound::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn sorted(
    listed: Listed,
    condition: Option<&Condition>,
    order: &Order,
    window: Window<'_>,
) -> Select {
    let (key, values) = match &order.key {
        Some(key) => (key.sql.as_str(), key.values.as_slice()),
        None => ("0", [].as_slice()),
    };
    let (is_after, place) = match window.after {
        Some(after) => order.after("key", "seq", after.place()),
        None => ("TRUE".to_owned(), Vec::new()),
    };
    Select::default()
        .add(&format!("SELECT seq, key, {is_after} FROM (SELECT r.seq AS seq, "), place)
        .add(&format!("{key} AS key FROM resource r"), values.iter().cloned())
        .add(" WHERE r.tenant = ? AND r.kind = ?", listed.list.values())
        .add(&counting(key).map(|it| format!(" AND {it}")).unwrap_or_default(), [])
        .and(condition)
        .add(" LIMIT ? + 0)", [integer(SORTED_AT_MOST + 1)])
        .add(&order.by("key", "seq"), [])
}
