//! Counted ranges of lists, as they are kept: see `store::range`.
//!
//! Each range of the upper level ends where one of the lower level ends. A range that has grown to more than
//! twice its size is divided, and one that has shrunk to half of it goes into a neighbour if both together are
//! no larger than a new one.

use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Row, params, params_from_iter,
};

use super::failure::WriteError;
use crate::store::range::{ListKey, RangeTable};
use crate::store::value::Bound;

/// The ranges of one list.
#[derive(Clone, Copy)]
pub(super) struct Ranges<'c> {
    pub(super) connection: &'c Connection,
    pub(super) table: &'static RangeTable,
    pub(super) list: ListKey,
}

/// The last key of a range, and how many resources it has.
type Range = (Bound, i64);

impl Ranges<'_> {
    /// Counts a resource that came to this key, in whose row it is already. Returns whether it came to a
    /// range, and not to the tail.
    pub(super) fn add(&self, key: &Bound) -> Result<bool, WriteError> {
        let Some((last, count)) = self.count(1, key, 1)? else { return Ok(false) };
        let is_divided = count > 2 * self.table.size(1);
        if is_divided {
            self.divide(1, Some(&last), count)?;
        }
        match self.count(2, key, 1)? {
            Some((last, count)) if count > 2 * self.table.size(2) => {
                self.divide(2, Some(&last), count)?;
            }
            None if is_divided => self.divide_upper_tail()?,
            Some(_) | None => {}
        }
        Ok(true)
    }

    /// Counts a resource less at this key. Returns whether it was in a range, and not in the tail.
    pub(super) fn remove(&self, key: &Bound) -> Result<bool, WriteError> {
        // The upper level first: the end of a range that it has no more can go from the lower one too.
        let mut has_merged = false;
        for level in [2, 1] {
            match self.count(level, key, -1)? {
                Some(range) if range.1 <= self.table.size(level) / 2 => {
                    self.merge(level, range)?;
                    has_merged = true;
                }
                None if level == 1 => return Ok(false),
                Some(_) | None => {}
            }
        }
        // The last range of the upper level may have gone, and left its resources to the tail.
        if has_merged {
            self.divide_upper_tail()?;
        }
        Ok(true)
    }

    /// The tail has come to have so many resources.
    pub(super) fn tail_has(&self, count: i64) -> Result<(), WriteError> {
        if count <= 2 * self.table.size(1) {
            return Ok(());
        }
        self.divide(1, None, count)?;
        self.divide_upper_tail()
    }

    /// Changes the number of the range of this key.
    fn count(&self, level: i64, key: &Bound, by: i64) -> Result<Option<Range>, WriteError> {
        let name = self.table.name;
        let mut count = self.prepare(&format!(
            "UPDATE {name} SET count = count + ?5
             WHERE tenant = ?1 AND kind = ?2 AND level = ?3 AND last = (
                 SELECT min(last) FROM {name}
                 WHERE tenant = ?1 AND kind = ?2 AND level = ?3 AND last >= ?4
             )
             RETURNING last, count"
        ))?;
        let values = params![self.list.tenant, self.list.kind, level, key, by];
        Ok(count.query_row(values, range).optional()?)
    }

    /// Divides a range, or the tail if it has no last key, so that the upper part has the size of a new one.
    fn divide(&self, level: i64, last: Option<&Bound>, count: i64) -> Result<(), WriteError> {
        let found = match level {
            1 => self.middle_of_resources(last)?,
            _ => self.middle_of_ranges(level, last)?,
        };
        let Some((middle, above)) = found else { return Ok(()) };
        self.insert(level, &middle, count - above)?;
        match last {
            Some(last) => self.add_to(level, last, above - count),
            None if level == 1 => self.add_to_tail(above - count),
            None => Ok(()),
        }
    }

    /// Divides the resources after the last range of the upper level, if they have become too many.
    fn divide_upper_tail(&self) -> Result<(), WriteError> {
        let name = self.table.name;
        let mut find = self.prepare(&format!(
            "SELECT max(last) FROM {name} WHERE tenant = ? AND kind = ? AND level = 2"
        ))?;
        let last: Option<Bound> =
            find.query_row([self.list.tenant, self.list.kind], |row| row.get(0))?;
        let after = if last.is_some() { "AND last > ?" } else { "" };
        let mut count = self.prepare(&format!(
            "SELECT coalesce(sum(count), 0) FROM {name}
             WHERE tenant = ? AND kind = ? AND level = 1 {after}"
        ))?;
        let count = count
            .query_row(params_from_iter(self.values(None, last.as_ref())), |row| row.get(0))?;
        match count > 2 * self.table.size(2) {
            true => self.divide(2, None, count),
            false => Ok(()),
        }
    }

    /// The key up to which resources are in the lower part of a range that ends with this key, and how many
    /// are in the upper part.
    fn middle_of_resources(&self, last: Option<&Bound>) -> Result<Option<Range>, WriteError> {
        let (key, size) = (self.table.key, self.table.size(1));
        let end = if last.is_some() { format!("AND {key} <= ?") } else { String::new() };
        let mut find = self.prepare(&format!(
            "SELECT {key} FROM resource WHERE tenant = ? AND kind = ? AND {key} IS NOT NULL {end}
             ORDER BY {key} DESC LIMIT 1 OFFSET {size}"
        ))?;
        let values = params_from_iter(self.values(None, last));
        Ok(find.query_row(values, |row| Ok((row.get(0)?, size))).optional()?)
    }

    /// The same of a range that is divided into ranges of the level below.
    fn middle_of_ranges(
        &self,
        level: i64,
        last: Option<&Bound>,
    ) -> Result<Option<Range>, WriteError> {
        let name = self.table.name;
        let end = if last.is_some() { "AND last <= ?" } else { "" };
        let mut list = self.prepare(&format!(
            "SELECT last, count FROM {name} WHERE tenant = ? AND kind = ? AND level = ? {end}
             ORDER BY last DESC"
        ))?;
        let values = params_from_iter(self.values(Some(level - 1), last));
        let mut above = 0;
        for found in list.query_map(values, range)? {
            let (last, count) = found?;
            if above >= self.table.size(level) {
                return Ok(Some((last, above)));
            }
            above += count;
        }
        Ok(None)
    }

    /// Puts a small range together with its neighbours, if they are small too.
    fn merge(&self, level: i64, (last, mut count): Range) -> Result<(), WriteError> {
        let size = self.table.size(level);
        if let Some((before, fewer)) = self.neighbour(level, &last, "<", "DESC")?
            && count + fewer <= size
            && !self.ends_upper(level, &before)?
        {
            self.delete(level, &before)?;
            self.add_to(level, &last, fewer)?;
            count += fewer;
        }
        if self.ends_upper(level, &last)? {
            return Ok(());
        }
        match self.neighbour(level, &last, ">", "ASC")? {
            Some((next, more)) if count + more <= size => {
                self.delete(level, &last)?;
                self.add_to(level, &next, count)
            }
            None if level == 1 && count + self.tail()? <= size => {
                self.delete(level, &last)?;
                self.add_to_tail(count)
            }
            None if level > 1 => self.delete(level, &last),
            Some(_) | None => Ok(()),
        }
    }

    fn neighbour(
        &self,
        level: i64,
        last: &Bound,
        side: &str,
        way: &str,
    ) -> Result<Option<Range>, WriteError> {
        let name = self.table.name;
        let mut find = self.prepare(&format!(
            "SELECT last, count FROM {name}
             WHERE tenant = ? AND kind = ? AND level = ? AND last {side} ?
             ORDER BY last {way} LIMIT 1"
        ))?;
        let values = params![self.list.tenant, self.list.kind, level, last];
        Ok(find.query_row(values, range).optional()?)
    }

    /// Whether a range of the level above ends with this key.
    fn ends_upper(&self, level: i64, last: &Bound) -> Result<bool, WriteError> {
        let name = self.table.name;
        let mut find = self.prepare(&format!(
            "SELECT 1 FROM {name} WHERE tenant = ? AND kind = ? AND level = ? AND last = ?"
        ))?;
        Ok(find.exists(params![self.list.tenant, self.list.kind, level + 1, last])?)
    }

    fn insert(&self, level: i64, last: &Bound, count: i64) -> Result<(), WriteError> {
        let name = self.table.name;
        let mut insert = self.prepare(&format!(
            "INSERT INTO {name} (tenant, kind, level, last, count) VALUES (?, ?, ?, ?, ?)"
        ))?;
        insert.execute(params![self.list.tenant, self.list.kind, level, last, count])?;
        Ok(())
    }

    fn delete(&self, level: i64, last: &Bound) -> Result<(), WriteError> {
        let name = self.table.name;
        let mut delete = self.prepare(&format!(
            "DELETE FROM {name} WHERE tenant = ? AND kind = ? AND level = ? AND last = ?"
        ))?;
        delete.execute(params![self.list.tenant, self.list.kind, level, last])?;
        Ok(())
    }

    fn add_to(&self, level: i64, last: &Bound, count: i64) -> Result<(), WriteError> {
        let name = self.table.name;
        let mut update = self.prepare(&format!(
            "UPDATE {name} SET count = count + ?
             WHERE tenant = ? AND kind = ? AND level = ? AND last = ?"
        ))?;
        update.execute(params![count, self.list.tenant, self.list.kind, level, last])?;
        Ok(())
    }

    fn add_to_tail(&self, count: i64) -> Result<(), WriteError> {
        let tail = self.table.tail;
        let mut update = self.prepare(&format!(
            "UPDATE tally SET {tail} = {tail} + ? WHERE tenant = ? AND kind = ?"
        ))?;
        update.execute(params![count, self.list.tenant, self.list.kind])?;
        Ok(())
    }

    fn tail(&self) -> Result<i64, WriteError> {
        let sql = format!("SELECT {} FROM tally WHERE tenant = ? AND kind = ?", self.table.tail);
        let mut find = self.prepare(&sql)?;
        Ok(find.query_row([self.list.tenant, self.list.kind], |row| row.get(0))?)
    }

    /// Prepares a statement, or takes a prepared one.
    fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, WriteError> {
        #[cfg(test)]
        check_plan(self.connection, sql);
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// The tenant and the kind, then the level and the key if they are given.
    fn values(&self, level: Option<i64>, key: Option<&Bound>) -> Vec<Bound> {
        let mut values = self.list.values().to_vec();
        values.extend(level.map(Bound::Integer));
        values.extend(key.cloned());
        values
    }
}

fn range(row: &Row<'_>) -> rusqlite::Result<Range> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Each statement looks at few rows: it scans and sorts nothing.
#[cfg(test)]
fn check_plan(connection: &Connection, sql: &str) {
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let mut explain = connection.prepare_cached(&sql).unwrap();
    let count = explain.parameter_count();
    let nothing = params_from_iter(vec![rusqlite::types::Null; count]);
    let steps = explain.query_map(nothing, |row| row.get::<_, String>("detail")).unwrap();
    for step in steps.map(Result::unwrap) {
        assert!(!step.contains("SCAN") && !step.contains("B-TREE"), "{sql}\n{step}");
    }
}
