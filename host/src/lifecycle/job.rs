//! Jobs: long work over many people of a tenant, previewed before it begins and resumed after a
//! restart.

mod disconnect;

use std::sync::Arc;

pub use disconnect::{DisconnectPlan, Ending, Preview, PreviewedPerson, Stuck};

use super::config::Configuration;
use super::operation::Operations;
use super::tasks::Tasks;
use crate::clock::Clock;
use crate::store::Store;

/// The jobs of a host.
#[derive(Debug)]
pub struct Jobs {
    config: Arc<Configuration>,
    operations: Arc<Operations>,
    clock: Clock,
    store: Store,
    tasks: Tasks,
}

impl Jobs {
    pub(super) fn new(
        config: Arc<Configuration>,
        operations: Arc<Operations>,
        clock: Clock,
        store: Store,
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self { config, operations, clock, store, tasks })
    }
}
