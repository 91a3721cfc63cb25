//! The journal as a replay reads it: decisions that were made, page by page, newest first.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Row};

use super::{Store, frame};

/// Between the exchanges of a decision.
const EXCHANGE: char = '\u{1c}';
/// Between a request and its response.
const RESPONSE: char = '\u{1d}';

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

/// Some decisions that follow on one another.
#[derive(Debug)]
pub struct RecordedPage(String);

/// A decision that a connector made, in the words of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded<'t> {
    /// The operation.
    pub operation: &'t str,
    /// The context, JSON.
    pub context: &'t str,
    /// The event, JSON.
    pub event: &'t str,
    /// The outcome as a JSON object, or why there is none as a JSON string.
    pub answer: &'t str,
    /// What its decisions took, JSON; empty if it is unknown.
    pub used: &'t str,
    exchanges: &'t str,
}

impl RecordedPage {
    /// The decisions, newest first.
    pub fn decisions(&self) -> impl Iterator<Item = Result<Recorded<'_>>> {
        frame::split(&self.0).map(Recorded::read)
    }

    /// The operation of the last of them.
    pub fn last(&self) -> Result<&str> {
        let last = frame::split(&self.0).next_back().context("an empty page of the journal")?;
        Ok(frame::first(last)?.0)
    }
}

impl<'t> Recorded<'t> {
    fn read(record: &'t str) -> Result<Self> {
        let (operation, rest) = frame::first(record)?;
        let (context, rest) = frame::first(rest)?;
        let (event, rest) = frame::first(rest)?;
        let (answer, rest) = frame::first(rest)?;
        let (used, exchanges) = frame::first(rest)?;
        Ok(Self { operation, context, event, answer, used, exchanges })
    }

    /// Each request with its response, JSON both; none for one that was never answered.
    pub fn exchanges(&self) -> impl Iterator<Item = (&'t str, Option<&'t str>)> {
        self.exchanges.split(EXCHANGE).filter(|it| !it.is_empty()).map(|exchange| {
            match exchange.split_once(RESPONSE) {
                Some((request, response)) => {
                    (request, Some(response).filter(|response| !response.is_empty()))
                }
                None => (exchange, None),
            }
        })
    }
}

impl Store {
    /// Some decisions before the operation of this id, the newest first; none where there are no
    /// more.
    pub async fn recorded(
        &self,
        filter: &RecordedFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Option<RecordedPage>> {
        let tenant = if filter.tenant.is_some() { "AND tenant = $5" } else { "" };
        // Texts that are JSON have none of the characters that set fields apart.
        let fields = frame::record(
            "o.id, o.context, o.event, o.answer, coalesce(o.used, ''),
             coalesce((
                 SELECT group_concat(
                     e.request || char(29) || coalesce(e.response, ''), char(28) ORDER BY e.n
                 )
                 FROM exchange e WHERE e.operation = o.id AND e.attempt = o.attempt
             ), '')",
        );
        let page = frame::records("record");
        let sql = format!(
            "SELECT {page} FROM (
                 SELECT {fields} AS record FROM operation o
                 WHERE o.app = $1 AND o.id < $2 AND o.id >= $3
                     AND o.state IN ('done', 'refused', 'failed')
                     AND o.connector IS NOT NULL AND o.answer IS NOT NULL {tenant}
                 ORDER BY o.id DESC LIMIT $4 + 0
             )"
        );
        // Identifiers are hexadecimal: nothing of theirs comes after a tilde.
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(filter.app.clone())
            .bind(before.unwrap_or("~").to_owned())
            .bind(filter.since.clone().unwrap_or_default())
            .bind(limit);
        let query = match &filter.tenant {
            Some(tenant) => query.bind(tenant.clone()),
            None => query,
        };
        let row = query.fetch_one(&mut *self.pool.take().await?).await?;
        Ok(row.try_get::<Option<String>, _>(0)?.map(RecordedPage))
    }

    /// About how many operations match the filter: operations without a decision are counted, and
    /// operations of removed tenants are not.
    pub async fn recorded_about(&self, filter: &RecordedFilter) -> Result<u64> {
        let of = match &filter.tenant {
            Some(_) => "= $3",
            None => "IN (SELECT id FROM tenant WHERE app = $1)",
        };
        let sql =
            format!("SELECT count(*) FROM operation WHERE $1 <> '' AND id >= $2 AND tenant {of}");
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(filter.app.clone())
            .bind(filter.since.clone().unwrap_or_default());
        let query = match &filter.tenant {
            Some(tenant) => query.bind(tenant.clone()),
            None => query,
        };
        let row = query.fetch_one(&mut *self.pool.take().await?).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
    }
}
