//! The removal of a tenant: it is gone in one transaction, and its rows are deleted in steps after that.
//!
//! A step is a short transaction, so that a write of another tenant waits for few rows and not for a whole
//! directory. Until all rows are deleted, a row of `removed_tenant` says so: a restart goes on with them, and
//! no tenant of the same name is created, which would have them.

use anyhow::{Context as _, Result};
use rusqlite::Connection;
use serde_json::json;

use super::audit::{self, AuditRow, AuditSubject};
use super::commit::CommitError;
use super::writer::journal;
use super::{Store, term};
use crate::clock::rfc3339;

/// The rows that a step deletes: some milliseconds, with all of their index entries.
const ROWS: u32 = 200;

/// What the journal says of an operation that ended with its tenant.
const NOTE: &str = "the tenant was removed";

/// The rows of a tenant, in the order in which they are deleted. Members go before the resources, whose
/// deletion would delete any number of them.
const STEPS: [&str; 8] = [
    "DELETE FROM tally WHERE tenant = ?1 AND ?2",
    "DELETE FROM member WHERE (tenant, group_id, member_id) IN
         (SELECT tenant, group_id, member_id FROM member WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM email WHERE (tenant, address_key, resource) IN
         (SELECT tenant, address_key, resource FROM email WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM resource WHERE seq IN (SELECT seq FROM resource WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM former_account WHERE (tenant, resource) IN
         (SELECT tenant, resource FROM former_account WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM unsettled_member WHERE (tenant, group_id, member_id) IN
         (SELECT tenant, group_id, member_id FROM unsettled_member WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM age_range WHERE (tenant, kind, level, last) IN
         (SELECT tenant, kind, level, last FROM age_range WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM name_range WHERE (tenant, kind, level, last) IN
         (SELECT tenant, kind, level, last FROM name_range WHERE tenant = ?1 LIMIT ?2)",
];

impl Store {
    /// Drops some unfinished operations of a tenant that is going to be removed. False if none is left.
    pub async fn drop_some_operations(&self, tenant: &str) -> Result<bool> {
        let (tenant, now) = (tenant.to_owned(), rfc3339(self.clock.now()));
        self.writer.run(move |connection| drop_operations(connection, &tenant, &now)).await
    }

    /// Removes a tenant with its credentials, and says whether there was one. Its directory and its accounts
    /// are not seen any more, and deleted by [`Store::remove_some_rows`]. The journal and the jobs stay;
    /// open, held and failed operations are dropped, and a job that has not ended is cancelled.
    pub async fn remove_tenant(&self, id: &str) -> Result<bool> {
        let (id, now) = (id.to_owned(), rfc3339(self.clock.now()));
        let subject = AuditSubject::Tenant(id.clone());
        let state =
            self.tenant(&id).await?.map(|row| json!({ "app": row.app, "state": row.state }));
        let audit = AuditRow::of(&self.clock, &subject, state, None);
        let remove = move |connection: &Connection| {
            if let Some(row) = &audit {
                audit::insert(connection, row)?;
            }
            remove(connection, &id, &now)
        };
        self.writer.run(remove).await
    }

    /// Deletes some rows of a removed tenant. False if none is left.
    pub async fn remove_some_rows(&self, tenant: &str) -> Result<bool> {
        let tenant = tenant.to_owned();
        self.writer.run(move |connection| step(connection, &tenant)).await
    }

    /// The removed tenants that have rows, by name.
    pub async fn removed_tenants(&self) -> Result<Vec<String>> {
        let list = |connection: &Connection| {
            let mut list = connection.prepare_cached(
                "SELECT t.name FROM removed_tenant r JOIN term t ON t.number = r.tenant ORDER BY 1",
            )?;
            list.query_map([], |row| row.get(0))?.collect()
        };
        self.reader.host(list).await
    }
}

fn drop_operations(connection: &Connection, tenant: &str, now: &str) -> Result<bool> {
    let dropped = journal::drop_some(connection, tenant, NOTE, now, ROWS);
    dropped.map_err(|failure| CommitError::from(failure).into_internal())
}

fn remove(connection: &Connection, id: &str, now: &str) -> Result<bool> {
    while drop_operations(connection, id, now)? {}
    connection.execute(
        "UPDATE job SET state = 'cancelled', note = ?2, updated = ?3, finished = ?3
         WHERE tenant = ?1 AND finished IS NULL",
        [id, NOTE, now],
    )?;
    // Credentials go with the tenant.
    let removed = connection.execute("DELETE FROM tenant WHERE id = ?", [id])? > 0;
    let number = term::number(connection, id)?;
    // A tenant without a number has no rows.
    if number != term::UNKNOWN {
        let sql = "INSERT INTO removed_tenant (tenant) VALUES (?) ON CONFLICT DO NOTHING";
        connection.execute(sql, [number])?;
    }
    Ok(removed)
}

fn step(connection: &Connection, tenant: &str) -> Result<bool> {
    let number = term::number(connection, tenant)?;
    for sql in STEPS {
        let deleted = connection.prepare_cached(sql)?.execute((number, ROWS));
        if deleted.context("deleting rows of a removed tenant")? > 0 {
            return Ok(true);
        }
    }
    connection.execute("DELETE FROM removed_tenant WHERE tenant = ?", [number])?;
    Ok(false)
}
