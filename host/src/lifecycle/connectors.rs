//! Connectors of a running host: pushed, listed, promoted, rolled back.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::Instrument;

use super::Host;
use super::builds::is_build;
use super::fault::Fault;
use super::retirement::Usage;
use crate::clock::rfc3339;
use crate::connector::{Connector, LoadError, Manifest};
use crate::embedded;
use crate::scim;
use crate::store::ConnectorRow;

/// What was pushed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pushed {
    /// The sha-256 of the file, in hexadecimal.
    pub digest: String,
    /// The version that it is kept as.
    pub version: String,
    /// Whether this very file was there already.
    pub known: bool,
    /// Who vouches for it; none where the host asks for nobody.
    pub signer: Option<String>,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// A file that may be kept: loaded, and vouched for where somebody has to.
pub(super) struct Admitted {
    wasm: Vec<u8>,
    signer: Option<String>,
    pub(super) connector: Arc<Connector>,
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
    /// The tenants that it decides for alone.
    pub tenants: Vec<String>,
    /// Since when only its name is left, for the journal.
    pub retired: Option<String>,
}

/// All about one version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectorDetail {
    /// The connector's name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// The sha-256 of the file, in hexadecimal.
    pub digest: String,
    /// Who vouched for it when it was pushed: a trusted key, or muster itself.
    pub signer: Option<String>,
    /// Bytes of the file; none are left of one that is retired.
    pub size: u64,
    /// When it was pushed.
    pub created: String,
    /// Since when only its name is left, for the journal.
    pub retired: Option<String>,
    /// Where it is used.
    pub used: Usage,
    /// What it says of itself.
    pub manifest: Value,
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

impl fmt::Display for ConnectorVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl From<ConnectorRow> for ConnectorVersion {
    fn from(row: ConnectorRow) -> Self {
        Self { name: row.name, version: row.version, digest: row.digest }
    }
}

impl From<&Pushed> for ConnectorVersion {
    fn from(pushed: &Pushed) -> Self {
        let (name, version) = (pushed.manifest.name.clone(), pushed.version.clone());
        Self { name, version, digest: pushed.digest.clone() }
    }
}

impl Host {
    /// Verifies, compiles and tries a connector, and keeps it. It decides nothing until it is
    /// promoted.
    pub async fn push(&self, wasm: Vec<u8>) -> Result<Pushed, Fault> {
        let admitted = self.admitted(wasm).await?;
        // Nobody else pushes this version, or retires it, between the look and the deed.
        let _one_at_a_time = self.configuring.lock().await;
        let (digest, manifest) = (&admitted.connector.digest, &admitted.connector.manifest);
        let version = manifest.version.to_string();
        let rows = self.connector_rows().await?;
        let same = |row: &&ConnectorRow| row.name == manifest.name && row.version == version;
        for other in rows.iter().filter(same).filter(|row| row.digest != *digest) {
            if self.is_newly_signed(&admitted.wasm, &other.digest).await? {
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
        self.keep(admitted, version, &rows).await
    }

    /// A file that this host may load, and can.
    pub(super) async fn admitted(&self, wasm: Vec<u8>) -> Result<Admitted, Fault> {
        let signer = self.signer(&wasm)?;
        match self.connectors.load(&wasm).await {
            Ok(connector) => Ok(Admitted { wasm, signer, connector }),
            Err(LoadError::Accident(error)) => Err(error.into()),
            Err(error) => Err(scim::Error::new(422, error.to_string()).into()),
        }
    }

    /// Keeps it as this version, unless it is among all the rows that there are.
    pub(super) async fn keep(
        &self,
        admitted: Admitted,
        version: String,
        rows: &[ConnectorRow],
    ) -> Result<Pushed, Fault> {
        let Admitted { wasm, signer, connector } = admitted;
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
        self.remember(connector);
        Ok(Pushed { digest, version, known, signer, manifest })
    }

    /// Pushes the connectors that come with the host.
    pub async fn push_embedded(&self) -> anyhow::Result<()> {
        let retired = self.connector_rows().await?;
        let retired: Vec<&String> =
            retired.iter().filter(|row| row.retired.is_some()).map(|row| &row.digest).collect();
        for embedded in &embedded::CONNECTORS {
            if retired.contains(&&crate::connector::digest(embedded.wasm)) {
                continue; // An operator's word counts for longer than one start.
            }
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

    /// All versions, newest last; of builds, those that were not replaced.
    pub async fn connector_summaries(&self) -> anyhow::Result<Vec<ConnectorSummary>> {
        let apps = self.store.apps().await?;
        let tenants = self.store.tenants().await?;
        let mut rows = self.connector_rows().await?;
        rows.retain(|row| row.retired.is_none() || !is_build(row));
        Ok(rows
            .into_iter()
            .map(|row| ConnectorSummary {
                apps: apps
                    .iter()
                    .filter(|app| app.connector.as_ref() == Some(&row.digest))
                    .map(|app| app.name.clone())
                    .collect(),
                tenants: tenants
                    .iter()
                    .filter(|tenant| tenant.connector.as_ref() == Some(&row.digest))
                    .map(|tenant| tenant.id.clone())
                    .collect(),
                retired: row.retired,
                digest: row.digest,
                name: row.name,
                version: row.version,
                signer: row.signer,
                created: row.created,
            })
            .collect())
    }

    /// All about a version, retired or not.
    pub async fn connector_detail(&self, reference: &str) -> Result<ConnectorDetail, Fault> {
        let row = newest(reference, self.connector_rows().await?)?;
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

    /// Every version by its digest, retired or not, as people name it.
    pub async fn versions(&self) -> anyhow::Result<HashMap<String, ConnectorVersion>> {
        let rows = self.connector_rows().await?.into_iter();
        Ok(rows.map(|row| (row.digest.clone(), row.into())).collect())
    }

    pub(super) async fn version(&self, digest: &str) -> anyhow::Result<ConnectorVersion> {
        let version = self.versions().await?.remove(digest);
        version.with_context(|| format!("no connector has the digest {digest}"))
    }

    /// The same where nobody may be named, or somebody whom nobody knows any more.
    pub(super) async fn version_of(
        &self,
        digest: Option<&str>,
    ) -> anyhow::Result<Option<ConnectorVersion>> {
        let Some(digest) = digest else { return Ok(None) };
        Ok(self.versions().await?.remove(digest))
    }

    /// Finds a version by digest (or its beginning), `name@version`, or name: the newest version
    /// that is not retired.
    pub(super) async fn digest_of(&self, reference: &str) -> Result<String, Fault> {
        let mut rows = self.connector_rows().await?;
        if rows.iter().any(|row| refers(reference, row) && row.retired.is_none()) {
            rows.retain(|row| row.retired.is_none());
        }
        let row = newest(reference, rows)?;
        match row.retired {
            None => Ok(row.digest),
            Some(since) => Err(scim::Error::new(
                409,
                format!(
                    "{} {} was retired at {since}; push its file again to take it back",
                    row.name, row.version
                ),
            )
            .into()),
        }
    }

    /// A version that somebody asks for: if it cannot be loaded, that is the answer.
    pub(super) async fn loadable(&self, digest: &str) -> Result<Arc<Connector>, Fault> {
        let ready = self.connector(digest).await;
        ready.map_err(|error| scim::Error::new(409, format!("{error:#}")).into())
    }

    /// Finds the one version that is meant: a name alone does where there is only one.
    pub(super) async fn exact(&self, reference: &str) -> Result<ConnectorRow, Fault> {
        let mut rows = self.connector_rows().await?;
        rows.retain(|row| refers(reference, row));
        if rows.len() > 1 {
            let versions: Vec<&str> = rows.iter().map(|row| row.version.as_str()).collect();
            let why = format!(
                "{reference} has the versions {}; say which, such as {}@{}, or by its digest",
                versions.join(", "),
                rows[0].name,
                rows[0].version
            );
            return Err(scim::Error::new(422, why).into());
        }
        Ok(newest(reference, rows)?)
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

    pub(super) async fn connector_rows(&self) -> anyhow::Result<Vec<ConnectorRow>> {
        self.store.connectors().await
    }
}

/// The newest version that this refers to.
fn newest(reference: &str, rows: Vec<ConnectorRow>) -> Result<ConnectorRow, scim::Error> {
    let found = rows.into_iter().filter(|row| refers(reference, row));
    // Of two that differ in their build alone, the one that was pushed later.
    let found = found.max_by(|a, b| match (semver(a), semver(b)) {
        (Some(a), Some(b)) => a.cmp_precedence(&b),
        (a, b) => a.cmp(&b),
    });
    found.ok_or_else(|| {
        scim::Error::new(
            404,
            format!("no connector {reference}; `muster connector list` shows those there are"),
        )
    })
}

fn semver(row: &ConnectorRow) -> Option<semver::Version> {
    row.version.parse().ok()
}

fn refers(reference: &str, row: &ConnectorRow) -> bool {
    match reference.split_once('@') {
        Some((name, version)) => row.name == name && row.version == version,
        None => row.name == reference || reference.len() >= 8 && row.digest.starts_with(reference),
    }
}
