//! The journal as a replay reads it: decisions that were made, page by page, newest first.

use anyhow::Result;
use rusqlite::{Connection, Row, params_from_iter};

use super::Store;
use super::value::{Bound, count_of};

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
        // Identifiers are hexadecimal: nothing of theirs comes after a tilde.
        let mut values: Vec<Bound> = vec![
            filter.app.as_str().into(),
            before.unwrap_or("~").into(),
            filter.since.as_deref().unwrap_or_default().into(),
        ];
        let of = if filter.tenant.is_some() { "AND o.tenant = ?" } else { "" };
        values.extend(filter.tenant.as_deref().map(Bound::from));
        values.push(limit.into());
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(&format!(
                "SELECT o.id, o.attempt, o.context, o.event, o.answer, o.used FROM operation o
                 WHERE o.app = ? AND o.id < ? AND o.id >= ?
                     AND o.state IN ('done', 'refused', 'failed')
                     AND o.connector IS NOT NULL AND o.answer IS NOT NULL {of}
                 ORDER BY o.id DESC LIMIT ? + 0"
            ))?;
            let mut exchanges = connection.prepare_cached(
                "SELECT request, response FROM exchange
                 WHERE operation = ? AND attempt = ? ORDER BY n",
            )?;
            let decision = |row: &Row<'_>| {
                let (operation, attempt): (String, u32) = (row.get(0)?, row.get(1)?);
                let exchanged = exchanges
                    .query_map((&operation, attempt), |row| row.try_into())?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(Recorded {
                    operation,
                    context: row.get(2)?,
                    event: row.get(3)?,
                    answer: row.get(4)?,
                    used: row.get(5)?,
                    exchanges: exchanged,
                })
            };
            list.query_map(params_from_iter(values), decision)?.collect()
        };
        self.reader.host(list).await
    }

    /// About how many operations match the filter: operations without a decision are counted, and
    /// operations of removed tenants are not.
    pub async fn recorded_about(&self, filter: &RecordedFilter) -> Result<u64> {
        let of = match &filter.tenant {
            Some(_) => "= ?",
            None => "IN (SELECT id FROM tenant WHERE app = ?)",
        };
        let of_what = filter.tenant.as_ref().unwrap_or(&filter.app).clone();
        let since = filter.since.clone().unwrap_or_default();
        let count = move |connection: &Connection| {
            let sql = format!("SELECT count(*) FROM operation WHERE id >= ? AND tenant {of}");
            connection.prepare_cached(&sql)?.query_row([since, of_what], |row| count_of(row, 0))
        };
        self.reader.host(count).await
    }
}
