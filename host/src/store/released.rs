//! Released people: the users of a tenant whose accounts stay in the app, unmanaged.

use anyhow::Result;
use rusqlite::{Connection, Row, params};

use super::value::{StoredId, count_of};
use super::{Store, term};

/// The users `a` of tenant `?1` whose accounts are not managed: those who were released, and those who were
/// deleted without the app being told, unless that is held.
const RELEASED: &str = "
    account a WHERE a.tenant = ?1 AND a.kind = 0 AND (
        (a.former = 0 AND a.connected = 0)
        OR (a.former = 1 AND a.told IS NOT NULL AND a.account_id IS NOT NULL
            AND NOT EXISTS (
                SELECT 1 FROM unfinished_operation o
                WHERE o.tenant = a.tenant AND o.resource = a.resource AND o.state = 'held'
            ))
    )";
/// Of those, who is inactive in the directory and has access in the app, as far as known.
const INACTIVE: &str = "a.former = 0 AND a.active = 0 AND a.protected = 0
    AND (a.membership = 'active' OR a.doubt = 1)";

/// How many users of a tenant have accounts that are not managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleasedCounts {
    /// Those whose resource exists.
    pub present: u64,
    /// Those of them whom the directory says are inactive, and who are in the app as far as known.
    pub inactive: u64,
    /// Those who were deleted, and whose deletion the app was not told of and is not held.
    pub deleted: u64,
}

/// A person who loses access in the app if the released people of the tenant are managed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasedPerson {
    /// The SCIM id.
    pub id: String,
    /// The `userName`.
    pub user_name: String,
    /// Whether the person was deleted; else inactive.
    pub deleted: bool,
}

impl Store {
    /// How many users of a tenant have accounts that are not managed.
    pub async fn released(&self, tenant: &str) -> Result<ReleasedCounts> {
        let tenant = self.reader.number(tenant).await?;
        let count = move |connection: &Connection| {
            let sql = format!(
                "SELECT count(*) FILTER (WHERE a.former = 0), count(*) FILTER (WHERE {INACTIVE}),
                     count(*) FILTER (WHERE a.former = 1)
                 FROM {RELEASED}"
            );
            let counts = |row: &Row<'_>| {
                Ok(ReleasedCounts {
                    present: count_of(row, 0)?,
                    inactive: count_of(row, 1)?,
                    deleted: count_of(row, 2)?,
                })
            };
            connection.prepare_cached(&sql)?.query_row([tenant], counts)
        };
        self.reader.host(count).await
    }

    /// The first people, by SCIM id, who lose access if the released people of a tenant are managed again.
    pub async fn released_people(&self, tenant: &str, limit: u32) -> Result<Vec<ReleasedPerson>> {
        let tenant = self.reader.number(tenant).await?;
        let list = move |connection: &Connection| {
            let sql = format!(
                "SELECT a.resource, a.user_name, a.former FROM {RELEASED}
                     AND (a.former = 1 OR {INACTIVE})
                 ORDER BY a.resource LIMIT ?2 + 0"
            );
            let person = |row: &Row<'_>| {
                let StoredId(id) = row.get(0)?;
                Ok(ReleasedPerson { id, user_name: row.get(1)?, deleted: row.get(2)? })
            };
            let mut list = connection.prepare_cached(&sql)?;
            list.query_map(params![tenant, limit], person)?.collect()
        };
        self.reader.host(list).await
    }

    /// Manages the accounts of a tenant again that are not managed, and those whose deletion the app
    /// was not told of. All of them are in doubt: the app may have changed them in between.
    pub async fn manage_released(&self, tenant: &str) -> Result<()> {
        let tenant = tenant.to_owned();
        let manage = move |connection: &Connection| {
            let tenant = term::number(connection, &tenant)?;
            for sql in [
                "UPDATE resource SET connected = 1, doubt = 1, stay = stay + 1
                 WHERE tenant = ? AND connected = 0",
                "UPDATE former_account SET connected = 1, doubt = 1, stay = stay + 1
                 WHERE tenant = ? AND told IS NOT NULL",
            ] {
                connection.execute(sql, [tenant])?;
            }
            Ok(())
        };
        self.writer.run(manage).await
    }
}
