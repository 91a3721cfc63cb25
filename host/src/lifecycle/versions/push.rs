//! Pushes of connectors, and lists of the versions that a host has.
//!
//! A push checks the signature, compiles the component and reads its manifest, before the file is
//! stored as a version. A version is immutable, since the journal names it: another file of the
//! same name and version is refused, unless it differs only in its signatures.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::Instrument;
use utoipa::ToSchema;

use super::Versions;
use super::dev_builds::is_dev_build;
use super::retirement::Usage;
use crate::clock::rfc3339;
use crate::connector::{Connector, LoadError, Manifest};
use crate::embedded;
use crate::lifecycle::config::ConnectorVersion;
use crate::lifecycle::config::connector_reference::newest;
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::ConnectorRow;

/// How many rows are read at once to find summaries.
const SUMMARIES_READ: u32 = 200;

/// The result of a push.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PushedConnector)]
pub struct Pushed {
    /// The sha-256 of the file, in hexadecimal.
    pub digest: String,
    /// The version that it is stored as.
    pub version: String,
    /// Whether the same file was stored already.
    pub known: bool,
    /// The signer: a trusted key, or muster itself. None if the host has no trusted keys.
    pub signer: Option<String>,
    /// The manifest of the connector.
    pub manifest: Manifest,
}

/// A file that may be stored: its signature is checked, and it is loaded.
pub(super) struct VerifiedConnector {
    wasm: Vec<u8>,
    signer: Option<String>,
    pub(super) connector: Arc<Connector>,
}

/// One connector version in a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ConnectorSummary {
    /// The sha-256 of the file, in hexadecimal.
    pub digest: String,
    /// The connector's name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// The signer when it was pushed: a trusted key, or muster itself.
    pub signer: Option<String>,
    /// When it was pushed.
    pub created: String,
    /// The apps that it decides for.
    pub apps: Vec<String>,
    /// The tenants that have it as a version of their own.
    pub tenants: Vec<String>,
    /// When it was retired.
    pub retired: Option<String>,
}

/// The details of one version.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConnectorDetail {
    /// The connector's name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// The sha-256 of the file, in hexadecimal.
    pub digest: String,
    /// The signer when it was pushed: a trusted key, or muster itself.
    pub signer: Option<String>,
    /// The bytes of the file; 0 if it is retired.
    pub size: u64,
    /// When it was pushed.
    pub created: String,
    /// When it was retired.
    pub retired: Option<String>,
    /// Where it is used.
    pub used: Usage,
    /// Its manifest.
    #[schema(value_type = Manifest)]
    pub manifest: Value,
}

impl From<&Pushed> for ConnectorVersion {
    fn from(pushed: &Pushed) -> Self {
        let (name, version) = (pushed.manifest.name.clone(), pushed.version.clone());
        Self { name, version, digest: pushed.digest.clone() }
    }
}

impl Versions {
    /// Verifies, compiles and stores a connector. It decides nothing until it is promoted.
    pub async fn push(&self, wasm: Vec<u8>) -> Result<Pushed, Error> {
        let verified = self.verify(wasm).await?;
        // No other push or retirement of this version may come between the check and the write.
        let _one_at_a_time = self.config.lock().await;
        let (digest, manifest) = (&verified.connector.digest, &verified.connector.manifest);
        let version = manifest.version.to_string();
        let rows = self.config.connectors().rows().await?;
        let same = |row: &&ConnectorRow| row.name == manifest.name && row.version == version;
        for other in rows.iter().filter(same).filter(|row| row.digest != *digest) {
            if self.config.connectors().is_newly_signed(&verified.wasm, &other.digest).await? {
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
        self.keep(verified, version, &rows).await
    }

    /// Checks a file's signature, and loads it.
    pub(super) async fn verify(&self, wasm: Vec<u8>) -> Result<VerifiedConnector, Error> {
        let signer = self.config.connectors().signer(&wasm)?;
        match self.config.connectors().of_file(&wasm).await {
            Ok(connector) => Ok(VerifiedConnector { wasm, signer, connector }),
            Err(LoadError::Internal(error)) => Err(error.into()),
            Err(error) => Err(scim::Error::new(422, error.to_string()).into()),
        }
    }

    /// Stores a connector as this version, unless it is among the rows, which are all that exist.
    pub(super) async fn keep(
        &self,
        verified: VerifiedConnector,
        version: String,
        rows: &[ConnectorRow],
    ) -> Result<Pushed, Error> {
        let VerifiedConnector { wasm, signer, connector } = verified;
        let (digest, manifest) = (connector.digest.clone(), connector.manifest.clone());
        let same = |row: &ConnectorRow| row.digest == digest && row.version == version;
        let known = rows.iter().any(|row| same(row) && row.retired.is_none());
        if !known {
            self.store
                .put_connector(&ConnectorRow {
                    digest: digest.clone(),
                    name: manifest.name.clone(),
                    version: version.clone(),
                    manifest: serde_json::to_string(&manifest)?,
                    signer: signer.clone(),
                    component: wasm,
                    created: rfc3339(self.clock.now()),
                    retired: None,
                    size: 0,
                })
                .await?;
        }
        self.config.connectors().remember(connector);
        Ok(Pushed { digest, version, known, signer, manifest })
    }

    /// Pushes the connectors that come with the host.
    pub async fn push_embedded(&self) -> anyhow::Result<()> {
        let retired = self.config.connectors().rows().await?;
        let retired: Vec<&String> =
            retired.iter().filter(|row| row.retired.is_some()).map(|row| &row.digest).collect();
        for embedded in &embedded::CONNECTORS {
            if retired.contains(&&crate::connector::digest(embedded.wasm)) {
                continue; // An operator's decision outlasts a restart.
            }
            let span = tracing::info_span!("push", embedded = embedded.name);
            match self.push(embedded.wasm.to_vec()).instrument(span).await {
                Ok(_) => {}
                // Another build of the same version was pushed before; it stays.
                Err(Error::Client(error)) if error.status == 409 => {
                    let (embedded, reason) = (embedded.name, error.detail);
                    tracing::warn!(embedded, reason, "versions: an embedded connector was kept");
                }
                Err(Error::Client(error)) => anyhow::bail!("{}: {}", embedded.name, error.detail),
                Err(Error::Internal(error)) => return Err(error.context(embedded.name)),
            }
        }
        Ok(())
    }

    /// All versions, newest last, without retired builds.
    pub async fn connector_summaries(&self) -> anyhow::Result<Vec<ConnectorSummary>> {
        self.summaries(|_| true, None, usize::MAX).await
    }

    /// At most so many of these versions, the oldest first, from the one after the version of this
    /// digest; development builds that were replaced are left out.
    pub async fn summaries(
        &self,
        wanted: impl Fn(&ConnectorRow) -> bool,
        mut after: Option<String>,
        limit: usize,
    ) -> anyhow::Result<Vec<ConnectorSummary>> {
        let mut found = Vec::new();
        loop {
            let rows = self.store.connector_page(after.as_deref(), SUMMARIES_READ).await?;
            let Some(last) = rows.last() else { return Ok(found) };
            after = Some(last.digest.clone());
            for row in rows {
                if found.len() == limit {
                    return Ok(found);
                }
                if wanted(&row) && (row.retired.is_none() || !is_dev_build(&row)) {
                    found.push(self.summary(row).await?);
                }
            }
        }
    }

    async fn summary(&self, row: ConnectorRow) -> anyhow::Result<ConnectorSummary> {
        let users = self.store.users_of(&row.digest).await?;
        Ok(ConnectorSummary {
            apps: users.apps,
            tenants: users.tenants,
            retired: row.retired,
            digest: row.digest,
            name: row.name,
            version: row.version,
            signer: row.signer,
            created: row.created,
        })
    }

    /// All versions by digest, including retired ones.
    pub async fn by_digest(&self) -> anyhow::Result<HashMap<String, ConnectorVersion>> {
        self.config.connectors().versions().await
    }

    /// The details of a version, retired or not.
    pub async fn connector_detail(&self, reference: &str) -> Result<ConnectorDetail, Error> {
        let row = newest(reference, self.config.connectors().rows().await?)?;
        Ok(ConnectorDetail {
            used: self.usage(&row.digest).await?,
            manifest: serde_json::from_str(&row.manifest)?,
            name: row.name,
            version: row.version,
            digest: row.digest,
            signer: row.signer,
            size: row.size,
            created: row.created,
            retired: row.retired,
        })
    }
}
