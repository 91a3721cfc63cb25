//! Retries: open operations are attempted again when they are due, and resources that differ from
//! their app are compared.
//!
//! Each tenant's operations are retried by a task of their own, so that no tenant waits for the app
//! of another; events that take away come first. A tenant may have a limited number of open
//! operations: beyond, its identity provider must retry later, since a journal that grows while an
//! app cannot be reached helps no one. Operations that take away always find room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Operations;
use super::change::leaving_change;
use super::disposition;
use super::goal::Older;
use super::journaled::{Operation, takes_away};
use super::queue::Comparable;
use super::turns::AT_ONCE;
use crate::clock::{later_by, rfc3339};
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::panics;
use crate::scim;
use crate::store::{Commit, CommitError, JobState, OperationRow, OperationState, Related};

/// The time between two searches for due operations.
const ROUND: Duration = Duration::from_secs(1);
/// The most due operations of one search: many, so that an app that can be reached again catches
/// up.
const BATCH: u32 = 128;
/// The deadline of an attempt in the background.
const ATTEMPT: Duration = Duration::from_secs(60);
/// The time after which no attempt at an operation can be running any more.
const ABANDONED: Duration = Duration::from_secs(300);
/// The shortest back-off after an internal error.
const AFTER_INTERNAL_ERROR: Duration = Duration::from_secs(60);
/// How often an operation that such an error interrupted is made due, until that can be written.
const INTERRUPTED: Duration = Duration::from_secs(5);

/// Why an open operation is attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) enum Trigger {
    /// It is due, or it may have become possible.
    Due,
    /// Its app does not answer, and this asks whether it does again.
    Probe,
    /// An operator decided about it: a hold does not keep it back.
    Operator,
}

/// How long a pause waits until the open operations are held; any others are held afterwards.
const HOLD_WITHIN: Duration = Duration::from_secs(10);

impl Operations {
    /// Attempts due operations and compares what differs until the host stops, with one task for each
    /// tenant.
    pub(in crate::lifecycle) fn keep_trying(self: &Arc<Self>) {
        let operations = Arc::clone(self);
        // The task of each tenant: only one of a tenant runs, also if this loop begins again.
        let busy: Arc<Mutex<HashMap<String, JoinHandle<()>>>> = Arc::default();
        self.tasks.keep_running("operation retries", move || {
            let (operations, busy) = (Arc::clone(&operations), Arc::clone(&busy));
            async move {
                while !operations.tasks.are_stopping() {
                    operations
                        .try_each_tenant(&mut busy.lock().unwrap_or_else(PoisonError::into_inner));
                    tokio::select! {
                        () = tokio::time::sleep(ROUND) => {}
                        () = operations.queue.added() => {}
                        () = operations.tasks.stopped() => {}
                    }
                }
            }
        });
    }

    fn try_each_tenant(self: &Arc<Self>, busy: &mut HashMap<String, JoinHandle<()>>) {
        busy.retain(|_, task| !task.is_finished());
        self.try_unreachable_apps();
        let mut tenants = self.unfinished.tenants();
        tenants.extend(self.queue.tenants(&rfc3339(self.clock.now())));
        for tenant in tenants {
            busy.entry(tenant.clone()).or_insert_with(|| self.try_in_background(tenant));
        }
    }

    fn try_in_background(self: &Arc<Self>, tenant: String) -> JoinHandle<()> {
        let operations = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Err(error) = panics::contained(operations.try_due(&tenant)).await.flatten() {
                let error = format!("{error:#}");
                tracing::error!(tenant, error, "operation: due operations could not be read");
                operations.tasks.wait(INTERRUPTED).await;
            }
        })
    }

    /// Attempts the due operations of one tenant, and compares its resources that may differ.
    async fn try_due(self: &Arc<Self>, tenant: &str) -> anyhow::Result<()> {
        let now = self.clock.now();
        let horizon = rfc3339(later_by(now, self.config.options().back_off.longest));
        let abandoned = rfc3339(now - ABANDONED);
        let due = self.store.due(tenant, &rfc3339(now), &horizon, &abandoned, BATCH).await?;
        let attempt = async |operation: String| {
            self.attempt_in_turn(tenant, &operation, Trigger::Due).await;
        };
        // What takes away comes first: the rest is tried when that has been.
        let (first, rest): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|operation| self.unfinished.takes_away(operation));
        for operations in [first, rest] {
            stream::iter(operations).for_each_concurrent(AT_ONCE, &attempt).await;
        }
        let compared = self.queue.take(tenant, &rfc3339(self.clock.now()));
        let compare = async |(each, _running)| self.compare_in_turn(each).await;
        stream::iter(compared).for_each_concurrent(AT_ONCE, compare).await;
        Ok(())
    }

    /// Holds the open operations of a paused tenant that take access away: the attempt at each finds
    /// that it may not. What is being tried already holds this up for some time at most.
    pub(in crate::lifecycle) async fn hold_open(self: &Arc<Self>, tenant: &str) {
        let leaves = self.unfinished.open_of(tenant).into_iter();
        let leaves: Vec<_> = leaves.filter(|it| self.unfinished.takes_away(it)).collect();
        let (operations, tenant) = (Arc::clone(self), tenant.to_owned());
        let holding = self.tasks.spawn(async move {
            let hold = async |operation: String| {
                operations.attempt_in_turn(&tenant, &operation, Trigger::Due).await;
            };
            stream::iter(leaves).for_each_concurrent(AT_ONCE, hold).await;
        });
        drop(tokio::time::timeout(HOLD_WITHIN, holding).await);
    }

    /// Tries the apps that do not answer, each with one operation that waits for it.
    fn try_unreachable_apps(self: &Arc<Self>) {
        for app in self.unreachable.to_try(Instant::now()) {
            let operations = Arc::clone(self);
            self.tasks.spawn(async move {
                let now = rfc3339(operations.clock.now());
                match operations.store.first_waiting(&app, &now).await {
                    Ok(Some((tenant, operation))) => {
                        operations.attempt_in_turn(&tenant, &operation, Trigger::Probe).await;
                    }
                    Ok(None) => operations.unreachable.forget(&app),
                    Err(error) => {
                        let error = format!("{error:#}");
                        tracing::error!(app, error, "operation: what waits could not be read");
                    }
                }
            });
        }
    }

    /// One attempt at an open operation.
    pub(in crate::lifecycle) async fn attempt(
        self: &Arc<Self>,
        operation: &str,
        trigger: Trigger,
    ) -> anyhow::Result<()> {
        let forced = trigger == Trigger::Operator;
        let Some(older) = self.older_operation(operation).await? else { return Ok(()) };
        let _lock = self.locks.acquire(older.lock_key()).await;
        // Read again: the previous holder of the lock may have finished it.
        let Some(older) = self.older_operation(operation).await? else { return Ok(()) };
        if older.row.state != OperationState::Open {
            return Ok(());
        }
        if !forced && self.is_of_a_cancelled_job(older.row.job.as_deref()).await? {
            return self.end_with_job(older).await;
        }
        let expired = !forced && self.has_expired(&older);
        let due = older.row.due.clone().filter(|_| trigger == Trigger::Probe);
        let Some(mut operation) = self.restore(older).await? else { return Ok(()) };
        if expired {
            let note = "dropped: the identity provider did not ask for it again";
            return self.abandon(&mut operation, note).await;
        }
        if !forced && self.check_admission_again(&mut operation).await?.is_some() {
            return Ok(());
        }
        operation.forced = forced;
        // A try that asks whether the app answers is none of the operation's own.
        operation.due = due;
        // No request waits for this result; its sender is owed the answer.
        operation.progress.owed = !operation.progress.applied;
        self.drive(&mut operation, Instant::now() + ATTEMPT, false).await?;
        Ok(())
    }

    /// Whether an identity provider has not asked for longer than the patience for something that was
    /// not acknowledged. What takes away is never given up.
    fn has_expired(&self, older: &Older) -> bool {
        let takes_away = takes_away(older.event.kind) || !older.event.left.is_empty();
        if !older.has_own_goal() || takes_away || older.row.job.is_some() {
            return false;
        }
        let last_asked = older.progress.last_asked.as_deref().unwrap_or(&older.row.created);
        let Ok(last_asked) = last_asked.parse::<Timestamp>() else { return false };
        later_by(last_asked, self.config.options().grant_patience) < self.clock.now()
    }

    /// Whether an operation of this job, if it is of one, is a step of a cancelled job.
    pub(super) async fn is_of_a_cancelled_job(&self, job: Option<&str>) -> anyhow::Result<bool> {
        let Some(job) = job else { return Ok(false) };
        let job = self.store.job(job).await?;
        Ok(job.is_some_and(|job| job.state == JobState::Cancelled))
    }

    /// Ends an operation whose job was cancelled. It is dropped; but if it took the place of a leaving
    /// that the identity provider asked for, that leaving is the goal again.
    pub(super) async fn end_with_job(self: &Arc<Self>, older: Older) -> anyhow::Result<()> {
        let (tenant, resource) = (older.row.tenant.clone(), older.row.resource.clone());
        let kind = older.row.resource_kind;
        if let Some(leaving) = self.store.superseded_leaving(&older.row.id).await?
            && let Some(tenant) = self.config.tenant(&tenant).await?
            && let Some(mut current) =
                self.current(&tenant.id, kind, &resource, Related::None).await?
        {
            let superseded = self.supersede(Some(&older), current.account.take(), &resource)?;
            current.account.clone_from(&superseded.account);
            let change = leaving_change(leaving, current);
            let change = change.superseding(vec![resource], &superseded);
            let deadline = Instant::now() + ATTEMPT;
            return match self.carry_out(&tenant, change, deadline).await {
                // The answer is for an identity provider.
                Ok(_) | Err(Error::Client(_)) => Ok(()),
                Err(Error::Internal(error)) => Err(error),
            };
        }
        let Some(mut operation) = self.restore(older).await? else { return Ok(()) };
        self.abandon(&mut operation, "dropped: its job was cancelled").await
    }

    /// Attempts the open operations of a tenant at once, whose state or job has changed.
    pub(in crate::lifecycle) fn attempt_all_of(self: &Arc<Self>, tenant: &str) {
        for operation in self.unfinished.open_of(tenant) {
            let (operations, tenant) = (Arc::clone(self), tenant.to_owned());
            self.tasks.spawn(async move {
                operations.attempt_in_turn(&tenant, &operation, Trigger::Due).await;
            });
        }
    }

    /// A comparison whose internal error is logged, and which is then postponed.
    async fn compare_in_turn(self: &Arc<Self>, each: Comparable) {
        let turn = tokio::select! {
            biased;
            () = self.tasks.stopped() => return,
            turn = self.turns.take(&each.tenant) => turn,
        };
        let Comparable { tenant, kind, resource } = &each;
        let deadline = Instant::now() + ATTEMPT;
        let agreed = self.agree(tenant, *kind, resource, deadline, false);
        if let Err(error) = panics::contained(agreed).await.flatten() {
            let error = format!("{error:#}");
            tracing::error!(tenant, resource, error, "operation: internal error in a comparison");
            let at = rfc3339(self.clock.now() + AFTER_INTERNAL_ERROR);
            self.queue.add_late(tenant, *kind, resource, &at);
        }
        drop(turn);
    }

    /// An attempt for which no request waits. If it gets no turn before the host stops, the next
    /// start makes it.
    async fn attempt_in_turn(self: &Arc<Self>, tenant: &str, operation: &str, trigger: Trigger) {
        let turn = tokio::select! {
            biased;
            () = self.tasks.stopped() => return,
            turn = self.turns.take(tenant) => turn,
        };
        self.attempt_or_wait(operation, trigger).await;
        drop(turn);
    }

    /// An attempt whose internal error is logged, and which is then postponed.
    async fn attempt_or_wait(self: &Arc<Self>, operation: &str, trigger: Trigger) {
        let attempted = panics::contained(self.attempt(operation, trigger)).await.flatten();
        let Err(error) = attempted else { return };
        let why = format!("{error:#}");
        tracing::error!(operation, error = why, "operation: internal error in an attempt");
        if let Err(error) = panics::contained(self.postpone(operation, &why)).await.flatten() {
            let error = format!("{error:#}");
            tracing::error!(operation, error, "operation: could not be postponed");
            // It stays due while nothing can be written; the app must not be called all the time.
            self.tasks.wait(AFTER_INTERNAL_ERROR).await;
        }
    }

    /// Tries an open operation again later, and notes the reason for operators.
    async fn postpone(&self, operation: &str, why: &str) -> anyhow::Result<()> {
        let (now, back_off) = (self.clock.now(), self.config.options().back_off);
        let due = |row: &OperationRow| {
            Some(later_by(now, back_off.after(row.tries).max(AFTER_INTERNAL_ERROR)))
        };
        self.set_due(operation, format!("not tried: {why}"), due).await
    }

    /// Makes an open operation due at the time that is found for its row, if there is one.
    async fn set_due(
        &self,
        operation: &str,
        note: String,
        due: impl Fn(&OperationRow) -> Option<Timestamp>,
    ) -> anyhow::Result<()> {
        let Some(older) = self.older_operation(operation).await? else { return Ok(()) };
        let _lock = self.locks.acquire(older.lock_key()).await;
        // Read again: the previous holder of the lock may have finished it.
        let Some(Older { mut row, .. }) = self.older_operation(operation).await? else {
            return Ok(());
        };
        let Some(due) = due(&row).filter(|_| row.state == OperationState::Open) else {
            return Ok(());
        };
        row.tries += 1;
        row.note = Some(note);
        row.due = Some(rfc3339(due));
        let commit = Commit { operation: Some(row), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)
    }

    /// Makes an open operation due again whose attempt an internal error ended: as soon as that can be
    /// written, since the disk may be full. The app is not called before.
    pub(super) fn make_due_once_it_can_be_written(
        self: &Arc<Self>,
        operation: &Operation,
        error: &anyhow::Error,
    ) {
        if !operation.journaled || !self.unfinished.set_interrupted(operation.id(), true) {
            return;
        }
        let (operations, id) = (Arc::clone(self), operation.id().to_owned());
        let note = format!("interrupted: {error:#}");
        self.tasks.spawn(async move {
            while operations.tasks.wait(INTERRUPTED).await {
                let now = operations.clock.now();
                // Another attempt may have given it a date.
                let due = |row: &OperationRow| row.due.is_none().then_some(now);
                let set = operations.set_due(&id, note.clone(), due);
                if panics::contained(set).await.flatten().is_ok() {
                    operations.unfinished.set_interrupted(&id, false);
                    return;
                }
            }
        });
    }

    /// Continues an operation whose sender has been answered.
    pub(in crate::lifecycle) fn continue_in_background(self: &Arc<Self>, operation: Operation) {
        let operations = Arc::clone(self);
        self.tasks.spawn(async move {
            let tenant = &operation.tenant.id;
            operations.attempt_in_turn(tenant, operation.id(), Trigger::Due).await;
        });
    }

    /// Checks whether a tenant may have one more open operation; else "retry later".
    pub fn has_room(&self, tenant: &Tenant) -> Result<(), scim::Error> {
        match self.unfinished.of(&tenant.id) < self.config.options().open_operations {
            true => Ok(()),
            false => Err(disposition::too_many_open(tenant.dialect())),
        }
    }
}
