//! Counted ranges: where the resource of an index is in a list, without going through those before it.
//!
//! A list is cut into ranges of some hundred neighbours, and these into larger ones. Each is a row with the
//! last key and the number of resources. The writer changes them in the commit that changes the list, so that
//! they are right at every moment that can be read. The resources after the last range are its tail, counted
//! in `tally`: so a new resource, which is the last by age, changes no range, and a short list has none.
//!
//! Lists by age and by `userName` have ranges. Those by `meta.lastModified` have none, because each change of
//! a resource would move it from one range to another: a page of such a list costs more the farther it is from
//! the beginning. A client that reads all of it goes from cursor to cursor instead.

use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::value::{Bound, count_of};

/// All resources of a kind of a tenant, by the numbers of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListKey {
    pub(super) tenant: i64,
    pub(super) kind: i64,
}

impl ListKey {
    pub(super) fn values(self) -> [Bound; 2] {
        [Bound::Integer(self.tenant), Bound::Integer(self.kind)]
    }
}

/// The lists of one order, and where their ranges are.
#[derive(Debug)]
pub(super) struct RangeTable {
    /// The table of the ranges.
    pub(super) name: &'static str,
    /// The column of `resource` that lists are ordered by.
    pub(super) key: &'static str,
    /// The column of `tally` with the number of resources that have a key.
    pub(super) total: &'static str,
    /// The column of `tally` with the number of those after the last range.
    pub(super) tail: &'static str,
    /// The least number of resources in a new range of each level.
    sizes: [i64; 2],
}

/// The levels, from the ranges that are divided further to those that are not.
const LEVELS: [i64; 2] = [2, 1];

/// Ranges of lists by age.
pub(super) const BY_AGE: RangeTable = RangeTable {
    name: "age_range",
    key: "seq",
    total: "total",
    tail: "age_tail",
    sizes: if cfg!(test) { [4, 16] } else { [256, 16_384] },
};

/// Ranges of lists by `userName`. They are larger than those by age, so that new users of any name write to
/// few pages.
pub(super) const BY_NAME: RangeTable = RangeTable {
    name: "name_range",
    key: "user_name_key",
    total: "named",
    tail: "name_tail",
    sizes: if cfg!(test) { [4, 16] } else { [1024, 16_384] },
};

/// The place of an index in a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// The resources after this key are looked at; in a descending list, those up to it.
    pub(super) bound: Option<Bound>,
    /// So many of them are passed over.
    pub(super) skip: u64,
}

impl RangeTable {
    /// The least number of resources in a new range of this level. A range with more than twice as many is
    /// divided.
    pub(super) fn size(&self, level: i64) -> i64 {
        if level == 1 { self.sizes[0] } else { self.sizes[1] }
    }

    /// Whether going over so many resources costs as little as finding their range.
    pub(super) fn is_near(&self, skip: u64) -> bool {
        skip < self.size(1).unsigned_abs()
    }

    /// The place after so many resources; none if there are no more.
    pub(super) fn place(
        &self,
        connection: &Connection,
        list: ListKey,
        skip: u64,
        descending: bool,
    ) -> rusqlite::Result<Option<Place>> {
        let total = self.total(connection, list)?;
        if skip >= total {
            return Ok(None);
        }
        let mut before = if descending { total - 1 - skip } else { skip };
        let mut after: Option<Bound> = None;
        // The end of the range that has the place, and how many it has; at first, of the list.
        let (mut last, mut count) = (None, total);
        for level in LEVELS {
            let mut find = connection.prepare_cached(&self.ranges(after.is_some()))?;
            let mut values = list.values().to_vec();
            values.push(Bound::Integer(level));
            values.extend(after.clone());
            let mut ranges = find.query(params_from_iter(values))?;
            while let Some(range) = ranges.next()? {
                let (end, of_range) = (range.get(0)?, count_of(range, 1)?);
                if before < of_range {
                    (last, count) = (Some(end), of_range);
                    break;
                }
                before -= of_range;
                count = count.saturating_sub(of_range);
                after = Some(end);
            }
        }
        Ok(Some(match descending {
            false => Place { bound: after, skip: before },
            true => Place { bound: last, skip: count.saturating_sub(before + 1) },
        }))
    }

    fn total(&self, connection: &Connection, list: ListKey) -> rusqlite::Result<u64> {
        let total = self.total;
        let sql = format!("SELECT {total} FROM tally WHERE tenant = ? AND kind = ?");
        let mut find = connection.prepare_cached(&sql)?;
        let found = find.query_row([list.tenant, list.kind], |row| count_of(row, 0)).optional()?;
        Ok(found.unwrap_or_default())
    }

    /// The statement that lists the ranges of a level, or those after a key.
    pub(super) fn ranges(&self, after_a_key: bool) -> String {
        let name = self.name;
        let after = if after_a_key { " AND last > ?" } else { "" };
        format!(
            "SELECT last, count FROM {name} WHERE tenant = ? AND kind = ? AND level = ?{after}
             ORDER BY last"
        )
    }
}
