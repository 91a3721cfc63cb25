//! The connectors that a host has in memory, ready to decide.
//!
//! A version is loaded from its file in the store when it is first needed, and stays until it is
//! retired. Each load checks whether the file's signature is trusted.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;

use crate::connector::{self, Connector, Keyring, LoadError, Runtime};
use crate::store::{ConnectorRow, Store};

/// The loaded connectors and the runtime that they decide in.
pub(in crate::lifecycle) struct ConnectorLibrary {
    pub(super) runtime: Arc<Runtime>,
    pub(super) store: Store,
    pub(super) trusted_keys: Keyring,
    loaded: RwLock<HashMap<String, Arc<Connector>>>,
}

impl fmt::Debug for ConnectorLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorLibrary").finish_non_exhaustive()
    }
}

impl ConnectorLibrary {
    pub(super) fn new(runtime: Arc<Runtime>, store: Store, trusted_keys: Keyring) -> Self {
        Self { runtime, store, trusted_keys, loaded: RwLock::default() }
    }

    /// The runtime in which connectors decide.
    pub(in crate::lifecycle) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The connector of this digest, loaded if it is not in memory.
    pub(in crate::lifecycle) async fn connector(
        &self,
        digest: &str,
    ) -> anyhow::Result<Arc<Connector>> {
        if let Some(connector) = self.loaded(digest) {
            return Ok(connector);
        }
        let kept = self.store.component(digest).await?;
        let (wasm, signer) =
            kept.with_context(|| format!("no connector has the digest {digest}"))?;
        self.still_trusted(&wasm, signer.as_deref())
            .map_err(|why| anyhow::anyhow!("connector {digest} is refused: {why}"))?;
        let connector = self
            .runtime
            .load(&wasm)
            .await
            .map_err(|error| anyhow::anyhow!("connector {digest}: {error}"))?;
        self.remember(Arc::clone(&connector));
        Ok(connector)
    }

    /// The connector of a file, loaded if it is not in memory: its machine code takes a megabyte or more.
    pub(in crate::lifecycle) async fn of_file(
        &self,
        wasm: &[u8],
    ) -> Result<Arc<Connector>, LoadError> {
        match self.loaded(&connector::digest(wasm)) {
            Some(connector) => Ok(connector),
            None => self.runtime.load(wasm).await,
        }
    }

    fn loaded(&self, digest: &str) -> Option<Arc<Connector>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    pub(in crate::lifecycle) fn remember(&self, connector: Arc<Connector>) {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.insert(connector.digest.clone(), connector);
    }

    pub(in crate::lifecycle) async fn rows(&self) -> anyhow::Result<Vec<ConnectorRow>> {
        self.store.connectors().await
    }

    /// Drops a version from memory. False if it is still in use, for example by an operation that
    /// it started and that is not in the journal yet.
    pub(in crate::lifecycle) fn forget(&self, digest: &str) -> bool {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if loaded.get(digest).is_some_and(|connector| Arc::strong_count(connector) > 1) {
            return false;
        }
        loaded.remove(digest);
        true
    }
}
