//! Attempts that ended without being the last of their operation: the facts that the connector was
//! given then. The facts of the last attempt are in the operation's row.

use anyhow::Result;
use rusqlite::{Connection, Row};

use super::operation::decoded;
use super::value::{self, StoredTime};
use super::{Store, body};

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
            let mut list = connection.prepare_cached(
                "SELECT attempt, ended, body FROM attempt WHERE operation = ? ORDER BY attempt",
            )?;
            let attempt = |row: &Row<'_>| attempt(row, &operation);
            list.query_map([value::id(&operation)], attempt)?.collect()
        };
        self.reader.host(list).await
    }
}

impl AttemptRow {
    /// The body of its row.
    pub(super) fn body(&self) -> Vec<u8> {
        let texts = [
            Some(self.context.as_str()),
            Some(self.event.as_str()),
            self.connector.as_deref(),
            self.note.as_deref(),
        ];
        body::encode(&texts, &[&self.operation])
    }
}

fn attempt(row: &Row<'_>, operation: &str) -> rusqlite::Result<AttemptRow> {
    let StoredTime(ended) = row.get(1)?;
    let body = row.get_ref(2)?.as_blob()?;
    let [context, event, connector, note] = decoded(body, &[operation], 2)?;
    Ok(AttemptRow {
        operation: operation.to_owned(),
        attempt: row.get(0)?,
        context: context.unwrap_or_default(),
        event: event.unwrap_or_default(),
        connector,
        note,
        ended,
    })
}
