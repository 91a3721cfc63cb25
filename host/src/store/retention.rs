//! Retention: exchanges that the journal does not keep for ever.

use anyhow::Result;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row};

use super::Store;
use super::operation::IS_UNFINISHED;

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
        // From one tenant to the next, over the index.
        let found = sqlx::query(
            "WITH RECURSIVE known (tenant) AS (
                 SELECT min(tenant) FROM operation
                 UNION ALL
                 SELECT (SELECT min(o.tenant) FROM operation o WHERE o.tenant > known.tenant)
                 FROM known WHERE known.tenant IS NOT NULL
             )
             SELECT tenant, (
                 SELECT o.app FROM operation o WHERE o.tenant = known.tenant ORDER BY o.id LIMIT 1
             ) AS app
             FROM known WHERE tenant IS NOT NULL",
        );
        let rows = found.fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(|row| Ok((row.try_get("tenant")?, row.try_get("app")?))).collect()
    }

    /// Looks through this many operations, and deletes the exchanges of those that are finished and
    /// cannot be retried: the number of deleted exchanges, and the last operation of these; none if
    /// there are no more operations.
    pub async fn forget_exchanges(
        &self,
        what: &Forgettable,
        operations: u32,
    ) -> Result<(u64, Option<String>)> {
        let sql = format!(
            "SELECT o.id, o.finished < $4 AND NOT ({IS_UNFINISHED})
                 AND EXISTS (SELECT 1 FROM exchange e WHERE e.operation = o.id) AS goes
             FROM operation o WHERE o.tenant = $1 AND o.id > $2 AND o.id < $3
             ORDER BY o.id LIMIT $5 + 0"
        );
        let looked_at = sqlx::query(AssertSqlSafe(sql))
            .bind(what.tenant.clone())
            .bind(what.after.clone())
            .bind(what.before.clone())
            .bind(what.finished.clone())
            .bind(operations);
        let rows = looked_at.fetch_all(&mut *self.pool.take().await?).await?;
        let mut going: Vec<String> = Vec::new();
        for row in &rows {
            if row.try_get::<Option<bool>, _>("goes")? == Some(true) {
                going.push(row.try_get("id")?);
            }
        }
        let last = rows.last().map(|row| row.try_get("id")).transpose()?;
        if going.is_empty() {
            return Ok((0, last)); // Nothing is written for nothing.
        }
        let gone = self.writer.run(|connection| Box::pin(forget(connection, going))).await?;
        Ok((gone, last))
    }
}

/// Deletes exchanges. The operations cannot have been retried since they were read: their states are
/// final.
async fn forget(connection: &mut SqliteConnection, operations: Vec<String>) -> Result<u64> {
    let places: Vec<String> = (1..=operations.len()).map(|n| format!("${n}")).collect();
    let sql = format!("DELETE FROM exchange WHERE operation IN ({})", places.join(", "));
    let gone =
        operations.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), sqlx::query::Query::bind);
    Ok(gone.execute(connection).await?.rows_affected())
}
