//! Apps: what accounts are provisioned into.

use std::str::FromStr;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::{AuditSubject, Store, name};

/// An app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppRow {
    /// The name.
    pub name: String,
    /// The digest of the connector that decides; none before the first promotion.
    pub connector: Option<String>,
    /// The digest of the one before, for a rollback.
    pub previous: Option<String>,
    /// Settings, a JSON object.
    pub settings: String,
    /// Endpoints by name, a JSON object.
    pub endpoints: String,
    /// When identity providers are answered.
    pub reply: ReplyMode,
    /// The limits of its connector, a JSON object of those that are set.
    pub limits: String,
    /// Whether one account can be several customers'.
    pub shared: bool,
    /// When it was made.
    pub created: String,
}

/// When the identity provider gets its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyMode {
    /// When the outcome is durable, or the deadline has passed.
    #[default]
    WhenDone,
    /// When the operation is recorded; it is carried out in the background.
    WhenRecorded,
}

impl ReplyMode {
    /// Every variant.
    pub const ALL: [Self; 2] = [Self::WhenDone, Self::WhenRecorded];

    /// The name in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::WhenDone => "when-done",
            Self::WhenRecorded => "when-recorded",
        }
    }
}

impl FromStr for ReplyMode {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        name::named("reply mode", Self::ALL, Self::name, text)
    }
}

impl Store {
    /// Inserts or updates an app. If its connector changes, it changes for all its tenants: none
    /// keeps a connector for itself.
    pub async fn put_app(&self, app: &AppRow) -> Result<()> {
        let app = app.clone();
        self.change(vec![AuditSubject::App(app.name.clone())], move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE tenant SET connector = NULL, previous = NULL WHERE app = (
                             SELECT name FROM app WHERE name = $1 AND connector IS NOT $2
                         )",
                )
                .bind(&app.name)
                .bind(&app.connector)
                .execute(&mut *connection)
                .await?;
                sqlx::query(
                    "INSERT INTO app (name, connector, previous, settings, endpoints, reply,
                                          limits, created, shared)
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                         ON CONFLICT (name) DO UPDATE SET
                             connector = excluded.connector, previous = excluded.previous,
                             settings = excluded.settings, endpoints = excluded.endpoints,
                             reply = excluded.reply, limits = excluded.limits,
                             shared = excluded.shared",
                )
                .bind(app.name)
                .bind(app.connector)
                .bind(app.previous)
                .bind(app.settings)
                .bind(app.endpoints)
                .bind(app.reply.name())
                .bind(app.limits)
                .bind(app.created)
                .bind(app.shared)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Every app, by name.
    pub async fn apps(&self) -> Result<Vec<AppRow>> {
        let rows = sqlx::query("SELECT * FROM app ORDER BY name")
            .fetch_all(&mut *self.pool.take().await?)
            .await?;
        rows.iter().map(app).collect()
    }

    /// The app of this name.
    pub async fn app(&self, name: &str) -> Result<Option<AppRow>> {
        let found = sqlx::query("SELECT * FROM app WHERE name = $1").bind(name);
        let row = found.fetch_optional(&mut *self.pool.take().await?).await?;
        row.as_ref().map(app).transpose()
    }

    /// The apps, by name, from the one after this name.
    pub async fn app_page(&self, after: Option<&str>, limit: u32) -> Result<Vec<AppRow>> {
        let rows = sqlx::query("SELECT * FROM app WHERE name > $1 ORDER BY name LIMIT $2 + 0")
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&mut *self.pool.take().await?)
            .await?;
        rows.iter().map(app).collect()
    }

    /// Removes an app, and says whether there was one; an error while a tenant belongs to it.
    pub async fn remove_app(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.change(vec![AuditSubject::App(name.clone())], |connection| {
            Box::pin(async move {
                let gone = sqlx::query("DELETE FROM app WHERE name = $1").bind(name);
                Ok(gone.execute(connection).await?.rows_affected() > 0)
            })
        })
        .await
    }
}

fn app(row: &SqliteRow) -> Result<AppRow> {
    Ok(AppRow {
        name: row.try_get("name")?,
        connector: row.try_get("connector")?,
        previous: row.try_get("previous")?,
        settings: row.try_get("settings")?,
        endpoints: row.try_get("endpoints")?,
        reply: name::of_column(row, "name", "reply")?,
        limits: row.try_get("limits")?,
        shared: row.try_get("shared")?,
        created: row.try_get("created")?,
    })
}
