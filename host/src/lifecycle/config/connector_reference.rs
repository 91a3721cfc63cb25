//! References to connector versions: a digest or its beginning, `name@version`, or a name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::connector_library::ConnectorLibrary;
use crate::connector::Connector;
use crate::embedded;
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::ConnectorRow;

/// A connector version, displayed as `name@version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl ConnectorLibrary {
    /// All versions by digest, including retired ones.
    pub(in crate::lifecycle) async fn versions(
        &self,
    ) -> anyhow::Result<HashMap<String, ConnectorVersion>> {
        let rows = self.rows().await?.into_iter();
        Ok(rows.map(|row| (row.digest.clone(), row.into())).collect())
    }

    pub(in crate::lifecycle) async fn version(
        &self,
        digest: &str,
    ) -> anyhow::Result<ConnectorVersion> {
        let version = self.versions().await?.remove(digest);
        version.with_context(|| format!("no connector has the digest {digest}"))
    }

    /// The version of this digest; none if there is no digest or no such version.
    pub(in crate::lifecycle) async fn version_of(
        &self,
        digest: Option<&str>,
    ) -> anyhow::Result<Option<ConnectorVersion>> {
        let Some(digest) = digest else { return Ok(None) };
        Ok(self.versions().await?.remove(digest))
    }

    /// Resolves a reference to the newest matching version that is not retired.
    pub(in crate::lifecycle) async fn digest_of(&self, reference: &str) -> Result<String, Error> {
        let mut rows = self.rows().await?;
        if rows.iter().any(|row| matches_reference(reference, row) && row.retired.is_none()) {
            rows.retain(|row| row.retired.is_none());
        }
        let row = newest(reference, rows)?;
        match row.retired {
            None => Ok(row.digest),
            Some(ref since) => Err(retired(&row, since).into()),
        }
    }

    /// Loads a version that a request names; 409 if it cannot be loaded.
    pub(in crate::lifecycle) async fn loadable(
        &self,
        digest: &str,
    ) -> Result<Arc<Connector>, Error> {
        let ready = self.connector(digest).await;
        ready.map_err(|error| scim::Error::new(409, format!("{error:#}")).into())
    }

    /// Resolves a reference that must match one version only; 422 if a name has several.
    pub(in crate::lifecycle) async fn exact(&self, reference: &str) -> Result<ConnectorRow, Error> {
        let mut rows = self.rows().await?;
        rows.retain(|row| matches_reference(reference, row));
        if rows.len() > 1 {
            let versions: Vec<&str> = rows.iter().map(|row| row.version.as_str()).collect();
            let why = format!(
                "{reference} has the versions {}; name one of them, such as {}@{}, or its digest",
                versions.join(", "),
                rows[0].name,
                rows[0].version
            );
            return Err(scim::Error::new(422, why).into());
        }
        Ok(newest(reference, rows)?)
    }
}

/// The answer about a version that was retired: how to take it back.
pub(in crate::lifecycle) fn retired(row: &ConnectorRow, since: &str) -> scim::Error {
    let ConnectorRow { name, version, digest, .. } = row;
    let way = match embedded_of(digest) {
        Some(_) => format!(
            "it comes with muster, and `muster connector restore {name}@{version}` takes it back"
        ),
        None => "push its file again to take it back".to_owned(),
    };
    scim::Error::new(409, format!("{name} {version} was retired at {since}; {way}"))
}

/// The file of this digest, if it comes with the host.
pub(in crate::lifecycle) fn embedded_of(digest: &str) -> Option<&'static [u8]> {
    let mut files = embedded::CONNECTORS.iter().map(|embedded| embedded.wasm);
    files.find(|wasm| crate::connector::digest(wasm) == digest)
}

/// The newest version that matches a reference.
pub(in crate::lifecycle) fn newest(
    reference: &str,
    rows: Vec<ConnectorRow>,
) -> Result<ConnectorRow, scim::Error> {
    let found = rows.into_iter().filter(|row| matches_reference(reference, row));
    // Of versions that differ only in build metadata, the one that was pushed last.
    let found = found.max_by(|a, b| match (semver(a), semver(b)) {
        (Some(a), Some(b)) => a.cmp_precedence(&b),
        (a, b) => a.cmp(&b),
    });
    found.ok_or_else(|| {
        scim::Error::new(
            404,
            format!("no connector {reference}; `muster connector list` shows all connectors"),
        )
    })
}

fn semver(row: &ConnectorRow) -> Option<semver::Version> {
    row.version.parse().ok()
}

fn matches_reference(reference: &str, row: &ConnectorRow) -> bool {
    match reference.split_once('@') {
        Some((name, version)) => row.name == name && row.version == version,
        None => row.name == reference || reference.len() >= 8 && row.digest.starts_with(reference),
    }
}
