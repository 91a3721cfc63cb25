//! Whose connectors are loaded: anybody's, or those alone that trusted keys signed.

use super::connector_library::ConnectorLibrary;
use crate::connector::{Untrusted, differ_in_signatures_alone};
use crate::embedded;
use crate::lifecycle::error::Error;
use crate::scim;

/// Who vouches for what comes with the host.
const HOST_SIGNER: &str = "muster";

impl ConnectorLibrary {
    /// Who vouches for a file: a trusted key's name and fingerprint, or the host itself. None where
    /// no keys are configured and nobody needs to; a refusal where somebody needs to and none does.
    pub(in crate::lifecycle) fn signer(&self, wasm: &[u8]) -> Result<Option<String>, Error> {
        if embedded::CONNECTORS.iter().any(|connector| connector.wasm == wasm) {
            return Ok(Some(HOST_SIGNER.to_owned()));
        }
        let signer = self.trusted_signer(wasm);
        signer
            .map_err(|why| scim::Error::new(403, format!("the connector is refused: {why}")).into())
    }

    /// Whether a file that was kept earlier may still be loaded: keys come and go.
    ///
    /// What came with an earlier muster came with this host, and is told by its row.
    pub(super) fn still_trusted(&self, wasm: &[u8], signer: Option<&str>) -> Result<(), Untrusted> {
        if signer == Some(HOST_SIGNER) {
            return Ok(());
        }
        self.trusted_signer(wasm).map(drop)
    }

    /// Whether a file is one that was pushed before, and somebody has signed it since.
    pub(in crate::lifecycle) async fn is_newly_signed(
        &self,
        wasm: &[u8],
        before: &str,
    ) -> anyhow::Result<bool> {
        let kept = self.store.component(before).await?;
        Ok(kept.is_some_and(|(kept, _)| differ_in_signatures_alone(wasm, &kept)))
    }

    fn trusted_signer(&self, wasm: &[u8]) -> Result<Option<String>, Untrusted> {
        let keys = &self.trusted_keys;
        if keys.is_empty() {
            return Ok(None);
        }
        keys.signer(wasm).map(|key| Some(key.to_string()))
    }
}
