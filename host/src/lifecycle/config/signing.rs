//! Trust in connectors: which signer a file has, and whether it may be loaded.
//!
//! Without trusted keys, any connector is loaded. With them, a connector must carry a signature of
//! a trusted key or come with the host. Keys are checked whenever a file is loaded: when a key is
//! taken away, connectors that only this key signed are not loaded any more.

use super::connector_library::ConnectorLibrary;
use crate::connector::{Untrusted, equal_but_for_signatures};
use crate::embedded;
use crate::lifecycle::error::Error;
use crate::scim;

/// The signer of the connectors that come with the host.
const HOST_SIGNER: &str = "muster";

impl ConnectorLibrary {
    /// The signer of a file: a trusted key's name and fingerprint, or the host itself. None if no
    /// keys are configured; 403 if keys are configured and none of them has signed the file.
    pub(in crate::lifecycle) fn signer(&self, wasm: &[u8]) -> Result<Option<String>, Error> {
        if embedded::CONNECTORS.iter().any(|connector| connector.wasm == wasm) {
            return Ok(Some(HOST_SIGNER.to_owned()));
        }
        let signer = self.trusted_signer(wasm);
        signer
            .map_err(|why| scim::Error::new(403, format!("the connector is refused: {why}")).into())
    }

    /// Checks whether a stored file may still be loaded.
    ///
    /// A connector that came with an earlier release of muster is recognised by its stored signer.
    pub(super) fn still_trusted(&self, wasm: &[u8], signer: Option<&str>) -> Result<(), Untrusted> {
        if signer == Some(HOST_SIGNER) {
            return Ok(());
        }
        self.trusted_signer(wasm).map(drop)
    }

    /// Whether a file differs from one that was pushed before in its signatures only.
    pub(in crate::lifecycle) async fn is_newly_signed(
        &self,
        wasm: &[u8],
        before: &str,
    ) -> anyhow::Result<bool> {
        let kept = self.store.component(before).await?;
        Ok(kept.is_some_and(|(kept, _)| equal_but_for_signatures(wasm, &kept)))
    }

    fn trusted_signer(&self, wasm: &[u8]) -> Result<Option<String>, Untrusted> {
        let keys = &self.trusted_keys;
        if keys.is_empty() {
            return Ok(None);
        }
        keys.signer(wasm).map(|key| Some(key.to_string()))
    }
}
