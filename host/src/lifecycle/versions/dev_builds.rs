//! Dev builds: connector versions that are loaded from a watched folder.
//!
//! Versions are immutable, and an author changes the version once for many builds. So each build is
//! stored as a version of its own, such as `0.1.0+dev.1a2b3c4d`. It has the same precedence as
//! `0.1.0` (semver §10), and does not prevent that another file is pushed as `0.1.0` later. A build
//! is retired when a newer one has replaced it and it is not in use.

use semver::Version;

use super::Versions;
use super::promotion::{Promoted, Promotion};
use super::push::Pushed;
use crate::lifecycle::error::Error;
use crate::store::ConnectorRow;

/// Digits of a digest in the name of a build.
const DIGITS: usize = 8;

impl Versions {
    /// Pushes a build. A file that is stored already, for example as a release, keeps its version.
    pub async fn push_build(&self, wasm: Vec<u8>) -> Result<Pushed, Error> {
        let verified = self.verify(wasm).await?;
        let _one_at_a_time = self.config.lock().await;
        let rows = self.config.connectors().rows().await?;
        let digest = &verified.connector.digest;
        let known = rows.iter().find(|row| row.digest == *digest).map(|row| row.version.clone());
        let version = &verified.connector.manifest.version;
        let version = known.unwrap_or_else(|| name(version, digest));
        self.keep(verified, version, &rows).await
    }

    /// Promotes a build for each app that another version of its connector decides for, even if it
    /// asks for more. Returns the apps with the results.
    pub async fn promote_build(
        &self,
        build: &Pushed,
    ) -> Result<Vec<(String, Result<Promoted, Error>)>, Error> {
        let mut versions = self.connector_summaries().await?;
        versions.retain(|it| it.name == build.manifest.name && it.digest != build.digest);
        let promotion =
            Promotion { connector: build.digest.clone(), accept: true, ..Promotion::default() };
        let mut promoted = Vec::new();
        for app in versions.into_iter().flat_map(|version| version.apps) {
            let came = self.promote(&app, &promotion).await;
            promoted.push((app, came));
        }
        Ok(promoted)
    }

    /// Retires the builds that this one has replaced. Builds that are in use, for a rollback or by
    /// a pending operation, are retired after a later build.
    pub async fn retire_builds_before(&self, build: &Pushed) -> Result<(), Error> {
        for row in self.config.connectors().rows().await? {
            let replaced = row.name == build.manifest.name && row.digest != build.digest;
            if !replaced || row.retired.is_some() || !is_dev_build(&row) {
                continue;
            }
            match self.retire(&row.digest).await {
                Ok(_) => {}
                Err(Error::Client(error)) => {
                    let (version, reason) = (row.version, error.detail);
                    tracing::debug!(version, reason, "versions: a dev build is still in use");
                }
                Err(error @ Error::Internal(_)) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether a version is a build.
pub(super) fn is_dev_build(row: &ConnectorRow) -> bool {
    row.digest.get(..DIGITS).is_some_and(|it| row.version.ends_with(&format!("dev.{it}")))
}

/// The version under which a build is stored.
fn name(version: &Version, digest: &str) -> String {
    let joint = if version.build.is_empty() { '+' } else { '.' };
    format!("{version}{joint}dev.{}", digest.get(..DIGITS).unwrap_or(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, named: &str) {
        let version: Version = version.parse().unwrap();
        let name = name(&version, "1a2b3c4d5e6f");
        assert_eq!(name, named);
        let name: Version = name.parse().unwrap();
        assert!(name.cmp_precedence(&version).is_eq(), "{name} is neither newer nor older");
    }

    #[test]
    fn a_build_has_a_version_of_its_own_and_no_other_precedence() {
        check("0.1.0", "0.1.0+dev.1a2b3c4d");
        check("2.0.0-rc.1", "2.0.0-rc.1+dev.1a2b3c4d");
        check("1.0.0+linux", "1.0.0+linux.dev.1a2b3c4d");
    }
}
