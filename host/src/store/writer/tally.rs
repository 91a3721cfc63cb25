//! How many resources a tenant has, in all and in the ranges of its lists.

use rusqlite::{Connection, params};

use super::failure::WriteError;
use super::range::Ranges;
use crate::store::range::{BY_AGE, BY_NAME, ListKey, RangeTable};
use crate::store::value::Bound;

/// The place of a resource in the lists that have ranges.
#[derive(Clone, Copy)]
pub(super) struct Listed<'r> {
    pub(super) list: ListKey,
    pub(super) seq: i64,
    pub(super) user_name_key: Option<&'r str>,
}

impl Listed<'_> {
    /// Counts a resource that was inserted.
    pub(super) fn inserted(&self, connection: &Connection) -> Result<(), WriteError> {
        let in_age_range = self.ranges(connection, &BY_AGE).add(&Bound::Integer(self.seq))?;
        let (named, name_tail) = self.add_name(connection)?;
        let mut count = connection.prepare_cached(
            "INSERT INTO tally (tenant, kind, total, age_tail, named, name_tail)
             VALUES (?, ?, 1, ?, ?, ?)
             ON CONFLICT (tenant, kind) DO UPDATE SET
                 total = total + 1,
                 age_tail = age_tail + excluded.age_tail,
                 named = named + excluded.named,
                 name_tail = name_tail + excluded.name_tail
             RETURNING age_tail, name_tail",
        )?;
        let values = params![self.list.tenant, self.list.kind, !in_age_range, named, name_tail];
        let (age_tail, name_tail) =
            count.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.ranges(connection, &BY_AGE).tail_has(age_tail)?;
        self.ranges(connection, &BY_NAME).tail_has(name_tail)
    }

    /// Counts a resource less.
    pub(super) fn deleted(&self, connection: &Connection) -> Result<(), WriteError> {
        let in_age_range = self.ranges(connection, &BY_AGE).remove(&Bound::Integer(self.seq))?;
        let (named, name_tail) = self.remove_name(connection)?;
        let mut count = connection.prepare_cached(
            "UPDATE tally SET total = total - 1, age_tail = age_tail - ?3, named = named - ?4,
                              name_tail = name_tail - ?5
             WHERE tenant = ?1 AND kind = ?2",
        )?;
        count.execute(params![
            self.list.tenant,
            self.list.kind,
            !in_age_range,
            named,
            name_tail
        ])?;
        Ok(())
    }

    /// Moves the resource in the lists from the name that it had to the one that it has.
    pub(super) fn renamed(
        &self,
        connection: &Connection,
        from: Option<&str>,
    ) -> Result<(), WriteError> {
        if from == self.user_name_key {
            return Ok(());
        }
        let before = Listed { user_name_key: from, ..*self };
        let (was_named, was_in_tail) = before.remove_name(connection)?;
        let (named, name_tail) = self.add_name(connection)?;
        let mut count = connection.prepare_cached(
            "UPDATE tally SET named = named + ?3 - ?4, name_tail = name_tail + ?5 - ?6
             WHERE tenant = ?1 AND kind = ?2
             RETURNING name_tail",
        )?;
        let values =
            params![self.list.tenant, self.list.kind, named, was_named, name_tail, was_in_tail];
        let name_tail = count.query_row(values, |row| row.get(0))?;
        self.ranges(connection, &BY_NAME).tail_has(name_tail)
    }

    /// Returns whether there is a name, and whether it came to the tail.
    fn add_name(&self, connection: &Connection) -> Result<(bool, bool), WriteError> {
        let Some(name) = self.user_name_key else { return Ok((false, false)) };
        Ok((true, !self.ranges(connection, &BY_NAME).add(&name.into())?))
    }

    /// Returns whether there was a name, and whether it was in the tail.
    fn remove_name(&self, connection: &Connection) -> Result<(bool, bool), WriteError> {
        let Some(name) = self.user_name_key else { return Ok((false, false)) };
        Ok((true, !self.ranges(connection, &BY_NAME).remove(&name.into())?))
    }

    fn ranges<'c>(&'c self, connection: &'c Connection, table: &'static RangeTable) -> Ranges<'c> {
        Ranges { connection, table, list: self.list }
    }
}
