//! A page as it is read, row by row.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params_from_iter};
use serde_json::Value;

use super::select::{Listed, Plan, Select, Window, in_order};
use super::{Bookmark, PAGE_BYTES, Page};
use crate::store::range::{ListKey, Place};
use crate::store::resource::{self, StoredResource};
use crate::store::value::{count_of, push_id};

/// A page as it was read, with the places of its resources.
#[derive(Debug, Default)]
pub(super) struct FoundPage {
    pub(super) page: Page,
    /// The places of all in age.
    seqs: Vec<i64>,
    /// What each is sorted by, if it is not age.
    keys: Vec<Value>,
}

impl FoundPage {
    /// Reads the page; all reads of it are of one moment if the caller is in a transaction.
    pub(super) fn read(
        connection: &Connection,
        listed: Listed,
        plan: &Plan,
    ) -> rusqlite::Result<Self> {
        let mut found = Self::default();
        match plan {
            Plan::InOrder { rows, total } => {
                found.page.total = match total {
                    Some(total) => *total,
                    None => total_of_kind(connection, listed.list)?,
                };
                found.rows(connection, rows)?;
            }
            Plan::Ranged { ranges, order, skip, limit } => {
                let descending = order.descending;
                match ranges.place(connection, listed.list, *skip, descending)? {
                    None => found.page.total = total_of_kind(connection, listed.list)?,
                    Some(Place { bound, skip }) => {
                        let after = bound.map(|it| Bookmark::at(it, descending));
                        let window = Window { after: after.as_ref(), skip, limit: *limit };
                        let plan = in_order(listed, None, order, window);
                        return Self::read(connection, listed, &plan);
                    }
                }
            }
            Plan::Counted { matches, skip, limit, descending } => {
                let mut select = connection.prepare_cached(&matches.sql)?;
                let matches =
                    select.query_map(params_from_iter(&matches.values), |row| row.get(0))?;
                let mut seqs = matches.collect::<rusqlite::Result<Vec<i64>>>()?;
                seqs.sort_unstable();
                if *descending {
                    seqs.reverse();
                }
                found.page.total = seqs.len() as u64;
                found.at(
                    connection,
                    listed,
                    seqs.into_iter().skip(size(*skip)).take(size(*limit)),
                )?;
            }
            Plan::Sorted { matches, skip, limit } => {
                let mut select = connection.prepare_cached(&matches.sql)?;
                let matches = select.query_map(params_from_iter(&matches.values), |row| {
                    Ok((row.get::<_, i64>(0)?, key(row, 1)?, row.get::<_, bool>(2)?))
                })?;
                let matches = matches.collect::<rusqlite::Result<Vec<_>>>()?;
                found.page.total = matches.len() as u64;
                let shown = matches.into_iter().filter(|(.., is_after)| *is_after);
                let shown = shown.skip(size(*skip)).take(size(*limit));
                let (seqs, keys): (Vec<i64>, Vec<Value>) =
                    shown.map(|(seq, key, _)| (seq, key)).unzip();
                found.keys = keys;
                found.at(connection, listed, seqs.into_iter())?;
            }
        }
        Ok(found)
    }

    /// The place of the last one in age.
    pub(super) fn last(&self) -> Option<i64> {
        self.seqs.last().copied()
    }

    /// The page of at most so many, and where the next one begins.
    pub(super) fn page_of(mut self, count: u64, after: Option<&Bookmark>) -> Page {
        let rows = self.page.rows.len();
        let count = if self.page.is_full { size(count).min(rows) } else { size(count) };
        if count == 0 || rows <= count && !self.page.is_full {
            return self.page;
        }
        self.page.rows.truncate(count);
        self.page.next = self.seqs.get(count - 1).map(|seq| Bookmark {
            total: after.map_or(self.page.total, |after| after.total),
            seq: *seq,
            key: self.keys.into_iter().nth(count - 1),
        });
        self.page
    }

    /// Adds the rows that a statement finds.
    fn rows(&mut self, connection: &Connection, rows: &Select) -> rusqlite::Result<()> {
        let mut select = connection.prepare_cached(&rows.sql)?;
        let is_sorted = select.column_count() > resource::COLUMN_COUNT;
        let mut rows = select.query(params_from_iter(&rows.values))?;
        while let Some(row) = rows.next()? {
            self.row(row)?;
            if is_sorted {
                self.keys.push(key(row, resource::COLUMN_COUNT)?);
            }
            if self.page.text.len() >= PAGE_BYTES {
                self.page.is_full = rows.next()?.is_some();
                break;
            }
        }
        Ok(())
    }

    /// Adds the rows of these numbers.
    fn at(
        &mut self,
        connection: &Connection,
        listed: Listed,
        seqs: impl Iterator<Item = i64>,
    ) -> rusqlite::Result<()> {
        let columns = resource::columns(listed.related);
        let sql = format!("SELECT {columns} FROM resource r WHERE r.seq = ?");
        let mut select = connection.prepare_cached(&sql)?;
        for seq in seqs {
            if self.page.text.len() >= PAGE_BYTES {
                self.page.is_full = true;
                break;
            }
            let mut rows = select.query([seq])?;
            while let Some(row) = rows.next()? {
                self.row(row)?;
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let text = &mut self.page.text;
        // Of all texts, identifiers alone may have another form.
        let mut part = |column| -> rusqlite::Result<_> {
            let start = text.len();
            push_id(text, row.get_ref(column)?)?;
            Ok(start..text.len())
        };
        let resource = StoredResource {
            id: part(1)?,
            created: part(4)?,
            last_modified: part(5)?,
            document: part(6)?,
            related: match row.get_ref(7)? {
                ValueRef::Null => None,
                _ => Some(part(7)?),
            },
            version: row.get(2)?,
            departures: row.get(3)?,
        };
        self.seqs.push(row.get(0)?);
        self.page.rows.push(resource);
        Ok(())
    }
}

fn total_of_kind(connection: &Connection, list: ListKey) -> rusqlite::Result<u64> {
    let mut find = connection.prepare_cached(
        "SELECT coalesce((SELECT total FROM tally WHERE tenant = ? AND kind = ?), 0)",
    )?;
    find.query_row([list.tenant, list.kind], |row| count_of(row, 0))
}

/// What a row is sorted by; null if it has no value (see `SortKey`).
fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        text @ ValueRef::Text(_) => text.as_str()?.into(),
    })
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
