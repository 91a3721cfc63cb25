//! What is unfinished in each tenant: operations that have not ended, and accounts in doubt.

use std::collections::HashMap;

use anyhow::Result;
use sqlx::Row;

use super::Store;

/// How much is unfinished in a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Operations that the host tries.
    pub open: u64,
    /// Operations that were acknowledged and are not carried out.
    pub held: u64,
    /// Operations that wait for an operator.
    pub failed: u64,
    /// Managed accounts of which it is not known what the app has.
    pub in_doubt: u64,
}

/// One row for each tenant. Unfinished operations and accounts in doubt are few among all, and each
/// is counted in an index that has nothing else.
pub(super) const COUNT: &str = "
    SELECT it.value AS tenant,
        (SELECT count(*) FROM operation WHERE tenant = it.value AND state = 'open') AS open,
        (SELECT count(*) FROM operation WHERE tenant = it.value AND state = 'held') AS held,
        (SELECT count(*) FROM operation WHERE tenant = it.value AND state = 'failed') AS failed,
        (SELECT count(*) FROM account
         WHERE tenant = it.value AND doubt = 1 AND connected = 1) AS in_doubt
    FROM json_each($1) it";

impl Store {
    /// What is unfinished in each of these tenants, by tenant.
    pub async fn backlogs(&self, tenants: &[&str]) -> Result<HashMap<String, Backlog>> {
        let query = sqlx::query(COUNT).bind(serde_json::to_string(tenants)?);
        let rows = query.fetch_all(&mut *self.pool.take().await?).await?;
        let backlog = |row: &sqlx::sqlite::SqliteRow| {
            let count = |column| anyhow::Ok(u64::try_from(row.try_get::<i64, _>(column)?)?);
            let backlog = Backlog {
                open: count("open")?,
                held: count("held")?,
                failed: count("failed")?,
                in_doubt: count("in_doubt")?,
            };
            Ok((row.try_get("tenant")?, backlog))
        };
        rows.iter().map(backlog).collect()
    }
}
