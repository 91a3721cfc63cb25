//! A damaged database: which tables are damaged, and what can be saved.
//!
//! SQLite's `integrity_check` names pages and trees. An operator needs to know whether people's accounts are
//! concerned or only the history of operations, and what to do.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use anyhow::{Context as _, Result, bail};
use rusqlite::Connection;

/// The most that SQLite looks for.
const MOST: u32 = 100;
/// What of SQLite's own words is repeated.
const QUOTED: usize = 3;

/// The tables of operations that have ended. No account depends on them.
const HISTORY: [&str; 4] = ["operation", "exchange", "attempt", "unanswered_creation"];

/// Fails if the database is damaged, and says what is.
pub(super) fn check(connection: &Connection) -> Result<()> {
    let found = found(connection, &format!("PRAGMA integrity_check({MOST})"));
    if found.is_ok_and(|found| found == ["ok"]) {
        return Ok(());
    }
    let damage = Damage::of(connection).context(
        "the database is damaged so that its tables cannot be found: restore the last backup",
    )?;
    bail!("{damage}")
}

/// The lines that a check finds, up to where it cannot go on; an error if it cannot begin.
fn found(connection: &Connection, check: &str) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(check)?;
    let mut rows = check.query([])?;
    let mut found = Vec::new();
    loop {
        match rows.next() {
            Ok(Some(row)) => found.extend(row.get_ref(0)?.as_str()?.lines().map(str::to_owned)),
            Ok(None) => return Ok(found),
            Err(error) if found.is_empty() => return Err(error),
            Err(_) => return Ok(found),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Table,
    Index,
}

/// The tables and indexes of the database.
#[derive(Debug)]
struct Objects {
    kinds: HashMap<String, Kind>,
    by_root: HashMap<i64, String>,
}

impl Objects {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut list = connection
            .prepare("SELECT name, type, rootpage FROM sqlite_schema WHERE rootpage > 0")?;
        let (mut kinds, mut by_root) = (HashMap::new(), HashMap::new());
        let mut rows = list.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let kind = if row.get_ref(1)?.as_str()? == "index" { Kind::Index } else { Kind::Table };
            by_root.insert(row.get(2)?, name.clone());
            kinds.insert(name, kind);
        }
        Ok(Self { kinds, by_root })
    }

    /// The table or index that a line of `integrity_check` is about; none if it is about free pages.
    fn of_line(&self, line: &str) -> Option<&str> {
        if let Some(rest) = line.strip_prefix("Tree ") {
            let root = rest.split_whitespace().next()?.parse().ok()?;
            return self.by_root.get(&root).map(String::as_str);
        }
        // Such as "row 7 missing from index NAME" and "NULL value in TABLE.COLUMN".
        let last = line.split_whitespace().last()?;
        let name = last.split_once('.').map_or(last, |(table, _)| table);
        self.kinds.get_key_value(name).map(|(name, _)| name.as_str())
    }
}

/// What is damaged.
#[derive(Debug, Default)]
struct Damage {
    tables: BTreeSet<String>,
    indexes: BTreeSet<String>,
    quoted: Vec<String>,
}

impl Damage {
    /// Checks one table after another, since a check of all ends at the first that cannot be read.
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let objects = Objects::read(connection)?;
        let mut damage = Self::default();
        let tables = objects.kinds.iter().filter(|(_, kind)| **kind == Kind::Table);
        for table in tables.map(|(name, _)| name).collect::<BTreeSet<_>>() {
            match found(connection, &format!("PRAGMA integrity_check(\"{table}\")")) {
                Ok(found) => {
                    for line in found.iter().filter(|line| !line.starts_with("***")) {
                        damage.add(line, objects.of_line(line), &objects);
                    }
                }
                // Not even that is possible: the table's own pages, or those of an index.
                Err(error) => damage.add(&format!("{table}: {error}"), Some(table), &objects),
            }
        }
        Ok(damage)
    }

    fn add(&mut self, line: &str, name: Option<&str>, objects: &Objects) {
        if line == "ok" {
            return;
        }
        match name.and_then(|name| Some((name, objects.kinds.get(name)?))) {
            Some((name, Kind::Table)) => drop(self.tables.insert(name.to_owned())),
            Some((name, Kind::Index)) => drop(self.indexes.insert(name.to_owned())),
            None => {}
        }
        if self.quoted.len() < QUOTED {
            self.quoted.push(line.to_owned());
        }
    }

    /// How much is lost.
    fn extent(&self) -> &'static str {
        let is_history = |table: &String| HISTORY.contains(&table.as_str());
        match (self.tables.is_empty(), self.indexes.is_empty()) {
            (true, true) => "Only free pages are: nothing is lost.",
            (true, false) => "The rows of all tables are whole.",
            (false, _) if self.tables.iter().all(is_history) => {
                "Directory, accounts, configuration and open operations are whole; part of the history \
                 of operations is lost."
            }
            (false, _) => "The tables that are not named are whole.",
        }
    }
}

/// What an operator can do in any case.
const REMEDY: &str = "Restore the last backup, or save what can be read, as the manual says under Backup and \
    restore: a damaged database.";

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database is damaged")?;
        for (what, names) in [("tables", &self.tables), ("indexes", &self.indexes)] {
            if !names.is_empty() {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                write!(f, "; {what}: {}", names.join(", "))?;
            }
        }
        write!(f, ". {} {REMEDY} SQLite says: {}", self.extent(), self.quoted.join("; "))
    }
}
