//! Many tenants, written directly to the database as copies of one that the admin API created.
//!
//! Only the columns that must differ are named here; all others are copied, whichever they are.

use std::path::Path;

use anyhow::ensure;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

/// The tenant whose rows are copied. It counts as number 0.
pub(super) const TEMPLATE: &str = "template";

/// The id of the n-th copy.
pub(super) fn tenant(n: usize) -> String {
    format!("tenant-{n}")
}

/// The token of the n-th copy, in the form `muster-<id>-<secret>`.
pub(super) fn token(n: usize) -> String {
    format!("muster-{n:012x}-{}", "s".repeat(43))
}

/// Copies the template and its token until there are `tenants` tenants.
pub(super) fn write(database: &Path, tenants: usize) -> anyhow::Result<()> {
    let mut database = Connection::open(database)?;
    let transaction = database.transaction()?;
    copy_rows(&transaction, "tenant", "id", tenants, &[("id", "'tenant-' || n")])?;
    let columns = [("id", "format('%012x', n)"), ("tenant", "'tenant-' || n")];
    copy_rows(&transaction, "credential", "tenant", tenants, &columns)?;
    let mut set_hash = transaction.prepare("UPDATE credential SET hash = ?2 WHERE tenant = ?1")?;
    for n in 1..tenants {
        set_hash.execute((tenant(n), Sha256::digest(token(n)).to_vec()))?;
    }
    drop(set_hash);
    Ok(transaction.commit()?)
}

/// Copies the template's row of a table once for each number `n` from 1 to `rows - 1`. Some columns
/// get another value, given as a SQL expression.
fn copy_rows(
    database: &Connection,
    table: &str,
    key: &str,
    rows: usize,
    changed: &[(&str, &str)],
) -> anyhow::Result<()> {
    let mut columns = database.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let columns: Vec<String> =
        columns.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let value = |column: &String| {
        let changed = changed.iter().find(|(name, _)| name == column);
        changed.map_or_else(|| format!("\"{column}\""), |(_, value)| (*value).to_owned())
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let columns: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let copied = database.execute(
        &format!(
            "WITH RECURSIVE number (n) AS
                 (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?1)
             INSERT INTO {table} ({}) SELECT {} FROM number, {table} WHERE {key} = ?2",
            columns.join(", "),
            values.join(", "),
        ),
        (i64::try_from(rows)?, TEMPLATE),
    )?;
    ensure!(copied == rows - 1, "{copied} rows of {table} were copied, not {}", rows - 1);
    Ok(())
}
