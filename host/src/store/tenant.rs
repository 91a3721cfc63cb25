//! Tenants: one customer organisation's integration with an app each.

use anyhow::Result;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::Store;
use crate::clock::rfc3339;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRow {
    /// The name in the base URL.
    pub id: String,
    /// The app that it belongs to, for good.
    pub app: String,
    /// How its identity provider speaks.
    pub dialect: String,
    /// `connected`, `paused`, `disconnecting` or `disconnected`.
    pub state: String,
    /// Settings over the app's, a JSON object.
    pub settings: String,
    /// The disconnect under way, a JSON object.
    pub plan: Option<String>,
    /// The digest of the connector that decides for it alone; none: the app's does.
    pub connector: Option<String>,
    /// The digest of the one before, for a rollback, where that was for it alone as well.
    pub previous: Option<String>,
    /// When it was made.
    pub created: String,
}

impl Store {
    /// Makes or changes a tenant; its app stays, and who decides for it.
    pub async fn put_tenant(&self, tenant: &TenantRow) -> Result<()> {
        let tenant = tenant.clone();
        self.writer.run(|connection| Box::pin(put(connection, tenant))).await
    }

    /// Says who decides for tenants, by their `connector` and `previous`; for all of them, or none.
    pub async fn assign(&self, tenants: &[TenantRow]) -> Result<()> {
        let tenants = tenants.to_vec();
        self.writer.run(|connection| Box::pin(assign(connection, tenants))).await
    }

    /// Every tenant, by id.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>> {
        let rows = sqlx::query("SELECT * FROM tenant ORDER BY id")
            .fetch_all(&mut *self.pool.take().await?)
            .await?;
        rows.iter().map(tenant).collect()
    }

    /// Removes a tenant with its directory, accounts, credentials and jobs, and says whether there was
    /// one. The journal stays; its open and held operations are dropped.
    pub async fn remove_tenant(&self, id: &str) -> Result<bool> {
        let (id, now) = (id.to_owned(), rfc3339(self.clock.now()));
        self.writer.run(|connection| Box::pin(remove(connection, id, now))).await
    }
}

/// Inserts or updates a tenant in the caller's transaction; its app and its connectors stay.
pub(super) async fn put(connection: &mut SqliteConnection, tenant: TenantRow) -> Result<()> {
    sqlx::query(
        r#"INSERT INTO tenant (id, app, dialect, state, settings, "plan", created)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (id) DO UPDATE SET dialect = excluded.dialect, state = excluded.state,
               settings = excluded.settings, "plan" = excluded."plan""#,
    )
    .bind(tenant.id)
    .bind(tenant.app)
    .bind(tenant.dialect)
    .bind(tenant.state)
    .bind(tenant.settings)
    .bind(tenant.plan)
    .bind(tenant.created)
    .execute(connection)
    .await?;
    Ok(())
}

async fn assign(connection: &mut SqliteConnection, tenants: Vec<TenantRow>) -> Result<()> {
    for tenant in tenants {
        sqlx::query("UPDATE tenant SET connector = $2, previous = $3 WHERE id = $1")
            .bind(tenant.id)
            .bind(tenant.connector)
            .bind(tenant.previous)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn remove(connection: &mut SqliteConnection, id: String, now: String) -> Result<bool> {
    sqlx::query(
        "UPDATE operation SET state = 'dropped', note = 'the tenant was removed', sealed = NULL,
                              due = NULL, finished = $2
         WHERE tenant = $1 AND state IN ('open', 'held') AND state <> 'done'",
    )
    .bind(&id)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    // Members and addresses go with the resources, credentials and jobs with the tenant.
    for table in [
        "DELETE FROM resource WHERE tenant = $1",
        "DELETE FROM account WHERE tenant = $1",
        "DELETE FROM tally WHERE tenant = $1",
    ] {
        sqlx::query(table).bind(&id).execute(&mut *connection).await?;
    }
    let gone = sqlx::query("DELETE FROM tenant WHERE id = $1").bind(&id);
    Ok(gone.execute(connection).await?.rows_affected() > 0)
}

fn tenant(row: &SqliteRow) -> Result<TenantRow> {
    Ok(TenantRow {
        id: row.try_get("id")?,
        app: row.try_get("app")?,
        dialect: row.try_get("dialect")?,
        state: row.try_get("state")?,
        settings: row.try_get("settings")?,
        plan: row.try_get("plan")?,
        connector: row.try_get("connector")?,
        previous: row.try_get("previous")?,
        created: row.try_get("created")?,
    })
}
