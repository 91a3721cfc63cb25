//! The lifecycle of changes: from a request to a state that is durable in the store and in the app.
//!
//! [`Host`] assembles five parts, each with a struct. `directory`, `job` and `versions` use
//! `operation`, and all of them use `config`. Only in this part of the crate a connector decides, a call
//! leaves and a commit follows; it knows no HTTP servers and no command lines.

mod config;
mod directory;
mod error;
mod job;
mod operation;
mod options;
mod private_files;
mod tasks;
mod versions;

use std::sync::Arc;

use tokio::time::Instant;

pub(crate) use config::check_settings;
pub use config::{
    AdminTokenSpec, AppChange, BOOTSTRAP_TOKEN, ClientObservations, Configuration,
    ConnectorVersion, Credential, Deviation, HostKey, NewAdminToken, NewApp, NewTenant,
    NewTenantToken, TenantChange, TokenSpec, UnreadAnswer, UnreadAnswers, snapshot, token,
};
pub use directory::{BulkResult, Cursor, Directory, WriteTarget};
pub use error::Error;
pub use job::{
    ConnectChoices, ConnectPreview, HeldAction, Jobs, LeavingPerson, PeopleAction, Preview,
    PreviewedPerson,
};
pub use operation::{Erasure, Operations, WriteResult};
pub(crate) use operation::{event, typed_view};
pub use options::{BackOff, HostOptions, RequestRate, Simulated};
pub use versions::{
    ConnectorDetail, ConnectorSummary, DifferenceGroup, DifferenceKind, Example, Promoted,
    Promotion, Pushed, ReplayProgress, ReplayReport, ReplaySpec, ReplayUpdate, RewordedDecisions,
    Rollback, Timing, Usage, Versions,
};

use crate::clock::Clock;
use crate::store::{DATABASE, HOST_KEY, Store};
use tasks::Tasks;

/// A running host: a facade over its parts.
#[derive(Debug)]
pub struct Host {
    /// The options that it was started with.
    pub options: Arc<HostOptions>,
    /// The source of times and ids.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    /// Apps, tenants, tokens and loaded connectors.
    pub config: Arc<Configuration>,
    /// Operations, which carry changes out in apps.
    pub operations: Arc<Operations>,
    /// Users and groups, as identity providers write them.
    pub directory: Arc<Directory>,
    /// Long-running work over many people.
    pub jobs: Arc<Jobs>,
    /// Connector versions: pushed, replayed, promoted, retired.
    pub versions: Arc<Versions>,
    tasks: Tasks,
}

impl Host {
    /// Opens the data directory, and resumes pending operations and jobs.
    pub async fn open(options: HostOptions, clock: Clock) -> anyhow::Result<Arc<Self>> {
        private_files::make_private(&options.data)?;
        let options = Arc::new(options);
        let store = Store::open(&options.data.join(DATABASE), clock.clone()).await?;
        let key = match HostKey::of(&store, &options.data.join(HOST_KEY)).await {
            Ok(key) => key,
            Err(error) => {
                // The reason of the refusal says more than a failed close.
                drop(store.close().await);
                return Err(error);
            }
        };
        let tasks = Tasks::default();
        let parts = || (clock.clone(), store.clone(), tasks.clone());
        let (c, s, t) = parts();
        let config = Configuration::open(Arc::clone(&options), c, s, key, t).await?;
        let (c, s, t) = parts();
        let operations = Operations::new(Arc::clone(&config), c, s, t)?;
        let (c, s, t) = parts();
        let directory = Directory::new(Arc::clone(&config), Arc::clone(&operations), c, s, t);
        let (c, s, t) = parts();
        let jobs = Jobs::new(Arc::clone(&config), Arc::clone(&operations), c, s, t);
        let (c, s, t) = parts();
        let versions = Versions::new(Arc::clone(&config), c, s, t);
        operations.recover().await?;
        jobs.resume().await?;
        operations.keep_trying();
        config.keep_token_uses();
        config.resume_removals().await?;
        operations.forget_in_time();
        Ok(Arc::new(Self {
            options,
            clock,
            store,
            config,
            operations,
            directory,
            jobs,
            versions,
            tasks,
        }))
    }

    /// Removes a disconnected tenant with its directory, its tokens and its pending operations.
    pub async fn remove_tenant(&self, id: &str) -> Result<(), Error> {
        self.jobs.refuse_while_unfinished(id).await?;
        self.config.remove_tenant(id).await?;
        self.operations.forget_tenant(id);
        self.config.delete_rows(id).await;
        Ok(())
    }

    /// Waits until all tasks have ended or the deadline has passed, and closes the database.
    /// Operations that wait for an app stay in the journal for the next start.
    pub async fn close(&self, by: Instant) {
        self.tasks.stop();
        let tasks = self.tasks.finish(by).await;
        if tasks > 0 {
            let operations = self.operations.count();
            tracing::warn!(tasks, operations, "host: stopped before all tasks ended");
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(error = format!("{error:#}"), "host: closing the database failed");
        }
    }

    /// A loop in the background that a panic has interrupted, and that is about to begin again.
    pub(crate) fn interrupted_loop(&self) -> Option<&'static str> {
        self.tasks.interrupted_loop()
    }

    /// Runs the work as a task, so that it completes even if the caller is dropped.
    pub(crate) async fn run_to_completion<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.tasks.run_to_completion(work).await
    }
}
