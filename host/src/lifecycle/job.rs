//! Jobs: long work over many people of a tenant, previewed before its first step and resumed after a
//! restart.
//!
//! A job is a row with its parameters, its requester and its progress. The engine runs each job as
//! a task that passes over the people until none is left, and writes its place after each page,
//! so that a kill costs at most the work on one page. The kind of a job defines its step for one
//! person; every step can be repeated without harm.

mod connect;
mod disconnect;
mod engine;
mod preview;
mod running;

use std::sync::Arc;

pub use connect::{ConnectChoices, ConnectPreview, HeldAction, LeavingPerson};
pub use disconnect::PeopleAction;
pub use preview::{Preview, PreviewedPerson};

use super::config::Configuration;
use super::error::Error;
use super::operation::Operations;
use super::tasks::Tasks;
use crate::clock::Clock;
use crate::scim;
use crate::store::{JobFilter, JobRow, Store};
use running::RunningJobs;

/// The jobs of a host.
#[derive(Debug)]
pub struct Jobs {
    config: Arc<Configuration>,
    operations: Arc<Operations>,
    clock: Clock,
    store: Store,
    tasks: Tasks,
    running: RunningJobs,
}

impl Jobs {
    pub(super) fn new(
        config: Arc<Configuration>,
        operations: Arc<Operations>,
        clock: Clock,
        store: Store,
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self { config, operations, clock, store, tasks, running: RunningJobs::default() })
    }

    /// The job of this id; 404 if there is none.
    pub async fn job(&self, id: &str) -> Result<JobRow, Error> {
        let job = self.store.job(id).await?;
        job.ok_or_else(|| scim::Error::new(404, format!("no job {id}")).into())
    }

    /// The jobs that match, newest first; with `before`, only those older than the job of this id.
    pub async fn page(
        &self,
        filter: &JobFilter,
        before: Option<&str>,
        limit: u32,
    ) -> anyhow::Result<Vec<JobRow>> {
        self.store.job_page(filter, before, limit).await
    }
}
