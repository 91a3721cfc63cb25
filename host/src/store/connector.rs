//! Connectors: every version that was pushed, by digest.

use anyhow::Result;
use rusqlite::Connection;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::value::{StoredId, count_of};
use super::{AuditSubject, Store};

/// A version of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorRow {
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// Its manifest, a JSON object.
    pub manifest: String,
    /// The trusted key that signed it when it was pushed.
    pub signer: Option<String>,
    /// The component; empty in a list.
    pub component: Vec<u8>,
    /// When it was first pushed.
    pub created: String,
    /// Since when its component is gone, and only its name is left for the journal.
    pub retired: Option<String>,
    /// Bytes of its component.
    pub size: u64,
}

/// The apps and tenants that a version decides for, or that a rollback would lead back to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectorUsers {
    /// The apps that it decides for, by name.
    pub apps: Vec<String>,
    /// The tenants that it decides for alone, by id.
    pub tenants: Vec<String>,
    /// The apps whose previous version it is, by name; an app that it decides for is not among them.
    pub previous_of_apps: Vec<String>,
    /// The tenants whose own previous version it is, by id; a tenant that it decides for is not
    /// among them.
    pub previous_of_tenants: Vec<String>,
}

/// The columns of a version in a list: all but its component.
const LISTED: &str = "digest, name, version, manifest, signer, created, retired,
    length(component) AS size";

impl Store {
    /// Keeps a version; one that is there already stays as it is, but is whole again where it was
    /// retired, and has the version that it was given last.
    pub async fn put_connector(&self, connector: &ConnectorRow) -> Result<()> {
        let it = connector.clone();
        self.change(vec![AuditSubject::Connector(it.digest.clone())], |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO connector (
                            digest, name, version, manifest, signer, created, component
                         ) VALUES ($1, $2, $3, $4, $5, $6, $7)
                         ON CONFLICT (digest) DO UPDATE SET
                             version = excluded.version, component = excluded.component,
                             signer = excluded.signer, retired = NULL
                         WHERE connector.retired IS NOT NULL
                             OR connector.version <> excluded.version",
                )
                .bind(it.digest)
                .bind(it.name)
                .bind(it.version)
                .bind(it.manifest)
                .bind(it.signer)
                .bind(it.created)
                .bind(it.component)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Every version without its component, the oldest first.
    pub async fn connectors(&self) -> Result<Vec<ConnectorRow>> {
        let sql = format!("SELECT {LISTED} FROM connector ORDER BY created, digest");
        let rows = sqlx::query(AssertSqlSafe(sql));
        rows.fetch_all(&mut *self.pool.take().await?).await?.iter().map(connector).collect()
    }

    /// The version of this digest without its component, retired or not.
    pub async fn connector_row(&self, digest: &str) -> Result<Option<ConnectorRow>> {
        let sql = format!("SELECT {LISTED} FROM connector WHERE digest = $1");
        let found = sqlx::query(AssertSqlSafe(sql)).bind(digest);
        let row = found.fetch_optional(&mut *self.pool.take().await?).await?;
        row.as_ref().map(connector).transpose()
    }

    /// The versions of these digests without their components, retired or not; unknown digests are
    /// left out.
    pub async fn connector_rows(&self, digests: &[&str]) -> Result<Vec<ConnectorRow>> {
        let sql = format!(
            "SELECT {LISTED} FROM connector WHERE digest IN (SELECT value FROM json_each($1))
             ORDER BY created, digest"
        );
        let found = sqlx::query(AssertSqlSafe(sql)).bind(serde_json::to_string(digests)?);
        let rows = found.fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(connector).collect()
    }

    /// The versions of this name without their components, retired or not; oldest first.
    pub async fn connectors_named(&self, name: &str) -> Result<Vec<ConnectorRow>> {
        let sql =
            format!("SELECT {LISTED} FROM connector WHERE name = $1 ORDER BY created, digest");
        let found = sqlx::query(AssertSqlSafe(sql)).bind(name);
        let rows = found.fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(connector).collect()
    }

    /// The versions whose digest begins with this, without their components, retired or not; oldest
    /// first.
    pub async fn connectors_with_prefix(&self, prefix: &str) -> Result<Vec<ConnectorRow>> {
        let sql = format!(
            "SELECT {LISTED} FROM connector WHERE digest >= $1 AND digest < $2
             ORDER BY created, digest"
        );
        // Digests are hexadecimal: all characters in them are less than a tilde.
        let found = sqlx::query(AssertSqlSafe(sql)).bind(prefix).bind(format!("{prefix}~"));
        let rows = found.fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(connector).collect()
    }

    /// The versions without their components, retired or not; oldest first, from the one after the
    /// version of this digest.
    pub async fn connector_page(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectorRow>> {
        let after_this = match after {
            None => "$1 IS NULL",
            // Rows of connectors are never deleted.
            Some(_) => {
                "(created, digest) > (SELECT created, digest FROM connector WHERE digest = $1)"
            }
        };
        let sql = format!(
            "SELECT {LISTED} FROM connector WHERE {after_this}
             ORDER BY created, digest LIMIT $2 + 0"
        );
        let found = sqlx::query(AssertSqlSafe(sql)).bind(after).bind(limit);
        let rows = found.fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(connector).collect()
    }

    /// The apps and tenants that need this version.
    pub async fn users_of(&self, digest: &str) -> Result<ConnectorUsers> {
        let rows = sqlx::query(
            "SELECT 'app' AS kind, name, connector IS $1 AS decides
             FROM app WHERE connector = $1 OR previous = $1
             UNION ALL
             SELECT 'tenant', id, connector IS $1
             FROM tenant WHERE connector = $1 OR previous = $1
             ORDER BY kind, name",
        )
        .bind(digest)
        .fetch_all(&mut *self.pool.take().await?)
        .await?;
        let mut users = ConnectorUsers::default();
        for row in rows {
            let list = match (row.try_get("kind")?, row.try_get("decides")?) {
                ("app", true) => &mut users.apps,
                ("app", false) => &mut users.previous_of_apps,
                (_, true) => &mut users.tenants,
                (_, false) => &mut users.previous_of_tenants,
            };
            list.push(row.try_get("name")?);
        }
        Ok(users)
    }

    /// Takes a version's component away; its name, version and manifest stay for the journal. Says
    /// whether there was one.
    pub async fn retire_connector(&self, digest: &str, at: &str) -> Result<bool> {
        let (digest, at) = (digest.to_owned(), at.to_owned());
        self.change(vec![AuditSubject::Connector(digest.clone())], |connection| {
            Box::pin(async move {
                let gone = sqlx::query(
                    "UPDATE connector SET retired = $2, component = $3
                         WHERE digest = $1 AND retired IS NULL",
                );
                let gone = gone.bind(digest).bind(at).bind(Vec::new());
                Ok(gone.execute(connection).await?.rows_affected() > 0)
            })
        })
        .await
    }

    /// Some operation that this version began and that is not over, and how many there are.
    pub async fn undone_of(&self, digest: &str) -> Result<Option<(String, u64)>> {
        let digest = digest.to_owned();
        let find = move |connection: &Connection| {
            let sql = "SELECT min(id), count(*) FROM unfinished_operation WHERE connector = ?";
            connection.query_row(sql, [digest], |row| {
                let id: Option<StoredId> = row.get(0)?;
                let count = count_of(row, 1)?;
                Ok(id.map(|id| (id.0, count)))
            })
        };
        self.reader.host(find).await
    }

    /// The component of this digest, and its signer; none if it is retired.
    pub async fn component(&self, digest: &str) -> Result<Option<(Vec<u8>, Option<String>)>> {
        let found = sqlx::query(
            "SELECT component, signer FROM connector WHERE digest = $1 AND retired IS NULL",
        );
        let row = found.bind(digest).fetch_optional(&mut *self.pool.take().await?).await?;
        row.map(|row| Ok((row.try_get("component")?, row.try_get("signer")?))).transpose()
    }
}

fn connector(row: &SqliteRow) -> Result<ConnectorRow> {
    Ok(ConnectorRow {
        digest: row.try_get("digest")?,
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        manifest: row.try_get("manifest")?,
        signer: row.try_get("signer")?,
        component: Vec::new(),
        retired: row.try_get("retired")?,
        size: u64::try_from(row.try_get::<i64, _>("size")?)?,
        created: row.try_get("created")?,
    })
}
