//! The journal as a replay reads it: decisions that were made, page by page, newest first.

use anyhow::Result;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::Store;
use super::operation::{
    ENDED, OF_TENANT, OperationRow, UNFINISHED, exchanged, read_ended, read_unfinished,
};
use super::value::{Bound, count_of, id, id_bound};

/// Which decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedFilter {
    /// Of this app.
    pub app: String,
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only of operations whose id is this or comes after it.
    pub since: Option<String>,
}

/// A decision that a connector made, in the words of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The operation.
    pub operation: String,
    /// The context, JSON.
    pub context: String,
    /// The event, JSON.
    pub event: String,
    /// The outcome as a JSON object, or why there is none as a JSON string.
    pub answer: String,
    /// What its decisions took, JSON; none if it is unknown.
    pub used: Option<String>,
    /// Each request with its response, JSON both; none for one that was never answered.
    pub exchanges: Vec<(String, Option<String>)>,
}

impl Store {
    /// Some decisions before the operation of this id, the newest first; empty if there are no more.
    pub async fn recorded(
        &self,
        filter: &RecordedFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Recorded>> {
        let (filter, before) = (filter.clone(), before.map(id));
        let list = move |connection: &Connection| {
            let mut found = failed(connection, &filter, before.as_ref(), limit)?;
            found.extend(ended(connection, &filter, before.as_ref(), limit)?);
            found.sort_by(|one, other| other.id.cmp(&one.id));
            // Of a failed operation that was done between the two reads.
            found.dedup_by(|one, other| one.id == other.id);
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            let mut exchanges = connection.prepare_cached(
                "SELECT body FROM exchange WHERE operation = ? AND attempt = ? ORDER BY n",
            )?;
            let decision = |row: OperationRow| {
                let exchanges = exchanges
                    .query_map(params![id(&row.id), row.attempt], |it| exchanged(it, 0, &row.id))?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(Recorded {
                    operation: row.id,
                    context: row.context,
                    event: row.event,
                    answer: row.answer.unwrap_or_default(),
                    used: row.used,
                    exchanges,
                })
            };
            found.into_iter().map(decision).collect()
        };
        self.reader.host(list).await
    }

    /// About how many operations match the filter: operations without a decision are counted, and
    /// operations of removed tenants are not.
    pub async fn recorded_about(&self, filter: &RecordedFilter) -> Result<u64> {
        let (of, of_what) = match &filter.tenant {
            Some(tenant) => ("= ?", tenant.clone()),
            None => ("IN (SELECT id FROM tenant WHERE app = ?)", filter.app.clone()),
        };
        let since = id_bound(filter.since.as_deref().unwrap_or_default());
        let count = move |connection: &Connection| {
            let sql = format!(
                "SELECT count(*) FROM operation
                 WHERE id >= ? AND tenant IN (SELECT number FROM term WHERE name {of})"
            );
            connection
                .prepare_cached(&sql)?
                .query_row(params![since, of_what], |it| count_of(it, 0))
        };
        self.reader.host(count).await
    }
}

/// The failed operations among the recorded decisions. They are few.
fn failed(
    connection: &Connection,
    filter: &RecordedFilter,
    before: Option<&Bound>,
    limit: u32,
) -> rusqlite::Result<Vec<OperationRow>> {
    let sql = format!(
        "SELECT {UNFINISHED} WHERE o.app = ? AND o.state = 'failed' AND o.connector IS NOT NULL"
    );
    let found = decided(connection, sql, filter, before, limit, read_unfinished)?;
    Ok(found.into_iter().filter(|row| row.answer.is_some()).collect())
}

fn ended(
    connection: &Connection,
    filter: &RecordedFilter,
    before: Option<&Bound>,
    limit: u32,
) -> rusqlite::Result<Vec<OperationRow>> {
    let sql = format!(
        "SELECT {ENDED}
         WHERE o.app = (SELECT number FROM term WHERE name = ?) AND o.state IN ({DECIDED})
             AND o.connector IS NOT NULL AND o.answered = 1"
    );
    decided(connection, sql, filter, before, limit, read_ended)
}

/// The numbers of `done` and `refused`.
const DECIDED: &str = "2, 3";

fn decided(
    connection: &Connection,
    mut sql: String,
    filter: &RecordedFilter,
    before: Option<&Bound>,
    limit: u32,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<OperationRow>,
) -> rusqlite::Result<Vec<OperationRow>> {
    let mut values = vec![Bound::from(filter.app.as_str())];
    if let Some(tenant) = &filter.tenant {
        sql += &format!(" AND {OF_TENANT}");
        values.push(tenant.as_str().into());
    }
    if let Some(before) = before {
        sql += " AND o.id < ?";
        values.push(before.clone());
    }
    if let Some(since) = &filter.since {
        sql += " AND o.id >= ?";
        values.push(id_bound(since));
    }
    sql += " ORDER BY o.id DESC LIMIT ? + 0";
    values.push(limit.into());
    let mut list = connection.prepare_cached(&sql)?;
    list.query_map(params_from_iter(values), read)?.collect()
}
