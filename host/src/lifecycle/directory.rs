//! The directory: users, groups and their members, as identity providers write them.
//!
//! Each write becomes operations, which are carried out or recorded before the write is
//! acknowledged. A write completes even if its caller hangs up.

mod bulk;
mod cursor;
mod group;
mod membership;
mod write;

use std::sync::Arc;

pub use bulk::BulkResult;
pub use cursor::Cursor;
pub use write::WriteTarget;

use super::config::Configuration;
use super::error::Error;
use super::operation::Operations;
use super::tasks::Tasks;
use crate::clock::Clock;
use crate::store::Store;

/// The directories of all tenants.
#[derive(Debug)]
pub struct Directory {
    config: Arc<Configuration>,
    operations: Arc<Operations>,
    clock: Clock,
    store: Store,
    tasks: Tasks,
}

impl Directory {
    pub(super) fn new(
        config: Arc<Configuration>,
        operations: Arc<Operations>,
        clock: Clock,
        store: Store,
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self { config, operations, clock, store, tasks })
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
