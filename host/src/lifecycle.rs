//! The life of an operation: from a change in a person's life to one that is durable, here and in
//! the app.
//!
//! The only place that knows sandbox, outbound client and database at once. It knows nothing of
//! HTTP servers or command lines.

mod admission;
mod apps;
mod builds;
mod bulk;
mod catalogue;
mod change;
mod connectors;
pub mod credential;
mod cursor;
mod disconnect;
pub(crate) mod event;
mod fate;
mod fault;
mod group;
pub mod heard;
mod key;
mod lane;
mod movement;
mod open;
mod promotion;
mod recovery;
pub mod registry;
mod replay;
mod retention;
mod retirement;
mod retry;
mod run;
mod settle;
mod tenants;
mod token_use;
mod trust;
mod verdict;
pub(crate) mod view;
mod work;
mod write;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use apps::AppSpec;
pub(crate) use apps::check_settings;
pub use bulk::Performed;
pub use change::Written;
pub use connectors::{ConnectorDetail, ConnectorSummary, ConnectorVersion, Pushed};
pub use cursor::Cursor;
pub use disconnect::{DisconnectPlan, Ending, Preview, PreviewedPerson, Stuck};
pub use fault::Fault;
pub use key::HostKey;
pub use promotion::{Promoted, Promotion, Rollback};
pub use replay::{
    Difference, DifferenceKind, Example, Pace, Progress, ReplayNews, ReplayReport, ReplaySpec,
    Rewording,
};
pub use retirement::Usage;
pub use tenants::{NewTenantToken, TenantSpec, TokenSpec};
pub use token_use::Credential;
pub use write::Target;

use crate::clock::Clock;
use crate::connector::{Connector, Keyring, Limits, Runtime, RuntimeConfig};
use crate::delivery::Delivery;
use crate::store::Store;

/// What a host needs to know before it starts.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Where database and key live.
    pub data: PathBuf,
    /// Where compiled connectors are kept.
    pub compiled: PathBuf,
    /// How identity providers reach this host, without a slash at the end.
    pub public_url: String,
    /// The `muster` binary, which compiles connectors in a process of its own.
    pub compiler: PathBuf,
    /// How long an identity provider waits at most. Okta closes its socket after 60 s.
    pub answer_within: Duration,
    /// Threads for decisions of connectors that are not quick.
    pub deciding_threads: usize,
    /// How long a disconnect waits before it turns again to those who could not be let go.
    pub disconnect_pause: Duration,
    /// How many operations of one tenant may be open; beyond, it is told to come back.
    pub open_operations: usize,
    /// Whose connectors are loaded, beside those that come with the host; anybody's where it is
    /// empty.
    pub trusted_keys: Keyring,
}

/// A running host.
pub struct Host {
    /// What it was started with.
    pub config: HostConfig,
    /// Time and ids.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    registry: ArcSwap<registry::Registry>,
    reloading: tokio::sync::Mutex<()>,
    configuring: tokio::sync::Mutex<()>,
    connectors: Runtime,
    loaded: RwLock<HashMap<String, Arc<Connector>>>,
    delivery: Delivery,
    key: HostKey,
    lanes: lane::Lanes<Arc<group::Standing>>,
    open: open::OpenOperations,
    turns: retry::Turns,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Host {
    /// Opens the data directory, takes up what was left undone, and is ready to serve.
    pub async fn open(config: HostConfig, clock: Clock) -> anyhow::Result<Arc<Self>> {
        std::fs::create_dir_all(&config.data)
            .with_context(|| format!("making the data directory {}", config.data.display()))?;
        let key = HostKey::open(&config.data.join("host.key"))?;
        let store = Store::open(&config.data.join("muster.db"), clock.clone()).await?;
        let connectors = Runtime::new(RuntimeConfig {
            compiler: config.compiler.clone(),
            cache: config.compiled.clone(),
            key: key.derive("compiled connectors"),
            threads: config.deciding_threads,
            limits: Limits::default(),
        })?;
        let host = Arc::new(Self {
            config,
            clock,
            store,
            registry: ArcSwap::default(),
            reloading: tokio::sync::Mutex::default(),
            configuring: tokio::sync::Mutex::default(),
            connectors,
            loaded: RwLock::default(),
            delivery: Delivery::new()?,
            key,
            lanes: lane::Lanes::default(),
            open: open::OpenOperations::default(),
            turns: retry::Turns::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        });
        host.reload().await?;
        host.recover().await?;
        host.keep_token_uses();
        host.forget_in_time();
        Ok(host)
    }

    /// Who is served, as of now.
    pub fn registry(&self) -> Arc<registry::Registry> {
        self.registry.load_full()
    }

    /// How many operations are under way or waiting.
    pub fn operations_open(&self) -> usize {
        self.open.count()
    }

    /// Finishes what was accepted, for so long, then closes the database. What waits for an app
    /// stays in the journal for the next start.
    pub async fn close(&self, by: Instant) {
        self.stopping.cancel();
        self.tasks.close();
        if timeout_at(by, self.tasks.wait()).await.is_err() {
            let (tasks, operations) = (self.tasks.len(), self.operations_open());
            tracing::warn!(tasks, operations, "left for the next start, which takes it up");
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(error = format!("{error:#}"), "closing the database");
        }
    }

    /// Does the work to its end, even where whoever asked for it hangs up.
    async fn undisturbed<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        self.to_its_end(work(Arc::clone(self))).await?
    }

    /// Does something to its end, even where whoever waits for it goes away.
    pub(crate) async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.tasks.spawn(work).await.context("a task ended early")
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.config.answer_within
    }
}
