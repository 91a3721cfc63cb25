//! Attempts that ended without being the last of their operation: the facts that the connector was
//! given then. The facts of the last attempt are in the operation's row.

use anyhow::Result;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Store;

/// An attempt that ended without being the last of its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// The operation.
    pub operation: String,
    /// Counts the attempts of the operation from 1.
    pub attempt: u32,
    /// The context as the connector was given it, JSON.
    pub context: String,
    /// The event as the connector was given it, JSON.
    pub event: String,
    /// The digest of the connector that decided.
    pub connector: Option<String>,
    /// Why it ended, a sentence for people.
    pub note: Option<String>,
    /// When it ended.
    pub ended: String,
}

impl Store {
    /// The attempts of an operation before its last one, in their order.
    pub async fn attempts(&self, operation: &str) -> Result<Vec<AttemptRow>> {
        let rows = sqlx::query("SELECT * FROM attempt WHERE operation = $1 ORDER BY attempt")
            .bind(operation)
            .fetch_all(&mut *self.pool.take().await?)
            .await?;
        rows.iter().map(attempt).collect()
    }
}

fn attempt(row: &SqliteRow) -> Result<AttemptRow> {
    Ok(AttemptRow {
        operation: row.try_get("operation")?,
        attempt: row.try_get("attempt")?,
        context: row.try_get("context")?,
        event: row.try_get("event")?,
        connector: row.try_get("connector")?,
        note: row.try_get("note")?,
        ended: row.try_get("ended")?,
    })
}
