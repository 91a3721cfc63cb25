//! Attempts that ended without being the last of their operation: the facts that the connector was
//! given then. The facts of the last attempt are in the operation's row.

use anyhow::Result;
use rusqlite::{Connection, Row};

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
        let operation = operation.to_owned();
        let list = move |connection: &Connection| {
            let sql = "SELECT * FROM attempt WHERE operation = ? ORDER BY attempt";
            connection.prepare_cached(sql)?.query_map([operation], attempt)?.collect()
        };
        self.reader.host(list).await
    }
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    Ok(AttemptRow {
        operation: row.get("operation")?,
        attempt: row.get("attempt")?,
        context: row.get("context")?,
        event: row.get("event")?,
        connector: row.get("connector")?,
        note: row.get("note")?,
        ended: row.get("ended")?,
    })
}
