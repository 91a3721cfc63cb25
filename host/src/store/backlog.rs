//! What is unfinished in each tenant: operations that have not ended, and accounts in doubt.

use std::collections::HashMap;

use anyhow::Result;
use rusqlite::{Connection, Row};

use super::Store;
use super::value::count_of;

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
        (SELECT count(*) FROM unfinished_operation WHERE tenant = t.number AND state = 'open') AS open,
        (SELECT count(*) FROM unfinished_operation WHERE tenant = t.number AND state = 'held') AS held,
        (SELECT count(*) FROM unfinished_operation WHERE tenant = t.number AND state = 'failed') AS failed,
        (SELECT count(*) FROM resource
         WHERE tenant = t.number AND doubt = 1 AND connected = 1)
        + (SELECT count(*) FROM former_account
           WHERE tenant = t.number AND doubt = 1 AND connected = 1) AS in_doubt
    FROM json_each(?) it LEFT JOIN term t ON t.name = it.value";

impl Store {
    /// What is unfinished in each of these tenants, by tenant.
    pub async fn backlogs(&self, tenants: &[&str]) -> Result<HashMap<String, Backlog>> {
        let tenants = serde_json::to_string(tenants)?;
        let count = move |connection: &Connection| {
            let backlog = |row: &Row<'_>| {
                let backlog = Backlog {
                    open: count_of(row, 1)?,
                    held: count_of(row, 2)?,
                    failed: count_of(row, 3)?,
                    in_doubt: count_of(row, 4)?,
                };
                Ok((row.get(0)?, backlog))
            };
            connection.prepare_cached(COUNT)?.query_map([tenants], backlog)?.collect()
        };
        self.reader.host(count).await
    }
}
