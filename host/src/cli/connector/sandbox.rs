//! The sandbox without a host: what `test` and `check` run connectors in.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use clap::Args;

use crate::cli::this_program;
use crate::connector::{Connector, Limits, Runtime, RuntimeConfig};
use crate::lifecycle::HostKey;

/// Where compiled connectors are kept.
#[derive(Args, Clone, Debug)]
pub(super) struct Cache {
    /// Where compiled connectors are kept, so that the next run begins at once. By default a
    /// directory of muster's own below the user's cache directory.
    #[arg(long = "cache", env = "MUSTER_CACHE", value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// A connector, with the sandbox that it was loaded into.
pub(super) struct Loaded {
    pub(super) runtime: Runtime,
    pub(super) connector: Arc<Connector>,
}

impl Cache {
    /// Loads a connector's file as a host would.
    pub(super) async fn load(&self, file: &Path) -> anyhow::Result<Loaded> {
        let wasm = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        self.load_bytes(&file.display().to_string(), &wasm).await
    }

    /// The same of what was read already, by what it is called.
    pub(super) async fn load_bytes(&self, name: &str, wasm: &[u8]) -> anyhow::Result<Loaded> {
        let cache = self.place()?;
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
        Ok(Loaded { runtime, connector })
    }

    fn place(&self) -> anyhow::Result<PathBuf> {
        let ours = || dirs::cache_dir().map(|it| it.join("muster"));
        self.directory
            .clone()
            .or_else(ours)
            .context("there is no cache directory for this user; --cache or MUSTER_CACHE names one")
    }
}

/// The key that seals the cache: whoever can read it could as well change this program.
fn key(cache: &Path) -> anyhow::Result<[u8; 32]> {
    let file = cache.join("cache.key");
    // Where two begin at once, the one that comes second finds the other's.
    let key = HostKey::open(&file).or_else(|_| HostKey::open(&file))?;
    Ok(key.derive("connectors tried on the command line"))
}
