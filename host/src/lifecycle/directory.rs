//! The directory: users, groups and their members, as identity providers write them.
//!
//! Each write becomes operations, which are carried out or recorded before the write is
//! acknowledged; resources of types that are not provisioned are only kept (`unprovisioned`). A write
//! completes even if its caller hangs up.

mod bulk;
mod cursor;
mod group;
mod heavy;
mod membership;
mod target;
mod unprovisioned;
mod write;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout_at;

pub use bulk::BulkResult;
pub use cursor::Cursor;
use heavy::HeavyWork;
pub use target::WriteTarget;
use write::retry_later_if_disk_failed;

use super::config::Configuration;
use super::error::Error;
use super::operation::{Operations, disposition};
use super::tasks::Tasks;
use crate::clock::Clock;
use crate::lifecycle::operation::WriteResult;
use crate::scim::Dialect;
use crate::store::Store;

/// How much longer than its time for the app a write may take, for its turn and for the database.
const GRACE: Duration = Duration::from_secs(2);

/// The directories of all tenants.
#[derive(Debug)]
pub struct Directory {
    config: Arc<Configuration>,
    operations: Arc<Operations>,
    clock: Clock,
    store: Store,
    tasks: Tasks,
    heavy: HeavyWork,
}

impl Directory {
    pub(super) fn new(
        config: Arc<Configuration>,
        operations: Arc<Operations>,
        clock: Clock,
        store: Store,
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self { config, operations, clock, store, tasks, heavy: HeavyWork::default() })
    }

    /// Runs a write to completion. An older attempt on the same resource may hold it up for longer
    /// than a request takes: then the caller is told to come back, and the write goes on, in its turn.
    async fn answer_in_time<F>(
        self: &Arc<Self>,
        dialect: Dialect,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<WriteResult, Error>
    where
        F: Future<Output = Result<WriteResult, Error>> + Send + 'static,
    {
        let by = self.config.deadline() + GRACE;
        let written = timeout_at(by, self.run_to_completion(work)).await;
        let written = written.unwrap_or_else(|_| Err(disposition::busy(dialect).into()));
        written.map_err(|error| retry_later_if_disk_failed(dialect, error))
    }

    /// Runs the work as a task, so that it completes even if the caller is dropped.
    async fn run_to_completion<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.tasks.run_to_completion(work(Arc::clone(self))).await?
    }
}
