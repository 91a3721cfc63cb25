//! Released people: the users of a tenant whose accounts stay in the app, unmanaged.

use anyhow::{Context, Result};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::Store;

/// The users `a` of tenant `$1` whose accounts are not managed, each with its resource `r`: those who were
/// released, and those who were deleted without the app being told, unless that is held.
const RELEASED: &str = "
    account a LEFT JOIN resource r ON r.tenant = a.tenant AND r.id = a.resource
    WHERE a.tenant = $1 AND a.kind = 'User' AND (
        (a.former = 0 AND a.connected = 0)
        OR (a.former = 1 AND a.told IS NOT NULL AND a.account_id IS NOT NULL
            AND NOT EXISTS (
                SELECT 1 FROM operation o
                WHERE o.tenant = a.tenant AND o.resource = a.resource AND o.state = 'held'
            ))
    )";
/// Of those, who is inactive in the directory and has access in the app, as far as known.
const INACTIVE: &str = "a.former = 0 AND r.active = 0 AND a.protected = 0
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
        let sql = format!(
            "SELECT count(*) FILTER (WHERE a.former = 0), count(*) FILTER (WHERE {INACTIVE}),
                 count(*) FILTER (WHERE a.former = 1)
             FROM {RELEASED}"
        );
        let found = sqlx::query(AssertSqlSafe(sql)).bind(tenant);
        let row: SqliteRow = found.fetch_one(&mut *self.pool.take().await?).await?;
        let count = |n: usize| anyhow::Ok(u64::try_from(row.try_get::<i64, _>(n)?)?);
        Ok(ReleasedCounts { present: count(0)?, inactive: count(1)?, deleted: count(2)? })
    }

    /// The first people, by SCIM id, who lose access if the released people of a tenant are managed again.
    pub async fn released_people(&self, tenant: &str, limit: u32) -> Result<Vec<ReleasedPerson>> {
        let sql = format!(
            "SELECT a.resource, a.user_name, a.former FROM {RELEASED} AND (a.former = 1 OR {INACTIVE})
             ORDER BY a.resource LIMIT $2 + 0"
        );
        let found = sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(limit);
        let rows = found.fetch_all(&mut *self.pool.take().await?).await?;
        let person = |row: &SqliteRow| {
            Ok(ReleasedPerson {
                id: row.try_get(0)?,
                user_name: row.try_get(1)?,
                deleted: row.try_get::<i64, _>(2).context("whether a person was deleted")? != 0,
            })
        };
        rows.iter().map(person).collect()
    }

    /// Manages the accounts of a tenant again that are not managed, and those whose deletion the app
    /// was not told of. All of them are in doubt: the app may have changed them in between.
    pub async fn manage_released(&self, tenant: &str) -> Result<()> {
        let tenant = tenant.to_owned();
        self.writer
            .run(|connection| {
                Box::pin(async move {
                    let sql = "UPDATE account SET connected = 1, doubt = 1, stay = stay + 1
                               WHERE tenant = $1 AND (
                                   (former = 0 AND connected = 0) OR (former = 1 AND told IS NOT NULL)
                               )";
                    sqlx::query(sql).bind(tenant).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }
}
