//! Open operations, and those of them that are due: ids alone, since the journal is searched each
//! second and its documents are large.

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::Store;
use super::operation::{OperationRow, OperationState, UNFINISHED, read_unfinished};
use super::value::{StoredId, count_of, id, millis};
use crate::decision::{EventKind, ResourceKind};

/// Which operations are due. One that is due beyond the horizon was postponed before the clock was
/// set back. Operations without a date are being attempted: one that stays so for long was abandoned
/// by an internal error.
const CONDITIONS: [&str; 3] = ["due <= ?2", "due > ?3", "due IS NULL AND created < ?4"];

/// 0 for an event that takes away and 1 for every other, as in the index `unfinished_due`.
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
                     SELECT {part} AS part, id FROM unfinished_operation
                     WHERE tenant = ?1 AND state = 'open' AND {RANK} = {rank} AND {condition}
                     ORDER BY due, id LIMIT ?5 + 0
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

fn unfinished(row: &Row<'_>) -> rusqlite::Result<UnfinishedOperation> {
    let (StoredId(id), StoredId(resource)) = (row.get(0)?, row.get(2)?);
    Ok(UnfinishedOperation {
        id,
        tenant: row.get(1)?,
        resource,
        resource_kind: row.get(3)?,
        kind: row.get(4)?,
        subject: row.get(5)?,
        state: row.get(6)?,
    })
}

impl Store {
    /// The open, failed and held operations of all tenants, oldest first.
    pub async fn unfinished(&self) -> Result<Vec<UnfinishedOperation>> {
        let list = |connection: &Connection| {
            let mut list = connection.prepare_cached(
                "SELECT o.id, t.name, o.resource, o.resource_kind, o.kind, o.subject, o.state
                 FROM unfinished_operation o LEFT JOIN term t ON t.number = o.tenant
                 ORDER BY o.id",
            )?;
            list.query_map([], unfinished)?.collect()
        };
        self.reader.host(list).await
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
        let tenant = self.reader.number(tenant).await?;
        let [now, horizon] = [now, horizon].map(str::to_owned);
        let abandoned = millis(abandoned)?;
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(&parts())?;
            let values = params![tenant, now, horizon, abandoned, limit];
            list.query_map(values, |row| Ok((row.get(0)?, row.get::<_, StoredId>(1)?.0)))?.collect()
        };
        let mut found: Vec<(i64, String)> = self.reader.host(list).await?;
        found.sort_by_key(|(part, _)| *part);
        found.truncate(usize::try_from(limit)?);
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    /// How many operations of a tenant are open.
    pub async fn count_open(&self, tenant: &str) -> Result<u64> {
        let tenant = self.reader.number(tenant).await?;
        let count = move |connection: &Connection| {
            let sql =
                "SELECT count(*) FROM unfinished_operation WHERE tenant = ? AND state = 'open'";
            connection.prepare_cached(sql)?.query_row([tenant], |row| count_of(row, 0))
        };
        self.reader.host(count).await
    }

    /// The operations of a tenant that are held, in the order of their resources and then of their
    /// ids, after the operation of this resource and id.
    pub async fn held(
        &self,
        tenant: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<OperationRow>> {
        let tenant = self.reader.number(tenant).await?;
        let (resource, after) = after.unwrap_or_default();
        let [resource, after] = [resource, after].map(id);
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(&format!(
                "SELECT {UNFINISHED}
                 WHERE o.tenant = ? AND o.state = 'held' AND (o.resource, o.id) > (?, ?)
                 ORDER BY o.resource, o.id LIMIT ? + 0"
            ))?;
            list.query_map(params![tenant, resource, after, limit], read_unfinished)?.collect()
        };
        self.reader.host(list).await
    }

    /// Makes all open operations due: after a restart none waits for a date that was set before.
    pub async fn make_all_due(&self, now: &str) -> Result<()> {
        let now = now.to_owned();
        let update = move |connection: &Connection| {
            let sql = "UPDATE unfinished_operation SET due = ? WHERE state = 'open'";
            connection.execute(sql, [now])?;
            Ok(())
        };
        self.writer.run(update).await
    }

    /// The first of an app's open operations that wait for a later date, with its tenant: what takes
    /// away before the rest.
    pub async fn first_waiting(&self, app: &str, now: &str) -> Result<Option<(String, String)>> {
        let values = [app, now].map(str::to_owned);
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(
                "SELECT t.name, o.id
                 FROM unfinished_operation o LEFT JOIN term t ON t.number = o.tenant
                 WHERE o.state = 'open' AND o.app = ? AND o.due > ?
                 ORDER BY o.kind NOT IN ('deactivate', 'delete', 'group-delete'), o.due, o.id
                 LIMIT 1",
            )?;
            find.query_row(values, |row| Ok((row.get(0)?, row.get::<_, StoredId>(1)?.0))).optional()
        };
        self.reader.host(find).await
    }

    /// Makes the open operations of an app due at this time that wait for a later one: the app answers
    /// again. Returns how many these were.
    pub async fn make_app_due(&self, app: &str, at: &str) -> Result<u64> {
        let values = [app, at].map(str::to_owned);
        let update = move |connection: &Connection| {
            // Open operations of all apps are few.
            let sql = "UPDATE unfinished_operation SET due = ?2
                       WHERE state = 'open' AND app = ?1 AND due > ?2";
            Ok(u64::try_from(connection.execute(sql, values)?)?)
        };
        self.writer.run(update).await
    }
}
