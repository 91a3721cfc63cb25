//! Retries: open operations are attempted again when they are due.
//!
//! Each tenant's operations are retried by a task of their own, so that no tenant waits for the app
//! of another. A tenant may have a limited number of open operations: beyond, its identity provider
//! must retry later, since a journal that grows while an app cannot be reached helps no one.
//! Operations that were accepted are not affected.

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

/// The time between two searches for due operations.
const ROUND: Duration = Duration::from_secs(1);
/// The most due operations of one search: many, so that an app that can be reached again catches
/// up.
const BATCH: u32 = 128;
/// The deadline of an attempt in the background.
const ATTEMPT: Duration = Duration::from_secs(60);
/// The time after which no attempt at an operation can be running any more.
const ABANDONED: Duration = Duration::from_secs(300);
/// The back-off after an internal error.
const AFTER_INTERNAL_ERROR: Duration = Duration::from_secs(60);

impl Operations {
    /// Attempts due operations until the host stops, with one task for each tenant.
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
                let error = format!("{error:#}");
                tracing::error!(tenant, error, "operation: due operations could not be read");
            }
        })
    }

    /// Attempts the due operations of one tenant: resources in parallel, each resource in order.
    async fn try_due(self: &Arc<Self>, tenant: &str) -> anyhow::Result<()> {
        let now = self.clock.now();
        let abandoned = rfc3339(now - ABANDONED);
        let due = self.store.due(tenant, &rfc3339(now), &abandoned, BATCH).await?;
        let attempt = async |operation: String| self.attempt_in_turn(tenant, &operation).await;
        stream::iter(due).for_each_concurrent(AT_ONCE, attempt).await;
        Ok(())
    }

    /// One attempt at an open operation, after the older ones on its lane.
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
            // No request waits for this result; its sender is owed the answer.
            let driven = self.drive_open(&key, &open.operation, deadline, false, forced).await?;
            if let Some((_, Ended::Stopped(_, Fate::Open(_)))) = driven {
                break; // The later operations wait behind it.
            }
        }
        Ok(())
    }

    /// An attempt for which no request waits. If it gets no turn before the host stops, the next
    /// start makes it.
    async fn attempt_in_turn(self: &Arc<Self>, tenant: &str, operation: &str) {
        let turn = tokio::select! {
            biased;
            () = self.tasks.stopped() => return,
            turn = self.turns.take(tenant) => turn,
        };
        self.attempt_or_wait(operation).await;
        drop(turn);
    }

    /// An attempt whose internal error is logged, and which is then postponed.
    async fn attempt_or_wait(self: &Arc<Self>, operation: &str) {
        let Err(error) = self.attempt(operation, false).await else { return };
        let error = format!("{error:#}");
        tracing::error!(operation, error, "operation: internal error in an attempt");
        if let Err(error) = self.postpone(operation).await {
            let error = format!("{error:#}");
            tracing::error!(operation, error, "operation: could not be postponed");
            // It stays due while nothing can be written; the app must not be called all the time.
            tokio::select! {
                () = tokio::time::sleep(AFTER_INTERNAL_ERROR) => {}
                () = self.tasks.stopped() => {}
            }
        }
    }

    async fn postpone(&self, operation: &str) -> anyhow::Result<()> {
        let Some((row, _)) = self.store.operation(operation).await? else { return Ok(()) };
        let _lane = self.lane_of(&row).await;
        // Read again: the previous holder of the lock may have finished it.
        let Some((mut row, _)) = self.store.operation(operation).await? else { return Ok(()) };
        if row.state != OperationState::Open {
            return Ok(());
        }
        row.attempts += 1;
        row.due = Some(rfc3339(self.clock.now() + AFTER_INTERNAL_ERROR));
        let commit = Commit { operation: Some(row), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)
    }

    /// Continues an operation whose sender has been answered.
    pub(in crate::lifecycle) fn continue_in_background(self: &Arc<Self>, work: Work) {
        let operations = Arc::clone(self);
        self.tasks
            .spawn(async move { operations.attempt_in_turn(&work.tenant.id, work.id()).await });
    }

    /// Checks whether a tenant may have one more open operation; else "retry later".
    pub fn has_room(&self, tenant: &Tenant) -> Result<(), scim::Error> {
        match self.open.of(&tenant.id) < self.config.options().open_operations {
            true => Ok(()),
            false => Err(fate::too_many_open(tenant.dialect())),
        }
    }
}
