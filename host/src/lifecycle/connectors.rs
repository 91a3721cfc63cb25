//! Connectors of a running host: pushed, listed, promoted, rolled back.

use std::sync::{Arc, PoisonError};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use super::Host;
use super::fault::Fault;
use crate::clock::rfc3339;
use crate::connector::{Connector, Manifest};
use crate::embedded;
use crate::scim;
use crate::store::ConnectorRow;

/// What was pushed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pushed {
    /// The sha-256 of the file, in hexadecimal.
    pub digest: String,
    /// Whether this very file was there already.
    pub known: bool,
    /// Who vouches for it; none where the host asks for nobody.
    pub signer: Option<String>,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// One connector version.
#[derive(Debug, Serialize, Deserialize)]
pub struct ConnectorSummary {
    /// The sha-256 of the file, in hexadecimal.
    pub digest: String,
    /// The connector's name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// Who vouched for it when it was pushed: a trusted key, or muster itself.
    pub signer: Option<String>,
    /// When it was pushed.
    pub created: String,
    /// The apps that it decides for.
    pub apps: Vec<String>,
}

/// A version, as people name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorVersion {
    /// The connector's name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// The sha-256 of the file, in hexadecimal.
    pub digest: String,
}

impl ConnectorVersion {
    pub(super) fn of(connector: &Connector) -> Self {
        Self {
            name: connector.manifest.name.clone(),
            version: connector.manifest.version.to_string(),
            digest: connector.digest.clone(),
        }
    }
}

impl Host {
    /// Verifies, compiles and tries a connector, and keeps it. It decides nothing until it is
    /// promoted.
    pub async fn push(&self, wasm: Vec<u8>) -> Result<Pushed, Fault> {
        let signer = self.signer(&wasm)?;
        let connector = match self.connectors.load(&wasm).await {
            Ok(connector) => connector,
            Err(error) => return Err(scim::Error::new(422, error.to_string()).into()),
        };
        let known = self.connector_rows().await?;
        let manifest = connector.manifest.clone();
        let same = |row: &&ConnectorRow| {
            row.name == manifest.name && row.version == manifest.version.to_string()
        };
        for other in known.iter().filter(same).filter(|row| row.digest != connector.digest) {
            if self.is_newly_signed(&wasm, &other.digest).await? {
                continue;
            }
            // Versions are immutable: the journal names them.
            return Err(scim::Error::new(
                409,
                format!(
                    "{} {} was pushed before with other content ({}); give this one a new version",
                    other.name, other.version, other.digest
                ),
            )
            .into());
        }
        let digest = connector.digest.clone();
        let known = known.iter().any(|row| row.digest == digest);
        if !known {
            self.store
                .put_connector(&ConnectorRow {
                    digest: digest.clone(),
                    name: manifest.name.clone(),
                    version: manifest.version.to_string(),
                    manifest: serde_json::to_string(&manifest)?,
                    signer: signer.clone(),
                    component: wasm,
                    created: rfc3339(self.clock.now()),
                })
                .await?;
        }
        self.remember(connector);
        Ok(Pushed { digest, known, signer, manifest })
    }

    /// Pushes the connectors that come with the host.
    pub async fn push_embedded(&self) -> anyhow::Result<()> {
        for embedded in &embedded::CONNECTORS {
            let span = tracing::info_span!("embedded", connector = embedded.name);
            match self.push(embedded.wasm.to_vec()).instrument(span).await {
                Ok(_) => {}
                // Another build of the same version was promoted before; it stays.
                Err(Fault::Answer(error)) if error.status == 409 => {
                    tracing::warn!(connector = embedded.name, "{}", error.detail);
                }
                Err(Fault::Answer(error)) => anyhow::bail!("{}: {}", embedded.name, error.detail),
                Err(Fault::Accident(error)) => return Err(error.context(embedded.name)),
            }
        }
        Ok(())
    }

    /// All versions, newest last.
    pub async fn connector_summaries(&self) -> anyhow::Result<Vec<ConnectorSummary>> {
        let apps = self.store.apps().await?;
        let rows = self.connector_rows().await?;
        Ok(rows
            .into_iter()
            .map(|row| ConnectorSummary {
                apps: apps
                    .iter()
                    .filter(|app| app.connector.as_ref() == Some(&row.digest))
                    .map(|app| app.name.clone())
                    .collect(),
                digest: row.digest,
                name: row.name,
                version: row.version,
                signer: row.signer,
                created: row.created,
            })
            .collect())
    }

    /// The manifest of a version.
    pub async fn manifest(&self, reference: &str) -> Result<Manifest, Fault> {
        let digest = self.digest_of(reference).await?;
        Ok(self.loadable(&digest).await?.manifest.clone())
    }

    /// Finds a version by digest (or its beginning), `name@version`, or name: the newest version.
    pub(super) async fn digest_of(&self, reference: &str) -> Result<String, Fault> {
        let rows = self.connector_rows().await?;
        let mut found: Vec<&ConnectorRow> =
            rows.iter().filter(|row| refers(reference, row)).collect();
        found.sort_by_key(|row| row.version.parse::<semver::Version>().ok());
        match found.last() {
            Some(row) => Ok(row.digest.clone()),
            None => Err(scim::Error::new(
                404,
                format!("no connector {reference}; `muster connector list` shows those there are"),
            )
            .into()),
        }
    }

    /// A version that somebody asks for: if it cannot be loaded, that is the answer.
    pub(super) async fn loadable(&self, digest: &str) -> Result<Arc<Connector>, Fault> {
        let ready = self.connector(digest).await;
        ready.map_err(|error| scim::Error::new(409, format!("{error:#}")).into())
    }

    /// A version, ready to decide.
    pub(super) async fn connector(&self, digest: &str) -> anyhow::Result<Arc<Connector>> {
        let loaded =
            self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
        if let Some(connector) = loaded {
            return Ok(connector);
        }
        let kept = self.store.component(digest).await?;
        let (wasm, signer) =
            kept.with_context(|| format!("no connector has the digest {digest}"))?;
        self.still_trusted(&wasm, signer.as_deref())
            .map_err(|why| anyhow::anyhow!("connector {digest} is refused: {why}"))?;
        let connector = self
            .connectors
            .load(&wasm)
            .await
            .map_err(|error| anyhow::anyhow!("connector {digest}: {error}"))?;
        self.remember(Arc::clone(&connector));
        Ok(connector)
    }

    fn remember(&self, connector: Arc<Connector>) {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.insert(connector.digest.clone(), connector);
    }

    async fn connector_rows(&self) -> anyhow::Result<Vec<ConnectorRow>> {
        self.store.connectors().await
    }
}

fn refers(reference: &str, row: &ConnectorRow) -> bool {
    match reference.split_once('@') {
        Some((name, version)) => row.name == name && row.version == version,
        None => row.name == reference || reference.len() >= 8 && row.digest.starts_with(reference),
    }
}
