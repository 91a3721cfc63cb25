//! The audit log: one row for each thing that an operator changed, in the transaction of the change.
//!
//! The request of an operator runs in a scope that has its author. A change of the store names its subjects,
//! which are read before and after it, in its transaction. Work of the host itself has no author, and
//! leaves no row. Rows are kept for ever, and two triggers refuse to change or remove them.

mod difference;
mod subject;

use std::sync::{Arc, OnceLock};

use anyhow::Result;
use futures_util::future::BoxFuture;
use rusqlite::Connection;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use super::Store;
use crate::clock::{Clock, rfc3339};
use difference::differences;
pub use subject::AuditSubject;

tokio::task_local! {
    static CURRENT: Option<Arc<OnceLock<AuditAuthor>>>;
}

/// Who changes something, and by which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditAuthor {
    /// The id of the admin token; none for the host itself, and for a command on its files.
    pub token: Option<String>,
    /// The name of the token, or of the command.
    pub name: String,
    /// The id of the HTTP request.
    pub request: Option<String>,
    /// Method and route in the admin API.
    pub action: String,
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The id; ids are in the order of time.
    pub id: String,
    /// When the change was made.
    pub at: String,
    /// Who made it.
    pub author: AuditAuthor,
    /// What was changed: app, tenant, and so on.
    pub kind: String,
    /// Which one, by its name or id.
    pub subject: String,
    /// The tenant that it belongs to.
    pub tenant: Option<String>,
    /// The members that differ, a JSON object without secrets; none if it did not exist.
    pub before: Option<String>,
    /// The same of afterwards; none if it does not exist any more.
    pub after: Option<String>,
}

/// Which rows are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only changes of this tenant, and of what belongs to it.
    pub tenant: Option<String>,
    /// Only changes by the token with this id or name.
    pub by: Option<String>,
    /// Only rows with this id or a later one.
    pub since: Option<String>,
    /// Only rows with an earlier id.
    pub before: Option<String>,
}

/// Runs the work in a scope whose author is not known yet.
pub(crate) fn scope<F: Future>(work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(Some(Arc::default()), work)
}

/// Runs the work as this author.
pub(crate) fn scope_of<F: Future>(author: AuditAuthor, work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(Some(Arc::new(OnceLock::from(author))), work)
}

/// Runs the work in the present scope, whichever task runs it.
pub(crate) fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(CURRENT.try_with(Clone::clone).ok().flatten(), work)
}

/// Sets the author of the present scope, if it has none.
pub(crate) fn begin(author: AuditAuthor) {
    CURRENT.try_with(|scope| scope.as_ref().map(|scope| scope.set(author).ok())).ok();
}

fn author() -> Option<AuditAuthor> {
    CURRENT.try_with(|scope| scope.as_ref()?.get().cloned()).ok().flatten()
}

impl AuditRow {
    /// The row about a subject that was so before and is so now; none without an author, or if nothing
    /// differs.
    pub fn of(
        clock: &Clock,
        subject: &AuditSubject,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Option<Self> {
        let author = author().filter(|_| before != after)?;
        Some(Self::by(author, clock, subject, before, after))
    }

    fn by(
        author: AuditAuthor,
        clock: &Clock,
        subject: &AuditSubject,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Self {
        let (before, after) = differences(before, after);
        Self {
            id: clock.new_id(),
            at: rfc3339(clock.now()),
            author,
            kind: subject.kind().to_owned(),
            subject: subject.id().to_owned(),
            tenant: subject.tenant().map(str::to_owned),
            before: before.map(|it| it.to_string()),
            after: after.map(|it| it.to_string()),
        }
    }
}

const INSERT: &str =
    "INSERT INTO audit (id, at, token, name, request, action, kind, subject, tenant,
                                         before, after)
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Inserts a row in the caller's transaction.
pub(super) fn insert(connection: &Connection, row: &AuditRow) -> rusqlite::Result<()> {
    let AuditAuthor { token, name, request, action } = &row.author;
    let AuditRow { id, at, kind, subject, tenant, before, after, .. } = row;
    connection.execute(
        INSERT,
        rusqlite::params![
            id, at, token, name, request, action, kind, subject, tenant, before, after
        ],
    )?;
    Ok(())
}

/// The same on the connection of the configuration.
async fn insert_configured(connection: &mut SqliteConnection, row: AuditRow) -> Result<()> {
    let query = sqlx::query(INSERT).bind(row.id).bind(row.at).bind(row.author.token);
    let query = query.bind(row.author.name).bind(row.author.request).bind(row.author.action);
    let query = query.bind(row.kind).bind(row.subject).bind(row.tenant);
    query.bind(row.before).bind(row.after).execute(connection).await?;
    Ok(())
}

async fn states(
    connection: &mut SqliteConnection,
    subjects: &[AuditSubject],
) -> Result<Vec<Option<Value>>> {
    let mut states = Vec::with_capacity(subjects.len());
    for subject in subjects {
        states.push(subject.state(connection).await?);
    }
    Ok(states)
}

impl Store {
    /// Changes the configuration in one transaction, with a row for each of these that is changed by it.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        subjects: Vec<AuditSubject>,
        task: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    ) -> Result<T> {
        let Some(author) = author() else { return self.writer.configure(task).await };
        let clock = self.clock.clone();
        self.writer
            .configure(move |connection| {
                Box::pin(async move {
                    let before = states(connection, &subjects).await?;
                    let done = task(connection).await?;
                    let after = states(connection, &subjects).await?;
                    let changed = subjects.iter().zip(before.into_iter().zip(after));
                    for (subject, (before, after)) in changed.filter(|(_, it)| it.0 != it.1) {
                        let row = AuditRow::by(author.clone(), &clock, subject, before, after);
                        insert_configured(connection, row).await?;
                    }
                    Ok(done)
                })
            })
            .await
    }

    /// Records an order that is carried out in several transactions, before the first of them.
    pub async fn record_order(
        &self,
        subject: &AuditSubject,
        before: Value,
        order: Value,
    ) -> Result<()> {
        let Some(row) = AuditRow::of(&self.clock, subject, Some(before), Some(order)) else {
            return Ok(());
        };
        self.writer.configure(|connection| Box::pin(insert_configured(connection, row))).await
    }

    /// The rows that match, newest first.
    pub async fn audit_page(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditRow>> {
        let conditions =
            [("tenant = ", &filter.tenant), ("id >= ", &filter.since), ("id < ", &filter.before)];
        let mut sql =
            "SELECT * FROM audit WHERE ($1 IS NULL OR token = $1 OR name = $1)".to_owned();
        let mut values = vec![filter.by.clone()];
        for (condition, value) in conditions {
            if value.is_some() {
                values.push(value.clone());
                sql += &format!(" AND {condition}${}", values.len());
            }
        }
        sql += &format!(" ORDER BY id DESC LIMIT ${} + 0", values.len() + 1);
        let query =
            values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), sqlx::query::Query::bind);
        let rows = query.bind(limit).fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(row).collect()
    }
}

fn row(row: &SqliteRow) -> Result<AuditRow> {
    Ok(AuditRow {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        author: AuditAuthor {
            token: row.try_get("token")?,
            name: row.try_get("name")?,
            request: row.try_get("request")?,
            action: row.try_get("action")?,
        },
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        tenant: row.try_get("tenant")?,
        before: row.try_get("before")?,
        after: row.try_get("after")?,
    })
}
