//! The numbers of names that repeat: of tenants, apps, types of resources, and connectors.
//!
//! A row of the directory or the journal has a number in the place of a name. The writer gives a name its
//! number with the first row that needs it. Names never go, so that a number that was read once stays right,
//! and a name without a number is in no row.

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

/// Numbers as the writer knows them. Some may belong to the transaction that it is in.
#[derive(Debug, Default)]
pub(super) struct WriterTerms(RefCell<HashMap<String, i64>>);

impl WriterTerms {
    /// Forgets the numbers: the transaction that may have given some of them was rolled back.
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
pub(super) struct ReaderTerms(RwLock<HashMap<String, i64>>);

impl ReaderTerms {
    /// The numbers of these names, if all are remembered.
    pub(super) fn numbers<const N: usize>(&self, names: [&str; N]) -> Option<[i64; N]> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut numbers = [UNKNOWN; N];
        for (number, name) in numbers.iter_mut().zip(names) {
            *number = *known.get(name)?;
        }
        Some(numbers)
    }

    /// Remembers the number of a name, unless it has none.
    pub(super) fn remember(&self, name: &str, number: i64) {
        if number != UNKNOWN {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            remember(&mut known, name, number);
        }
    }
}

fn remember(known: &mut HashMap<String, i64>, name: &str, number: i64) {
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(name.to_owned(), number);
}
