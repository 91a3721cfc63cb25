//! Credentials: the tokens of tenants and of the admin API, hashed.

use std::collections::HashMap;
use std::str::FromStr;

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::{AuditSubject, Store, name};

/// A token, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRow {
    /// The id.
    pub id: String,
    /// Whose it is; none for the admin API.
    pub tenant: Option<String>,
    /// How it is presented.
    pub kind: CredentialKind,
    /// The user name of `basic`.
    pub user: Option<String>,
    /// The id of the user whom `/Me` leads to.
    pub owner: Option<String>,
    /// The hash of the token.
    pub hash: Vec<u8>,
    /// When it was made.
    pub created: String,
    /// When it expires.
    pub expires: Option<String>,
    /// When it was last presented, roughly.
    pub last_used: Option<String>,
    /// The name of an admin token; none for one that a host of schema 1 made for itself.
    pub name: Option<String>,
    /// What an admin token may do; none for one of schema 1, which may do all.
    pub role: Option<AdminRole>,
}

/// What an admin token may do. Each role may do what those before it may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum AdminRole {
    /// See everything that the admin API shows, and change nothing.
    Read,
    /// Also decide about operations, people, jobs and the state of tenants.
    Operate,
    /// Also change apps, tenants, tokens and connectors.
    Configure,
}

impl AdminRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Read, Self::Operate, Self::Configure];

    /// The name in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Configure => "configure",
        }
    }
}

impl FromStr for AdminRole {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        name::named("role", Self::ALL, Self::name, text)
    }
}

/// How a token is presented in the `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// As the password of Basic authentication.
    Basic,
    /// As a Bearer token.
    Bearer,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Basic, Self::Bearer];

    /// The name in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Bearer => "bearer",
        }
    }
}

impl FromStr for CredentialKind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        name::named("kind of credential", Self::ALL, Self::name, text)
    }
}

impl Store {
    /// Adds a credential.
    pub async fn add_credential(&self, credential: &CredentialRow) -> Result<()> {
        let it = credential.clone();
        let subject = AuditSubject::Token { tenant: it.tenant.clone(), id: it.id.clone() };
        self.change(vec![subject], move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO credential (id, tenant, kind, user_name, owner, hash,
                                                 created, expires, last_used, name, role)
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                )
                .bind(it.id)
                .bind(it.tenant)
                .bind(it.kind.name())
                .bind(it.user)
                .bind(it.owner)
                .bind(it.hash)
                .bind(it.created)
                .bind(it.expires)
                .bind(it.last_used)
                .bind(it.name)
                .bind(it.role.map(AdminRole::name))
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Every credential, the oldest first.
    pub async fn credentials(&self) -> Result<Vec<CredentialRow>> {
        let rows = sqlx::query("SELECT * FROM credential ORDER BY created, id");
        rows.fetch_all(&mut *self.pool.take().await?).await?.iter().map(credential).collect()
    }

    /// The credential of this id.
    pub async fn credential(&self, id: &str) -> Result<Option<CredentialRow>> {
        let found = sqlx::query("SELECT * FROM credential WHERE id = $1").bind(id);
        let row = found.fetch_optional(&mut *self.pool.take().await?).await?;
        row.as_ref().map(credential).transpose()
    }

    /// The credentials of a tenant, or of the admin API if there is no tenant; oldest first.
    pub async fn credentials_of(&self, tenant: Option<&str>) -> Result<Vec<CredentialRow>> {
        let found = sqlx::query("SELECT * FROM credential WHERE tenant IS $1 ORDER BY created, id");
        let rows = found.bind(tenant).fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(credential).collect()
    }

    /// The credentials, by id, from the one after this id.
    pub async fn credential_page(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<CredentialRow>> {
        let rows = sqlx::query("SELECT * FROM credential WHERE id > $1 ORDER BY id LIMIT $2 + 0")
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&mut *self.pool.take().await?)
            .await?;
        rows.iter().map(credential).collect()
    }

    /// Removes a credential, and says whether there was one.
    pub async fn revoke_credential(&self, id: &str) -> Result<bool> {
        let Some(row) = self.credential(id).await? else { return Ok(false) };
        let (id, subject) = (id.to_owned(), AuditSubject::Token { tenant: row.tenant, id: row.id });
        self.change(vec![subject], |connection| {
            Box::pin(async move {
                let gone = sqlx::query("DELETE FROM credential WHERE id = $1").bind(id);
                Ok(gone.execute(connection).await?.rows_affected() > 0)
            })
        })
        .await
    }

    /// Notes when credentials were presented, by id.
    pub async fn credentials_used(&self, uses: HashMap<String, String>) -> Result<()> {
        self.writer
            .configure(|connection| {
                Box::pin(async move {
                    for (id, at) in uses {
                        sqlx::query("UPDATE credential SET last_used = $2 WHERE id = $1")
                            .bind(id)
                            .bind(at)
                            .execute(&mut *connection)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

fn credential(row: &SqliteRow) -> Result<CredentialRow> {
    Ok(CredentialRow {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        kind: name::of_column(row, "id", "kind")?,
        user: row.try_get("user_name")?,
        owner: row.try_get("owner")?,
        hash: row.try_get("hash")?,
        created: row.try_get("created")?,
        expires: row.try_get("expires")?,
        last_used: row.try_get("last_used")?,
        name: row.try_get("name")?,
        role: name::of_optional_column(row, "id", "role")?,
    })
}
