//! Operations: each carries one change of a user or a group out in the app.
//!
//! An operation asks the connector, performs the calls that the connector requests, and commits the
//! outcome together with the resource. At most one attempt for a resource runs at a time, under the
//! resource's lock. An operation that cannot be finished stays in the journal and is retried.

pub(in crate::lifecycle) mod admission;
pub(in crate::lifecycle) mod carry_out;
pub(in crate::lifecycle) mod change;
pub(crate) mod event;
pub(in crate::lifecycle) mod fate;
pub(in crate::lifecycle) mod lane;
pub(in crate::lifecycle) mod open;
mod operator_action;
pub(in crate::lifecycle) mod preview;
mod recovery;
mod retention;
mod retry;
pub(in crate::lifecycle) mod run;
pub(in crate::lifecycle) mod settle;
pub(in crate::lifecycle) mod standing;
mod turns;
pub(crate) mod typed_view;
pub(in crate::lifecycle) mod work;

use std::sync::Arc;

pub use change::Written;

use super::config::Configuration;
use super::error::Error;
use super::tasks::Tasks;
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::store::Store;
use lane::Lanes;
use open::OpenOperations;

use standing::Standing;
use turns::Turns;

/// The operations of a host.
#[derive(Debug)]
pub struct Operations {
    config: Arc<Configuration>,
    clock: Clock,
    store: Store,
    delivery: Delivery,
    lanes: Lanes<Arc<Standing>>,
    open: OpenOperations,
    turns: Turns,
    tasks: Tasks,
}

impl Operations {
    pub(super) fn new(
        config: Arc<Configuration>,
        clock: Clock,
        store: Store,
        tasks: Tasks,
    ) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            config,
            clock,
            store,
            delivery: Delivery::new()?,
            lanes: Lanes::default(),
            open: OpenOperations::default(),
            turns: Turns::default(),
            tasks,
        }))
    }

    /// How many operations are open.
    pub fn count(&self) -> usize {
        self.open.count()
    }

    /// Forgets the open operations of a tenant that was removed.
    pub(super) fn forget_tenant(&self, tenant: &str) {
        self.open.forget_tenant(tenant);
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

    /// The resource locks.
    pub(super) fn lanes(&self) -> &Lanes<Arc<Standing>> {
        &self.lanes
    }

    /// The operations that are open.
    pub(super) fn open(&self) -> &OpenOperations {
        &self.open
    }
}
