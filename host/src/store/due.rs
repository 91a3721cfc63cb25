//! Open operations, and those of them that are due: ids alone, since the journal is searched each
//! second and its documents are large.

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::Store;
use super::operation::{IS_UNFINISHED, OperationRow, OperationState, operation};
use crate::decision::{EventKind, ResourceKind};

/// Which operations are due. One that is due beyond the horizon was postponed before the clock was
/// set back. Operations without a date are being attempted: one that stays so for long was abandoned
/// by an internal error.
const CONDITIONS: [&str; 3] = ["due <= $2", "due > $3", "due IS NULL AND created < $4"];

/// 0 for an event that takes away and 1 for every other, as in the index `operation_due`.
const RANK: &str = "CASE kind WHEN 'deactivate' THEN 0 WHEN 'delete' THEN 0
                             WHEN 'group-delete' THEN 0 ELSE 1 END";

/// The due operations of a tenant, each with the number of its part; parts are ordered in themselves.
pub(super) fn parts() -> String {
    let parts = (0..2).flat_map(|rank| CONDITIONS.map(|condition| (rank, condition)));
    let parts: Vec<String> = (0..)
        .zip(parts)
        .map(|(part, (rank, condition))| {
            format!(
                "SELECT * FROM (
                     SELECT {part} AS part, id FROM operation
                     WHERE tenant = $1 AND state = 'open' AND {RANK} = {rank} AND {condition}
                     ORDER BY due, id LIMIT $5 + 0
                 )"
            )
        })
        .collect();
    parts.join("\nUNION ALL\n")
}

/// An operation that has not ended, without its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedOperation {
    /// The id.
    pub id: String,
    /// The tenant.
    pub tenant: String,
    /// The SCIM id of the resource that it is about.
    pub resource: String,
    /// The kind of the resource.
    pub resource_kind: ResourceKind,
    /// The event.
    pub kind: EventKind,
    /// `userName` or `displayName` in the form in which names are compared (`scim/name.rs`).
    pub subject: String,
    /// Open, failed or held.
    pub state: OperationState,
}

fn unfinished(row: &SqliteRow) -> Result<UnfinishedOperation> {
    let word = |column| row.try_get::<String, _>(column);
    let (kind, resource_kind, state) = (word("kind")?, word("resource_kind")?, word("state")?);
    Ok(UnfinishedOperation {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        resource: row.try_get("resource")?,
        resource_kind: ResourceKind::named(&resource_kind).context("an operation's resource")?,
        kind: serde_json::from_value(Value::from(kind)).context("an operation's event")?,
        subject: row.try_get("subject")?,
        state: OperationState::named(&state).context("an operation's state")?,
    })
}

impl Store {
    /// The open, failed and held operations of all tenants, oldest first.
    pub async fn unfinished(&self) -> Result<Vec<UnfinishedOperation>> {
        let sql = format!(
            "SELECT id, tenant, resource, resource_kind, kind, subject, state FROM operation
             WHERE {IS_UNFINISHED} ORDER BY id"
        );
        let found = sqlx::query(AssertSqlSafe(sql));
        let rows = found.fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(unfinished).collect()
    }

    /// The operations of a tenant that are due at `now`: events that take away first, and then the
    /// longest waiting first. An operation that is due after `horizon` counts, and one without a date
    /// if it began before `abandoned`.
    pub async fn due(
        &self,
        tenant: &str,
        now: &str,
        horizon: &str,
        abandoned: &str,
        limit: u32,
    ) -> Result<Vec<String>> {
        let query = sqlx::query(AssertSqlSafe(parts())).bind(tenant).bind(now).bind(horizon);
        let query = query.bind(abandoned).bind(limit);
        let rows = query.fetch_all(&mut *self.pool.take().await?).await?;
        let mut found: Vec<(i64, String)> = Vec::with_capacity(rows.len());
        for row in rows {
            found.push((row.try_get("part")?, row.try_get("id")?));
        }
        found.sort_by_key(|(part, _)| *part);
        found.truncate(usize::try_from(limit)?);
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    /// How many operations of a tenant are open.
    pub async fn count_open(&self, tenant: &str) -> Result<u64> {
        let sql = "SELECT count(*) FROM operation WHERE tenant = $1 AND state = 'open'";
        let query = sqlx::query(sql).bind(tenant);
        let row = query.fetch_one(&mut *self.pool.take().await?).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
    }

    /// The operations of a tenant that are held, in the order of their resources and then of their
    /// ids, after the operation of this resource and id.
    pub async fn held(
        &self,
        tenant: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<OperationRow>> {
        let (resource, id) = after.unwrap_or_default();
        let rows = sqlx::query(
            "SELECT * FROM operation
             WHERE tenant = $1 AND state = 'held' AND (resource, id) > ($2, $3)
             ORDER BY resource, id LIMIT $4 + 0",
        )
        .bind(tenant)
        .bind(resource)
        .bind(id)
        .bind(limit)
        .fetch_all(&mut *self.pool.take().await?)
        .await?;
        rows.iter().map(operation).collect()
    }

    /// Makes all open operations due: after a restart none waits for a date that was set before.
    pub async fn make_all_due(&self, now: &str) -> Result<()> {
        let now = now.to_owned();
        self.writer
            .run(|connection| {
                Box::pin(async move {
                    let sql =
                        "UPDATE operation SET due = $1 WHERE state = 'open' AND state <> 'done'";
                    sqlx::query(sql).bind(now).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }

    /// The first of an app's open operations that wait for a later date, with its tenant: what takes
    /// away before the rest.
    pub async fn first_waiting(&self, app: &str, now: &str) -> Result<Option<(String, String)>> {
        // As below.
        let sql = "SELECT tenant, id FROM operation
                   WHERE state = 'open' AND state <> 'done' AND app = $1 AND due > $2
                   ORDER BY kind NOT IN ('deactivate', 'delete', 'group-delete'), due, id LIMIT 1";
        let query = sqlx::query(sql).bind(app).bind(now);
        let row = query.fetch_optional(&mut *self.pool.take().await?).await?;
        row.map(|row| Ok((row.try_get("tenant")?, row.try_get("id")?))).transpose()
    }

    /// Makes the open operations of an app due at this time that wait for a later one: the app answers
    /// again. Returns how many these were.
    pub async fn make_app_due(&self, app: &str, at: &str) -> Result<u64> {
        let (app, now) = (app.to_owned(), at.to_owned());
        self.writer
            .run(|connection| {
                Box::pin(async move {
                    // Open operations of all apps are few, and are found by state.
                    let sql = "UPDATE operation SET due = $2
                               WHERE state = 'open' AND state <> 'done' AND app = $1 AND due > $2";
                    let made = sqlx::query(sql).bind(app).bind(now).execute(connection).await?;
                    Ok(made.rows_affected())
                })
            })
            .await
    }
}
