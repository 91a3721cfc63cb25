//! The configuration of a host: apps, tenants, tokens and the connectors that decide for them.
//!
//! Operators change rows of the store. Requests are served from memory: from a snapshot of all apps
//! and a cache of tenants, which are built from these rows. Changes are made one after another, and
//! each is durable before it takes effect. This part knows no operations, and no resources that
//! identity providers write.

mod admin_token;
pub(in crate::lifecycle) mod apps;
mod client_observations;
pub(in crate::lifecycle) mod connector_library;
pub(in crate::lifecycle) mod connector_reference;
mod credential;
pub(in crate::lifecycle) mod email_domain;
mod failed_sign_ins;
mod host_key;
mod known_names;
mod listed_resources;
mod load;
mod publish;
mod removal;
mod request_rate;
mod sealed_secrets;
mod settings;
mod signing;
pub mod snapshot;
mod tenant_cache;
mod tenants;
pub mod token;
mod token_use;
mod unread_answers;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

pub use admin_token::{AdminTokenSpec, BOOTSTRAP_TOKEN, NewAdminToken};
pub use apps::{AppChange, NewApp};
pub use client_observations::{ClientObservations, Deviation};
pub use connector_reference::ConnectorVersion;
pub(in crate::lifecycle) use connector_reference::{embedded_of, retired};
pub use credential::Credential;
pub use host_key::HostKey;
pub(in crate::lifecycle) use host_key::random as random_bytes;
pub(in crate::lifecycle) use settings::check_app_configuration;
pub(crate) use settings::check_settings;
pub use tenants::{NewTenant, NewTenantToken, TenantChange, TokenSpec};
pub use unread_answers::{UnreadAnswer, UnreadAnswers};

use super::options::HostOptions;
use super::tasks::Tasks;
use crate::clock::Clock;
use crate::connector::{Limits, Runtime, RuntimeConfig};
use crate::store::Store;
use connector_library::ConnectorLibrary;
use snapshot::ConfigSnapshot;
use tenant_cache::TenantCache;
use token_use::TokenUses;

/// The apps, tenants and tokens of a host, with their connectors.
#[derive(Debug)]
pub struct Configuration {
    options: Arc<HostOptions>,
    clock: Clock,
    store: Store,
    key: HostKey,
    connectors: ConnectorLibrary,
    snapshot: ArcSwap<ConfigSnapshot>,
    tenants: TenantCache,
    token_uses: TokenUses,
    reloading: tokio::sync::Mutex<()>,
    changing: tokio::sync::Mutex<()>,
    tasks: Tasks,
}

impl Configuration {
    /// Reads the configuration of this store.
    pub(super) async fn open(
        options: Arc<HostOptions>,
        clock: Clock,
        store: Store,
        key: HostKey,
        tasks: Tasks,
    ) -> anyhow::Result<Arc<Self>> {
        let runtime = match &options.simulated {
            Some(simulated) => Arc::clone(&simulated.runtime),
            None => Arc::new(Runtime::new(RuntimeConfig {
                compiler: options.compiler.clone(),
                cache: options.compiled.clone(),
                key: key.derive("compiled connectors"),
                threads: options.deciding_threads,
                limits: Limits::default(),
            })?),
        };
        let connectors =
            ConnectorLibrary::new(runtime, store.clone(), options.trusted_keys.clone());
        let config = Arc::new(Self {
            options,
            clock,
            store,
            key,
            connectors,
            snapshot: ArcSwap::default(),
            tenants: TenantCache::default(),
            token_uses: TokenUses::default(),
            reloading: tokio::sync::Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            tasks,
        });
        config.seal_old_secrets().await?;
        config.load_all().await?;
        Ok(config)
    }

    /// The apps and operators' tokens as of now.
    pub fn snapshot(&self) -> Arc<ConfigSnapshot> {
        self.snapshot.load_full()
    }

    /// Locks the configuration for one change.
    pub(super) async fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// The key that seals passwords and cursors.
    pub(super) fn key(&self) -> &HostKey {
        &self.key
    }

    /// The connectors of this host.
    pub(super) fn connectors(&self) -> &ConnectorLibrary {
        &self.connectors
    }

    /// The time by which a request that starts now must be answered.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.options.answer_within
    }

    /// The options of the host.
    pub(super) fn options(&self) -> &HostOptions {
        &self.options
    }
}
