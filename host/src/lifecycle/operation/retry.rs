//! What is open is tried again when it is due, each tenant's by itself: nobody waits for another's
//! app.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Operations;
use super::fate::{self, Fate};
use super::run::Ended;
use super::turns::AT_ONCE;
use super::work::Work;
use crate::clock::rfc3339;
use crate::lifecycle::config::snapshot::Tenant;
use crate::scim;
use crate::store::{Commit, CommitError, OperationState};

/// How often the journal is looked through for what is due.
const ROUND: Duration = Duration::from_secs(1);
/// So many are looked up at once: an app that is well again is not kept waiting for the next look.
const BATCH: u32 = 128;
/// How long an attempt in the background may take.
const ATTEMPT: Duration = Duration::from_secs(60);
/// After how long nobody can be driving an operation any more.
const ABANDONED: Duration = Duration::from_secs(300);
/// How long an operation rests after an accident of ours.
const AFTER_AN_ACCIDENT: Duration = Duration::from_secs(60);

impl Operations {
    /// Tries what is due until the host stops, every tenant's in a task of its own.
    pub(in crate::lifecycle) fn keep_trying(self: &Arc<Self>) {
        let operations = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut busy: HashMap<String, JoinHandle<()>> = HashMap::new();
            while !operations.tasks.are_stopping() {
                busy.retain(|_, task| !task.is_finished());
                for tenant in operations.open.tenants() {
                    busy.entry(tenant.clone())
                        .or_insert_with(|| operations.try_in_background(tenant));
                }
                tokio::select! {
                    () = tokio::time::sleep(ROUND) => {}
                    () = operations.tasks.stopped() => {}
                }
            }
        });
    }

    fn try_in_background(self: &Arc<Self>, tenant: String) -> JoinHandle<()> {
        let operations = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Err(error) = operations.try_due(&tenant).await {
                tracing::error!(tenant, error = format!("{error:#}"), "retries failed");
            }
        })
    }

    /// Tries what is due of one tenant, resources in parallel, each resource in order.
    async fn try_due(self: &Arc<Self>, tenant: &str) -> anyhow::Result<()> {
        let now = self.clock.now();
        let abandoned = rfc3339(now - ABANDONED);
        let due = self.store.due(tenant, &rfc3339(now), &abandoned, BATCH).await?;
        let attempt = async |operation: String| self.attempt_in_turn(tenant, &operation).await;
        stream::iter(due).for_each_concurrent(AT_ONCE, attempt).await;
        Ok(())
    }

    /// One attempt at an open operation, after those before it on its lane.
    pub(in crate::lifecycle) async fn attempt(
        self: &Arc<Self>,
        operation: &str,
        forced: bool,
    ) -> anyhow::Result<()> {
        let Some(work) = self.restore(operation).await? else { return Ok(()) };
        let key = work.lane();
        let _lane = self.lanes.enter(key.clone()).await;
        for open in self.open.on(&key) {
            let deadline = Instant::now() + ATTEMPT;
            let forced = forced && open.operation == operation;
            // Nobody waits for this answer: whoever asked is owed it.
            let driven = self.drive_open(&key, &open.operation, deadline, false, forced).await?;
            if let Some((_, Ended::Stopped(_, Fate::Open(_)))) = driven {
                break; // What is behind it waits with it.
            }
        }
        Ok(())
    }

    /// An attempt for which nobody waits. What has no turn before the host stops is left to the
    /// next one.
    async fn attempt_in_turn(self: &Arc<Self>, tenant: &str, operation: &str) {
        let turn = tokio::select! {
            biased;
            () = self.tasks.stopped() => return,
            turn = self.turns.take(tenant) => turn,
        };
        self.attempt_or_wait(operation).await;
        drop(turn);
    }

    /// An attempt whose accident is logged, and not repeated at once.
    async fn attempt_or_wait(self: &Arc<Self>, operation: &str) {
        let Err(error) = self.attempt(operation, false).await else { return };
        tracing::error!(operation, error = format!("{error:#}"), "an attempt met with an accident");
        if let Err(error) = self.postpone(operation).await {
            tracing::error!(operation, error = format!("{error:#}"), "it could not be postponed");
            // While nothing can be written, it stays due, and the app is not to be called for ever.
            tokio::select! {
                () = tokio::time::sleep(AFTER_AN_ACCIDENT) => {}
                () = self.tasks.stopped() => {}
            }
        }
    }

    async fn postpone(&self, operation: &str) -> anyhow::Result<()> {
        let Some((row, _)) = self.store.operation(operation).await? else { return Ok(()) };
        let _lane = self.lane_of(&row).await;
        // Read again: whoever held the lane may have finished it.
        let Some((mut row, _)) = self.store.operation(operation).await? else { return Ok(()) };
        if row.state != OperationState::Open {
            return Ok(());
        }
        row.attempts += 1;
        row.due = Some(rfc3339(self.clock.now() + AFTER_AN_ACCIDENT));
        let commit = Commit { operation: Some(row), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)
    }

    /// Goes on with an operation whose sender has been answered.
    pub(in crate::lifecycle) fn continue_in_background(self: &Arc<Self>, work: Work) {
        let operations = Arc::clone(self);
        self.tasks
            .spawn(async move { operations.attempt_in_turn(&work.tenant.id, work.id()).await });
    }

    /// Whether a tenant may ask for one more change: a journal that only grows serves nobody.
    pub fn has_room(&self, tenant: &Tenant) -> Result<(), scim::Error> {
        match self.open.of(&tenant.id) < self.config.options().open_operations {
            true => Ok(()),
            false => Err(fate::too_many_open(tenant.dialect())),
        }
    }
}
