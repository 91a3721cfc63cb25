//! The manifest of a backup: what made it, when, and what the other files must be.

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::archive::Parts;
use crate::clock::rfc3339;

/// The format that this muster writes, and the newest that it reads.
const FORMAT: u64 = 1;

/// `manifest.json` of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The number of the format.
    format: u64,
    /// The version of muster that made it.
    pub(crate) muster: String,
    /// The number of the database's schema.
    pub(crate) schema: i64,
    /// When it was taken, in RFC 3339: what was acknowledged before is in it.
    pub(crate) taken: String,
    /// Tenants.
    pub(crate) tenants: u64,
    /// Users, groups and other resources.
    pub(crate) resources: u64,
    /// Operations in the journal.
    pub(crate) operations: u64,
    /// Operations that were open.
    pub(crate) open_operations: u64,
    /// The file `muster.db`.
    pub(crate) database: FileDigest,
    /// The file `host.key`.
    pub(crate) host_key: FileDigest,
}

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileDigest {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl FileDigest {
    /// Fails if the file is another one.
    pub(super) fn check(&self, name: &str, found: &Self) -> Result<()> {
        ensure!(
            found.bytes >= self.bytes,
            "the backup is cut off: {name} has {} of {} bytes",
            found.bytes,
            self.bytes
        );
        ensure!(found == self, "the backup is damaged: {name} is not what was written");
        Ok(())
    }
}

impl Manifest {
    /// The manifest of a backup that this muster makes now.
    pub(super) fn new(parts: &Parts<'_>, database: FileDigest, host_key: FileDigest) -> Self {
        let Parts { taken, summary, .. } = parts;
        Self {
            format: FORMAT,
            muster: env!("CARGO_PKG_VERSION").to_owned(),
            schema: summary.schema,
            taken: rfc3339(*taken),
            tenants: summary.tenants,
            resources: summary.resources,
            operations: summary.operations,
            open_operations: summary.open_operations,
            database,
            host_key,
        }
    }

    /// Reads a manifest. Fails if a newer muster has written it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = "the backup is damaged: its manifest cannot be read";
        let value: Value = serde_json::from_slice(bytes).context(damaged)?;
        let format = value["format"].as_u64().context(damaged)?;
        if format > FORMAT {
            let version = value["muster"].as_str().unwrap_or("unknown");
            bail!(
                "the backup was made by a newer muster, {version}: its format is {format}, and this muster \
                 reads formats up to {FORMAT}"
            );
        }
        serde_json::from_value(value).context(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_a_newer_muster_is_refused_in_words() {
        let newer = br#"{ "format": 2, "muster": "9.1.0", "something": "else" }"#;
        let error = Manifest::parse(newer).unwrap_err().to_string();
        assert!(error.contains("a newer muster, 9.1.0"), "{error}");
        for damaged in [&b"{}"[..], b"", br#"{ "format": 1 }"#] {
            let error = Manifest::parse(damaged).unwrap_err().to_string();
            assert!(error.contains("damaged"), "{error}");
        }
    }
}
