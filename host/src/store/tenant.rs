//! Tenants: one customer organisation's integration with an app each.

use std::str::FromStr;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};
use utoipa::ToSchema;

use super::{AuditSubject, Store, name, term};
use crate::clock::rfc3339;
use crate::scim::{Dialect, GroupNames, UnknownMembers};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRow {
    /// The name in the base URL.
    pub id: String,
    /// The app that it belongs to, for good.
    pub app: String,
    /// How its identity provider speaks.
    pub dialect: Dialect,
    /// Whether two groups may have one name; none: as the dialect has it.
    pub group_names: Option<GroupNames>,
    /// What becomes of unknown members of groups; none: as the dialect has it.
    pub unknown_members: Option<UnknownMembers>,
    /// How many requests it may send in a second; none: as the host has it; 0: any number.
    pub requests_per_second: Option<u32>,
    /// The state of its integration.
    pub state: TenantState,
    /// Settings over the app's, a JSON object.
    pub settings: String,
    /// The digest of the connector that decides for it alone; none: the app's does.
    pub connector: Option<String>,
    /// The digest of the one before, for a rollback, where that was for it alone as well.
    pub previous: Option<String>,
    /// The e-mail domains that are its own, in lower case and ASCII.
    pub domains: Vec<String>,
    /// When it was made.
    pub created: String,
}

/// The state of a tenant's integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TenantState {
    /// All changes are carried out.
    Connected,
    /// Deprovisioning is held until an operator decides.
    Paused,
    /// A disconnect is running or blocked; deprovisioning is held.
    Disconnecting,
    /// The integration ended. Deprovisioning is acknowledged and changes nothing; other writes
    /// are refused.
    Disconnected,
}

impl TenantState {
    /// Every state.
    pub const ALL: [Self; 4] =
        [Self::Connected, Self::Paused, Self::Disconnecting, Self::Disconnected];

    /// Whether a disconnect is not finished yet.
    pub fn is_disconnecting(self) -> bool {
        self == Self::Disconnecting
    }

    /// The name in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Paused => "paused",
            Self::Disconnecting => "disconnecting",
            Self::Disconnected => "disconnected",
        }
    }
}

impl FromStr for TenantState {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        name::named("state of a tenant", Self::ALL, Self::name, text)
    }
}

/// Which tenants are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantFilter {
    /// Only tenants of this app.
    pub app: Option<String>,
    /// Only tenants in this state.
    pub state: Option<TenantState>,
    /// Only tenants whose id begins with this.
    pub prefix: Option<String>,
}

impl Store {
    /// Makes or changes a tenant; its app stays, and who decides for it.
    pub async fn put_tenant(&self, tenant: &TenantRow) -> Result<()> {
        let tenant = tenant.clone();
        let subject = vec![AuditSubject::Tenant(tenant.id.clone())];
        self.change(subject, |connection| Box::pin(put(connection, tenant))).await
    }

    /// Says who decides for tenants, by their `connector` and `previous`; for all of them, or none.
    pub async fn assign(&self, tenants: &[TenantRow]) -> Result<()> {
        let tenants = tenants.to_vec();
        let subjects = tenants.iter().map(|it| AuditSubject::Tenant(it.id.clone())).collect();
        self.change(subjects, |connection| Box::pin(assign(connection, tenants))).await
    }

    /// Every tenant, by id.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>> {
        let rows = sqlx::query("SELECT * FROM tenant ORDER BY id")
            .fetch_all(&mut *self.pool.take().await?)
            .await?;
        rows.iter().map(tenant).collect()
    }

    /// The tenant of this id.
    pub async fn tenant(&self, id: &str) -> Result<Option<TenantRow>> {
        let found = sqlx::query("SELECT * FROM tenant WHERE id = $1").bind(id);
        let row = found.fetch_optional(&mut *self.pool.take().await?).await?;
        row.as_ref().map(tenant).transpose()
    }

    /// The tenants that match, by id, from the one after this id.
    pub async fn tenant_page(
        &self,
        filter: &TenantFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TenantRow>> {
        // An id with the prefix is less than the prefix with the greatest character after it.
        let end = filter.prefix.as_ref().map(|prefix| format!("{prefix}{}", char::MAX));
        let conditions = [
            ("app = ", filter.app.as_deref()),
            ("state = ", filter.state.map(TenantState::name)),
            ("id >= ", filter.prefix.as_deref()),
            ("id < ", end.as_deref()),
            ("id > ", after),
        ];
        let mut sql = "SELECT * FROM tenant WHERE true".to_owned();
        let mut values = Vec::new();
        for (condition, value) in conditions {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" AND {condition}${}", values.len());
            }
        }
        sql += &format!(" ORDER BY id LIMIT ${} + 0", values.len() + 1);
        let query = values
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, value| query.bind(value.to_owned()));
        let rows = query.bind(limit).fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(tenant).collect()
    }

    /// The tenants of an app, by id, from the one after this id.
    pub async fn tenants_of(
        &self,
        app: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TenantRow>> {
        let filter = TenantFilter { app: Some(app.to_owned()), ..TenantFilter::default() };
        self.tenant_page(&filter, after, limit).await
    }

    /// The tenants of an app that have a connector of their own, by id.
    pub async fn tenants_with_own_connector(&self, app: &str) -> Result<Vec<TenantRow>> {
        let found = sqlx::query(
            "SELECT * FROM tenant WHERE app = $1 AND connector IS NOT NULL ORDER BY id",
        );
        let rows = found.bind(app).fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(tenant).collect()
    }

    /// The number of tenants of an app.
    pub async fn count_tenants_of(&self, app: &str) -> Result<u64> {
        let found = sqlx::query("SELECT count(*) FROM tenant WHERE app = $1").bind(app);
        let row = found.fetch_one(&mut *self.pool.take().await?).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
    }

    /// The number of tenants.
    pub async fn count_tenants(&self) -> Result<u64> {
        let found = sqlx::query("SELECT count(*) FROM tenant");
        let row = found.fetch_one(&mut *self.pool.take().await?).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
    }

    /// Whether more than one tenant uses an app.
    pub async fn has_several_tenants(&self, app: &str) -> Result<bool> {
        let found = sqlx::query("SELECT 1 FROM tenant WHERE app = $1 LIMIT 1 OFFSET 1").bind(app);
        Ok(found.fetch_optional(&mut *self.pool.take().await?).await?.is_some())
    }

    /// Gives what is kept of a removed tenant of this name another one, which no tenant can have: a tenant of the
    /// same name begins a history of its own.
    pub async fn retire_name(&self, id: &str) -> Result<()> {
        let (id, now) = (id.to_owned(), rfc3339(self.clock.now()));
        let named = id.clone();
        let is_known = self.reader.point(move |connection| term::is_known(connection, &named));
        if !is_known.await? {
            return Ok(());
        }
        self.writer.run(move |connection| Ok(term::retire(connection, &id, &now)?)).await?;
        self.reader.forget_numbers();
        Ok(())
    }
}

/// Inserts or updates a tenant in the caller's transaction; its app and its connectors stay.
pub(super) async fn put(connection: &mut SqliteConnection, tenant: TenantRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO tenant (id, app, dialect, group_names, unknown_members, state, settings, created,
                             requests_per_second, domains)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           ON CONFLICT (id) DO UPDATE SET dialect = excluded.dialect,
               group_names = excluded.group_names, unknown_members = excluded.unknown_members,
               state = excluded.state, settings = excluded.settings,
               requests_per_second = excluded.requests_per_second,
               domains = excluded.domains",
    )
    .bind(tenant.id)
    .bind(tenant.app)
    .bind(tenant.dialect.name())
    .bind(tenant.group_names.map(GroupNames::name))
    .bind(tenant.unknown_members.map(UnknownMembers::name))
    .bind(tenant.state.name())
    .bind(tenant.settings)
    .bind(tenant.created)
    .bind(tenant.requests_per_second)
    .bind(serde_json::to_string(&tenant.domains)?)
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

fn tenant(row: &SqliteRow) -> Result<TenantRow> {
    Ok(TenantRow {
        id: row.try_get("id")?,
        app: row.try_get("app")?,
        dialect: name::of_column(row, "id", "dialect")?,
        group_names: name::of_optional_column(row, "id", "group_names")?,
        unknown_members: name::of_optional_column(row, "id", "unknown_members")?,
        requests_per_second: row.try_get("requests_per_second")?,
        state: name::of_column(row, "id", "state")?,
        settings: row.try_get("settings")?,
        connector: row.try_get("connector")?,
        previous: row.try_get("previous")?,
        domains: serde_json::from_str(row.try_get("domains")?)?,
        created: row.try_get("created")?,
    })
}
