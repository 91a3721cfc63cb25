//! Connectors: every version that was pushed, by digest.

use anyhow::Result;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Store;

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
    /// Who vouched for it when it was pushed.
    pub signer: Option<String>,
    /// The component; empty in a list.
    pub component: Vec<u8>,
    /// When it was first pushed.
    pub created: String,
}

impl Store {
    /// Keeps a version; one that is there already stays as it is.
    pub async fn put_connector(&self, connector: &ConnectorRow) -> Result<()> {
        let it = connector.clone();
        self.writer
            .run(|connection| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO connector (
                            digest, name, version, manifest, signer, created, component
                         ) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING",
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
        let rows = sqlx::query(
            "SELECT digest, name, version, manifest, signer, created FROM connector
             ORDER BY created, digest",
        );
        rows.fetch_all(&mut *self.pool.take().await?).await?.iter().map(connector).collect()
    }

    /// The component of this digest, and who vouched for it.
    pub async fn component(&self, digest: &str) -> Result<Option<(Vec<u8>, Option<String>)>> {
        let found = sqlx::query("SELECT component, signer FROM connector WHERE digest = $1");
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
        created: row.try_get("created")?,
    })
}
