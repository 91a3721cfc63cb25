//! Retention: exchanges that the journal does not keep for ever.

use anyhow::Result;
use rusqlite::{Connection, Row, params};

use super::Store;
use super::value::{StoredId, id, id_bound, millis};

/// Which operations' exchanges go.
#[derive(Clone, Debug)]
pub struct Forgettable {
    /// Of this tenant.
    pub tenant: String,
    /// Of operations after this one.
    pub after: String,
    /// Of operations that come before this identifier.
    pub before: String,
    /// And were over before this moment.
    pub finished: String,
}

impl Store {
    /// Every tenant that the journal knows, and the app of its first operation. Those that are gone
    /// are among them.
    pub async fn journaled_tenants(&self) -> Result<Vec<(String, String)>> {
        let list = |connection: &Connection| {
            // From one tenant to the next, over the index.
            let mut list = connection.prepare_cached(
                "WITH RECURSIVE known (tenant) AS (
                     SELECT min(tenant) FROM operation
                     UNION ALL
                     SELECT (SELECT min(o.tenant) FROM operation o WHERE o.tenant > known.tenant)
                     FROM known WHERE known.tenant IS NOT NULL
                 )
                 SELECT
                     (SELECT name FROM term WHERE number = known.tenant),
                     (SELECT t.name FROM operation o JOIN term t ON t.number = o.app
                      WHERE o.tenant = known.tenant ORDER BY o.id LIMIT 1)
                 FROM known WHERE tenant IS NOT NULL
                 ORDER BY 1",
            )?;
            list.query_map([], |row| row.try_into())?.collect()
        };
        self.reader.host(list).await
    }

    /// Looks through this many operations, and deletes the exchanges of those that are finished and
    /// cannot be retried: the number of deleted exchanges, and the last operation of these; none if
    /// there are no more operations.
    pub async fn forget_exchanges(
        &self,
        what: &Forgettable,
        operations: u32,
    ) -> Result<(u64, Option<String>)> {
        let what = what.clone();
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(
                "SELECT o.id, coalesce(o.finished < ?, 0)
                     AND EXISTS (SELECT 1 FROM exchange e WHERE e.operation = o.id)
                 FROM operation o
                 WHERE o.tenant = (SELECT number FROM term WHERE name = ?) AND o.id > ? AND o.id < ?
                 ORDER BY o.id LIMIT ? + 0",
            )?;
            let (after, before) = (id(&what.after), id_bound(&what.before));
            let finished = millis(&what.finished)?;
            let values = params![finished, what.tenant, after, before, operations];
            let looked_at = |row: &Row<'_>| Ok((row.get::<_, StoredId>(0)?.0, row.get(1)?));
            list.query_map(values, looked_at)?.collect()
        };
        let found: Vec<(String, bool)> = self.reader.host(list).await?;
        let last = found.last().map(|(id, _)| id.clone());
        let going: Vec<String> =
            found.into_iter().filter(|(_, goes)| *goes).map(|(id, _)| id).collect();
        if going.is_empty() {
            return Ok((0, last)); // Nothing is written for nothing.
        }
        let gone = self.writer.run(move |connection| forget(connection, &going)).await?;
        Ok((gone, last))
    }
}

/// Deletes exchanges. The operations have ended, and so none of them is tried again.
fn forget(connection: &Connection, operations: &[String]) -> Result<u64> {
    let mut delete = connection.prepare_cached("DELETE FROM exchange WHERE operation = ?")?;
    let mut gone = 0;
    for operation in operations {
        gone += delete.execute([id(operation)])?;
    }
    Ok(u64::try_from(gone)?)
}
