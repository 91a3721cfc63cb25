//! A database that was saved from a damaged one: what follows from other rows is made again.
//!
//! The sqlite3 shell (`.clone`, in the manual) copies the rows that it can read into another database, which has
//! the tables and indexes of this one, and not the mark in its header. So what was counted may be wrong: the
//! totals and the ranges of lists, the addresses, and memberships of what is gone. Numbers of names that are
//! lost would be given out again, and one tenant's rows be another's: such a database is refused.

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, params};

use super::resource::address_rows;
use crate::store::range::{BY_AGE, BY_NAME, RangeTable};
use crate::store::value::Bound;

/// The mark of muster's databases: `PRAGMA application_id`, "must" in ASCII.
const MARK: i64 = 0x6d75_7374;

/// Columns with numbers of names.
const NUMBERED: [(&str, &str); 10] = [
    ("resource", "tenant"),
    ("resource", "kind"),
    ("member", "tenant"),
    ("former_account", "tenant"),
    ("unsettled_member", "tenant"),
    ("removed_tenant", "tenant"),
    ("unfinished_operation", "tenant"),
    ("operation", "tenant"),
    ("operation", "app"),
    ("operation", "connector"),
];

/// Puts a database in order that was saved from a damaged one. False if it was not.
pub(in crate::store) fn finish(connection: &Connection) -> Result<bool> {
    let mark: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if mark == MARK {
        return Ok(false);
    }
    let transaction = connection.unchecked_transaction()?;
    check_names(&transaction)?;
    let put_in_order = || -> rusqlite::Result<()> {
        transaction.execute_batch("DELETE FROM tally; DELETE FROM email;")?;
        ranges(&transaction, &BY_AGE)?;
        ranges(&transaction, &BY_NAME)?;
        transaction.execute_batch(
            "INSERT INTO tally (tenant, kind, total, age_tail, named, name_tail)
             SELECT r.tenant, r.kind, count(*), count(*) - coalesce((
                     SELECT sum(count) FROM age_range a
                     WHERE a.tenant = r.tenant AND a.kind = r.kind AND a.level = 1
                 ), 0),
                 count(user_name_key), count(user_name_key) - coalesce((
                     SELECT sum(count) FROM name_range n
                     WHERE n.tenant = r.tenant AND n.kind = r.kind AND n.level = 1
                 ), 0)
             FROM resource r GROUP BY r.tenant, r.kind;
             DELETE FROM member WHERE NOT EXISTS (
                 SELECT 1 FROM resource r WHERE r.tenant = member.tenant AND r.id = group_id
             ) OR NOT EXISTS (
                 SELECT 1 FROM resource r WHERE r.tenant = member.tenant AND r.id = member_id
             );",
        )?;
        addresses(&transaction)?;
        transaction.pragma_update(None, "application_id", MARK)
    };
    put_in_order().context("putting a database in order that was saved from a damaged one")?;
    transaction.commit()?;
    Ok(true)
}

/// Fails if rows have numbers whose names are lost.
fn check_names(connection: &Connection) -> Result<()> {
    for (table, column) in NUMBERED {
        let sql = format!(
            "SELECT EXISTS (SELECT {column} FROM {table} WHERE {column} IS NOT NULL
                 EXCEPT SELECT number FROM term)"
        );
        if connection.query_row(&sql, [], |row| row.get(0))? {
            bail!(
                "the database was saved from a damaged one, and names are lost (table term) without which it \
                 is not known whose its rows are ({table}): restore the last backup"
            );
        }
    }
    Ok(())
}

/// Counts the ranges of a list again. What is after the last whole one is its tail.
fn ranges(connection: &Connection, of: &RangeTable) -> rusqlite::Result<()> {
    let RangeTable { name, key, .. } = of;
    let (lower, upper) = (of.size(1), of.size(2) / of.size(1));
    connection.execute_batch(&format!(
        "DELETE FROM {name};
         INSERT INTO {name} (tenant, kind, level, last, count)
         SELECT tenant, kind, 1, max(key), count(*) FROM (
             SELECT tenant, kind, {key} AS key,
                 (row_number() OVER (PARTITION BY tenant, kind ORDER BY {key}) - 1) / {lower} AS part
             FROM resource WHERE {key} IS NOT NULL
         ) GROUP BY tenant, kind, part HAVING count(*) = {lower};
         INSERT INTO {name} (tenant, kind, level, last, count)
         SELECT tenant, kind, 2, max(last), sum(count) FROM (
             SELECT tenant, kind, last, count,
                 (row_number() OVER (PARTITION BY tenant, kind ORDER BY last) - 1) / {upper} AS part
             FROM {name} WHERE level = 1
         ) GROUP BY tenant, kind, part HAVING count(*) = {upper};"
    ))
}

/// Writes the addresses of all resources again.
fn addresses(connection: &Connection) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO email (tenant, address_key, resource) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    )?;
    let mut list = connection.prepare(
        "SELECT tenant, kind, id, user_name_key, addresses FROM resource WHERE addresses <> '[]'",
    )?;
    let mut rows = list.query([])?;
    while let Some(row) = rows.next()? {
        let (tenant, kind, id): (i64, i64, Bound) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (name, addresses): (Option<String>, String) = (row.get(3)?, row.get(4)?);
        for address in address_rows(kind, name.as_deref(), &addresses) {
            insert.execute(params![tenant, address, id])?;
        }
    }
    Ok(())
}
