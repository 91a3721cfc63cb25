//! The numbers of names that repeat: of tenants, apps, types of resources, and connectors.
//!
//! A row of the directory or the journal has a number in the place of a name. The writer gives a name its
//! number with the first row that needs it. A name without a number is in no row. Names never go; only that of a
//! removed tenant changes, when another of its name is made, so that its number is never another tenant's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension as _};

/// In place of the number of a name that has none: no row has this number.
pub(super) const UNKNOWN: i64 = -1;

/// The number of `User`, which is fixed.
pub(super) const USER: i64 = 0;

/// No more are remembered.
const MOST: usize = 10_000;

/// The number of a name; [`UNKNOWN`] if it has none.
pub(super) fn number(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    let mut find = connection.prepare_cached("SELECT number FROM term WHERE name = ?")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?.unwrap_or(UNKNOWN))
}

/// Whether a row of the journal or a job may have this name.
pub(super) fn is_known(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM term WHERE name = ?1 UNION ALL SELECT 1 FROM job WHERE tenant = ?1";
    connection.prepare_cached(sql)?.exists([name])
}

/// Gives the number of a tenant that was removed another name, and its jobs too. If an app has the tenant's
/// name, the app's rows get a number of their own.
pub(super) fn retire(connection: &Connection, name: &str, now: &str) -> rusqlite::Result<()> {
    let former = &format!("{name} (before {now})");
    connection.execute("UPDATE job SET tenant = ?2 WHERE tenant = ?1", [name, former])?;
    let number = number(connection, name)?;
    let mut journaled = connection.prepare_cached("SELECT 1 FROM operation WHERE tenant = ?")?;
    if number == UNKNOWN || !journaled.exists([number])? {
        return Ok(());
    }
    connection.execute("UPDATE term SET name = ?2 WHERE number = ?1", (number, former))?;
    let mut app = connection.prepare_cached("SELECT 1 FROM app WHERE name = ?")?;
    if app.exists([name])? {
        connection.execute("INSERT INTO term (name) VALUES (?)", [name])?;
        let own = connection.last_insert_rowid();
        connection.execute("UPDATE operation SET app = ?2 WHERE app = ?1", [number, own])?;
    }
    Ok(())
}

/// Numbers as the writer knows them. Some may belong to the transaction that it is in.
#[derive(Debug, Default)]
pub(super) struct WriterTerms(RefCell<HashMap<String, i64>>);

impl WriterTerms {
    /// Forgets the numbers: the transaction that may have given some of them was rolled back, or a task may have
    /// given a number another name.
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    /// The number of a name, which is given one if it has none.
    pub(super) fn number(&self, connection: &Connection, name: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.0.borrow().get(name) {
            return Ok(*number);
        }
        let mut found = number(connection, name)?;
        if found == UNKNOWN {
            connection.prepare_cached("INSERT INTO term (name) VALUES (?)")?.execute([name])?;
            found = connection.last_insert_rowid();
        }
        remember(&mut self.0.borrow_mut(), name, found);
        Ok(found)
    }
}

/// Numbers as readers know them: those of committed rows.
#[derive(Debug, Default)]
pub(super) struct ReaderTerms(RwLock<KnownTerms>);

#[derive(Debug, Default)]
struct KnownTerms {
    numbers: HashMap<String, i64>,
    /// How often they were forgotten.
    forgotten: u64,
}

impl ReaderTerms {
    /// The numbers of these names, if all are remembered.
    pub(super) fn numbers<const N: usize>(&self, names: [&str; N]) -> Option<[i64; N]> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut numbers = [UNKNOWN; N];
        for (number, name) in numbers.iter_mut().zip(names) {
            *number = *known.numbers.get(name)?;
        }
        Some(numbers)
    }

    /// How often the numbers were forgotten: to be asked before a number is read that is to be remembered.
    pub(super) fn forgotten(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).forgotten
    }

    /// Remembers the number of a name, unless it has none or was read before numbers were forgotten.
    pub(super) fn remember(&self, name: &str, number: i64, forgotten: u64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if number != UNKNOWN && known.forgotten == forgotten {
            remember(&mut known.numbers, name, number);
        }
    }

    /// Forgets all numbers: one has another name now.
    pub(super) fn forget(&self) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.numbers.clear();
        known.forgotten += 1;
    }
}

fn remember(known: &mut HashMap<String, i64>, name: &str, number: i64) {
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(name.to_owned(), number);
}
