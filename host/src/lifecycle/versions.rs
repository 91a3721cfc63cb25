//! Connector versions: pushed, replayed on recorded decisions, promoted, rolled back, retired.
//!
//! A version is immutable and identified by the digest of its file. A push verifies and stores it;
//! a promotion makes it decide for an app or some of its tenants. A version that is in use is never
//! removed.

mod dev_builds;
mod promotion;
mod push;
mod replay;
mod retirement;

use std::sync::Arc;

pub use promotion::{Promoted, Promotion, Rollback};
pub use push::{ConnectorDetail, ConnectorSummary, Pushed};
pub use replay::{
    DifferenceGroup, DifferenceKind, Example, ReplayProgress, ReplayReport, ReplaySpec,
    ReplayUpdate, RewordedDecisions, Timing,
};
pub use retirement::Usage;

use super::config::Configuration;
use super::tasks::Tasks;
use crate::clock::Clock;
use crate::store::Store;

/// The connector versions of a host.
#[derive(Debug)]
pub struct Versions {
    config: Arc<Configuration>,
    clock: Clock,
    store: Store,
    tasks: Tasks,
}

impl Versions {
    pub(super) fn new(
        config: Arc<Configuration>,
        clock: Clock,
        store: Store,
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self { config, clock, store, tasks })
    }
}
