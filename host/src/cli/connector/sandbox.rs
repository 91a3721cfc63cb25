//! The sandbox without a host: loads a connector's file as a host would, so that `build`, `test` and
//! `check` can run it.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use clap::Args;

use crate::cli::this_program;
use crate::connector::{Connector, Limits, Runtime, RuntimeConfig};
use crate::lifecycle::HostKey;

/// The option for the cache of compiled connectors.
#[derive(Args, Clone, Debug)]
pub(super) struct CacheArgs {
    /// The directory in which compiled connectors are kept, so that the next run starts faster
    /// [default: muster in the user's cache directory].
    #[arg(long = "cache", env = "MUSTER_CACHE", value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// A connector, and the sandbox that it was loaded into.
pub(super) struct LoadedConnector {
    pub(super) runtime: Runtime,
    pub(super) connector: Arc<Connector>,
}

impl CacheArgs {
    /// Loads a connector's file as a host would.
    pub(super) async fn load(&self, file: &Path) -> anyhow::Result<LoadedConnector> {
        let wasm = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        self.load_bytes(&file.display().to_string(), &wasm).await
    }

    /// Loads a connector from bytes. Errors name it by this name.
    pub(super) async fn load_bytes(
        &self,
        name: &str,
        wasm: &[u8],
    ) -> anyhow::Result<LoadedConnector> {
        let cache = self.path()?;
        std::fs::create_dir_all(&cache).with_context(|| {
            format!("making the cache {}; --cache names another", cache.display())
        })?;
        let key = key(&cache)?;
        let runtime = Runtime::new(RuntimeConfig {
            compiler: this_program()?,
            cache: cache.join("connectors"),
            key,
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            limits: Limits::default(),
        })?;
        let connector = runtime.load(wasm).await;
        let connector = connector.with_context(|| name.to_owned())?;
        Ok(LoadedConnector { runtime, connector })
    }

    fn path(&self) -> anyhow::Result<PathBuf> {
        let default = || dirs::cache_dir().map(|it| it.join("muster"));
        self.directory
            .clone()
            .or_else(default)
            .context("there is no cache directory for this user; --cache or MUSTER_CACHE names one")
    }
}

/// The key that seals the cache. An attacker who can read it could also change this program.
fn key(cache: &Path) -> anyhow::Result<[u8; 32]> {
    let file = cache.join("cache.key");
    // If two processes make the key at once, the second attempt reads the other's key.
    let key = HostKey::open(&file).or_else(|_| HostKey::open(&file))?;
    Ok(key.derive("connectors tried on the command line"))
}
