//! Open operations, and those of them that are due: ids alone, since the journal is searched each
//! second and its documents are large.

use anyhow::Result;
use sqlx::{AssertSqlSafe, Row};

use super::Store;

/// Operations whose date has come.
pub(super) const DUE: &str = "due <= $2";
/// Operations without a date are being attempted. One that stays so for long was abandoned by an
/// internal error.
pub(super) const ABANDONED: &str = "due IS NULL AND created < $2";

/// The open operations of a tenant for which this is true, of each resource the oldest alone.
pub(super) fn first(condition: &str) -> String {
    format!(
        "SELECT id FROM operation AS it
         WHERE tenant = $1 AND state = 'open' AND {condition} AND NOT EXISTS (
             SELECT 1 FROM operation AS older
             WHERE older.tenant = $1 AND older.resource = it.resource AND older.state = 'open'
               AND older.id < it.id
         )
         ORDER BY due, id LIMIT $3 + 0"
    )
}

impl Store {
    /// The ids of the open operations of all tenants, oldest first.
    pub async fn unfinished(&self) -> Result<Vec<String>> {
        let sql = "SELECT id FROM operation WHERE state = 'open' AND state <> 'done' ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The operations of a tenant that are due at `now`, the longest waiting first, and only the
    /// oldest of each resource. An operation without a date counts if it began before `abandoned`.
    pub async fn due(
        &self,
        tenant: &str,
        now: &str,
        abandoned: &str,
        limit: u32,
    ) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for (condition, moment) in [(DUE, now), (ABANDONED, abandoned)] {
            let query = sqlx::query(AssertSqlSafe(first(condition))).bind(tenant).bind(moment);
            let rows = query.bind(limit).fetch_all(&mut *self.pool.take().await?).await?;
            for row in rows {
                ids.push(row.try_get(0)?);
            }
        }
        ids.truncate(usize::try_from(limit)?);
        Ok(ids)
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
}
