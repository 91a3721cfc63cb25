//! An attempt at one operation: decide, call, decide again, until it is done or stopped.
//!
//! A request to the app is in the journal before it leaves, and its answer is in the journal before
//! the next request leaves. So a restart continues with the request that had no answer yet.
//! Outcome, resource, account and operation become durable in one transaction. Before each request
//! the facts that may have changed are looked at again: the state of the tenant, and in how many
//! other organisations the account is.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::time::Instant;

use super::Operations;
use super::admission::{self, Admission};
use super::disposition::{self, Disposition, FailureCause};
use super::effects;
use super::elsewhere::AccountLock;
use super::journaled::{Mode, Operation, WrittenParts, gone, takes_away};
use super::names;
use crate::clock::{later_by, rfc3339};
use crate::connector::Question;
use crate::decision::{Exchange, Outcome, Refusal, Request, ResourceKind, Step, Unreachable};
use crate::delivery::OutboundCall;
use crate::lifecycle::config::snapshot::ReplyMode;
use crate::panics::{self, Panicked};
use crate::scim;
use crate::store::{
    AccountRow, Commit, CommitError, OperationState, Receipt, Related, ResourceChange,
};

/// How an attempt ended.
#[derive(Debug)]
pub(in crate::lifecycle) enum AttemptResult {
    /// The outcome is durable.
    Done,
    /// The commit of the outcome, with this account, is queued.
    Queued(Receipt, Option<AccountRow>),
    /// The operation is recorded and the directory changed; the attempt continues in the background.
    Recorded,
    /// The directory changed and the app did not: the event is held or dropped.
    Withheld,
    /// The request is answered with this: the event may not reach the app, the tenant is gone, or the
    /// resource is busy. The operation has ended, or has never begun.
    Answered(scim::Error),
    /// The operation could not be finished.
    Stopped(FailureCause, Disposition),
    /// Another user has the `userName`.
    NameTaken,
    /// Speculative: depends on an uncommitted change, and needed a call or a refusal. Discarded, to
    /// be decided again when the change is durable.
    Discarded,
}

/// The connector's next step.
enum NextStep {
    Call(Request),
    Done(Outcome),
    Stop(FailureCause),
}

impl Operations {
    /// Drives an operation until it is done or stopped, or the deadline passes, and makes its
    /// progress durable.
    ///
    /// The caller holds the resource's lock. With `detach`, an app whose reply mode is
    /// `when-recorded` gets its first call from a background task.
    pub(in crate::lifecycle) async fn drive(
        self: &Arc<Self>,
        operation: &mut Operation,
        deadline: Instant,
        detach: bool,
    ) -> anyhow::Result<AttemptResult> {
        let guard = match self.lock_account(operation, deadline).await? {
            AccountLock::Acquired(guard) => guard,
            AccountLock::Late => {
                // Nothing is recorded of a change that can never be made.
                if self.is_taken(operation).await? {
                    return Ok(AttemptResult::NameTaken);
                }
                return Box::pin(self.stop(operation, FailureCause::OutOfTime)).await;
            }
            AccountLock::Lost => {
                return Ok(AttemptResult::Answered(disposition::busy(operation.tenant.dialect())));
            }
        };
        let driven = self.drive_locked(operation, deadline, detach);
        let result = panics::contained(driven).await.flatten();
        if result.as_ref().is_err_and(|error| error.is::<Panicked>()) && operation.pending.is_some()
        {
            // The call may have left, as at a kill.
            operation.progress.late_until = Some(self.latest_arrival());
        }
        self.keep_account_locked(operation, guard);
        if let Err(error) = &result {
            self.make_due_once_it_can_be_written(operation, error);
        }
        result
    }

    async fn drive_locked(
        self: &Arc<Self>,
        operation: &mut Operation,
        deadline: Instant,
        detach: bool,
    ) -> anyhow::Result<AttemptResult> {
        loop {
            let next = self.next(operation).await;
            let commits =
                matches!(&next, NextStep::Done(outcome) if !gone(operation.event.kind, outcome));
            if operation.mode == Mode::Speculative && !commits {
                return Ok(AttemptResult::Discarded);
            }
            match next {
                NextStep::Done(outcome) => return self.finish(operation, outcome).await,
                NextStep::Stop(cause) => return Box::pin(self.stop(operation, cause)).await,
                NextStep::Call(request) => {
                    if let Some(result) = Box::pin(self.check_admission_again(operation)).await? {
                        return Ok(result);
                    }
                    if self.facts_have_changed(operation).await? {
                        continue;
                    }
                    if let Some(cause) = operation.misused_password(&request) {
                        return Box::pin(self.stop(operation, cause)).await;
                    }
                    if let Some(owner) = self.owner_of_target(operation, &request).await? {
                        return Box::pin(self.leave_to_owner(operation, &owner)).await;
                    }
                    let intended = Box::pin(self.intend(operation, request, detach));
                    if let Some(result) = intended.await? {
                        return Ok(result);
                    }
                    if let Some(cause) = Box::pin(self.call(operation, deadline)).await? {
                        return Box::pin(self.stop(operation, cause)).await;
                    }
                }
            }
        }
    }

    async fn next(&self, operation: &mut Operation) -> NextStep {
        let Some(connector) = operation.connector.clone() else {
            return match &operation.tenant.connector {
                Ok(_) => NextStep::Done(operation.unasked()),
                Err(_) if operation.directory_only.is_some() => NextStep::Done(operation.unasked()),
                Err(why) => NextStep::Stop(FailureCause::NoConnector(why.clone())),
            };
        };
        let limits = operation.tenant.app.limits;
        let decided = self
            .config
            .connectors()
            .runtime()
            .decide(
                &connector,
                Question {
                    context: Arc::clone(&operation.context),
                    event: Arc::clone(&operation.asked),
                    exchanges: operation.exchanges.clone().into(),
                },
                limits.decision,
            )
            .await;
        operation.used.add(&decided);
        // A connector that is asked again repeats its earlier log lines.
        operation.log = decided.log.iter().map(|l| format!("{}: {}", l.level, l.message)).collect();
        match decided.answer {
            Err(failure) => NextStep::Stop(FailureCause::Failed(failure)),
            Ok(Err(refusal)) => NextStep::Stop(FailureCause::Refused(refusal)),
            Ok(Ok(Step::Done(outcome))) => NextStep::Done(outcome),
            Ok(Ok(Step::Call(_))) if operation.exchanges.len() >= limits.calls => {
                NextStep::Stop(FailureCause::StoppedByHost(format!(
                    "the connector asked for more calls than app {} allows ({})",
                    operation.tenant.app.name, limits.calls
                )))
            }
            Ok(Ok(Step::Call(request))) => NextStep::Call(request),
        }
    }

    /// Ends the operation if the tenant's state keeps its event from the app by now. The tenant may
    /// have been paused, disconnected or removed since the operation began.
    pub(in crate::lifecycle) async fn check_admission_again(
        self: &Arc<Self>,
        operation: &mut Operation,
    ) -> anyhow::Result<Option<AttemptResult>> {
        let Some(tenant) = self.config.tenant(&operation.tenant.id).await? else {
            self.unfinished.remove(operation.id());
            let gone = scim::Error::new(404, "this integration does not exist any more");
            return Ok(Some(AttemptResult::Answered(gone)));
        };
        if self.is_of_a_cancelled_job(operation.job.as_deref()).await? {
            return self.leave_to_cancellation(operation).await.map(Some);
        }
        let kind = operation.event.kind;
        let kind =
            admission::effective_event(kind, operation.after.active(), operation.account.as_ref());
        let of_job = operation.job.is_some() || operation.forced;
        let account = operation.account.as_ref();
        let account = account.filter(|account| account.resource == operation.resource_id());
        match admission::check(tenant.state, kind, account, of_job) {
            Admission::Proceed => Ok(None),
            Admission::Hold(note) => {
                self.withhold(operation, OperationState::Held, note).await.map(Some)
            }
            Admission::Drop(note) => {
                self.withhold(operation, OperationState::Dropped, note).await.map(Some)
            }
            Admission::Refuse(error) => {
                self.abandon(operation, &error.detail).await?;
                Ok(Some(AttemptResult::Answered(error)))
            }
        }
    }

    /// Makes a request durable before it leaves, together with the answer to the request before it.
    async fn intend(
        self: &Arc<Self>,
        operation: &mut Operation,
        request: Request,
        detach: bool,
    ) -> anyhow::Result<Option<AttemptResult>> {
        if operation.pending.as_ref() == Some(&request) {
            // Already in the journal, from before a restart or a retry.
            if operation.progress.idle {
                operation.progress.idle = false;
                let row = operation.row(OperationState::Open)?;
                let commit = Commit { operation: Some(row), ..Commit::default() };
                self.write(operation, commit).await.map_err(CommitError::into_internal)?;
            }
            return Ok(None);
        }
        if self.is_taken(operation).await? {
            return Ok(Some(AttemptResult::NameTaken));
        }
        let when_recorded = operation.tenant.app.reply == ReplyMode::WhenRecorded;
        if detach && when_recorded && !operation.progress.applied {
            return self.record(operation).await.map(Some);
        }
        operation.pending = Some(request);
        operation.progress_changed |= operation.progress.idle;
        operation.progress.idle = false;
        let now = self.clock.now();
        let mut commit = Commit { now: Some(rfc3339(now)), ..Commit::default() };
        let n = operation.exchanges.len();
        if let Some(last) = n.checked_sub(1) {
            commit.exchanges.push(operation.exchange(last, now)?);
        }
        commit.exchanges.push(operation.exchange(n, now)?);
        if n == 0 {
            note_intent(operation);
        }
        // After a restart, the first call must be decided from the same operation. The row also says
        // whether a call may have had an effect, which the first such call changes.
        if n == 0 || !operation.journaled || operation.progress_changed {
            commit.operation = Some(operation.row(OperationState::Open)?);
        }
        operation.add_unwritten(&mut commit);
        match self.write(operation, commit).await {
            Ok(()) => {}
            Err(CommitError::NameTaken) => return Ok(Some(AttemptResult::NameTaken)),
            Err(CommitError::Stale) => return Ok(Some(operation.outdated())),
            Err(error) => return Err(error.into_internal()),
        }
        operation.journaled = true;
        operation.progress_changed = false;
        self.unfinished.insert(operation, OperationState::Open);
        Ok(None)
    }

    /// Accepts an operation: the directory changes, and the app is told in the background. No call is
    /// intended yet, so that a newer request may still take its place without a doubt.
    async fn record(self: &Arc<Self>, operation: &mut Operation) -> anyhow::Result<AttemptResult> {
        let now = self.clock.now();
        let mut commit = Commit { now: Some(rfc3339(now)), ..Commit::default() };
        operation.apply_untold(&mut commit, now);
        operation.take_account_over();
        let mut row = operation.row(OperationState::Open)?;
        row.due = Some(rfc3339(now));
        commit.operation = Some(row);
        operation.add_unwritten(&mut commit);
        match self.write(operation, commit).await {
            Ok(()) => {}
            Err(CommitError::NameTaken) => return Ok(AttemptResult::NameTaken),
            Err(CommitError::Stale) => return Ok(operation.outdated()),
            Err(error) => return Err(error.into_internal()),
        }
        operation.journaled = true;
        self.unfinished.insert(operation, OperationState::Open);
        self.wake_untold(operation);
        self.continue_in_background(operation.clone());
        Ok(AttemptResult::Recorded)
    }

    /// Writes a commit of an operation, and brings the index of unfinished operations up to date.
    pub(in crate::lifecycle) async fn write(
        &self,
        operation: &mut Operation,
        commit: Commit,
    ) -> Result<(), CommitError> {
        let parts = WrittenParts::of(&commit, &operation.resource_id());
        self.store.commit(commit).await?;
        for resource in &parts.supersedes {
            self.unfinished.superseded(&operation.tenant.id, resource, operation.id());
        }
        operation.note_written(&parts);
        Ok(())
    }

    /// Performs the pending request. Its answer becomes durable with the next step.
    async fn call(
        self: &Arc<Self>,
        operation: &mut Operation,
        deadline: Instant,
    ) -> anyhow::Result<Option<FailureCause>> {
        let request = operation.pending.clone().context("a call without a request")?;
        if Instant::now() >= deadline {
            return Ok(Some(FailureCause::OutOfTime));
        }
        let Some(endpoint) = operation.tenant.app.endpoints.get(&request.endpoint) else {
            // None can be used, for instance because a secret is not in the environment.
            if let Err(why) = &operation.tenant.connector {
                return Ok(Some(FailureCause::NoConnector(why.clone())));
            }
            let why = format!(
                "app {} has no endpoint named {}; configure it",
                operation.tenant.app.name, request.endpoint
            );
            return Ok(Some(FailureCause::Refused(Refusal::Misconfigured(why))));
        };
        let key = operation.idempotency_key();
        fail::fail_point!("call");
        let Ok(placeholders) = self.placeholders(operation, &request) else {
            // The next request brings the password again, if this operation is out of its way.
            let why = "the password that came with this change was lost with the host key that sealed \
                       it: send the change again with a password";
            return Ok(Some(FailureCause::Refused(Refusal::Rejected(why.to_owned()))));
        };
        let call = OutboundCall {
            tenant: &operation.tenant.id,
            endpoint,
            request: &request,
            idempotency_key: &key,
            placeholders: &placeholders,
        };
        let performed = self.delivery.perform(&call, deadline).await;
        fail::fail_point!("call-done");
        match performed {
            Ok(report) => {
                operation.pending = None;
                operation.earlier_response = None;
                let left = !matches!(report.response, Err(Unreachable::CircuitOpen));
                operation.used.calls += usize::from(left);
                if effects::may_have_changed(&request, &report) && !operation.progress.dirty {
                    (operation.progress.dirty, operation.progress_changed) = (true, true);
                    self.note_join(operation)?;
                }
                if effects::may_arrive_late(&request, &report) {
                    operation.progress.late_until = Some(self.latest_arrival());
                    operation.progress_changed = true;
                }
                self.note_reachability(&operation.tenant.app.name, &request, &report);
                let response = report.response;
                operation.exchanges.push(Exchange { request, response });
                Ok(None)
            }
            Err(error) => Ok(Some(FailureCause::of_delivery(&error))),
        }
    }

    /// Until when a call that leaves now may still arrive at the app.
    pub(in crate::lifecycle) fn latest_arrival(&self) -> String {
        rfc3339(later_by(self.clock.now(), self.config.options().longest_call))
    }

    /// Commits outcome, resource, account and operation in one transaction.
    pub(in crate::lifecycle) async fn finish(
        self: &Arc<Self>,
        operation: &mut Operation,
        outcome: Outcome,
    ) -> anyhow::Result<AttemptResult> {
        let now = self.clock.now();
        let mut commit = Commit::default();
        let applied = operation.progress.applied;
        let gone = gone(operation.event.kind, &outcome);
        if applied && gone {
            commit.resource = self.late_deletion(operation).await?;
        }
        match operation.directory_only {
            Some(_) => operation.apply_untold(&mut commit, now),
            None => operation.apply(&mut commit, gone, now),
        }
        operation.sealed = None;
        operation.pending = None;
        let mut row = operation.row(OperationState::Done)?;
        row.answer = Some(serde_json::to_string(&outcome)?);
        row.note = Some(operation.note(&outcome));
        row.finished = Some(rfc3339(now));
        commit.operation = Some(row);
        if let Some(last) = operation.exchanges.len().checked_sub(1) {
            commit.exchanges.push(operation.exchange(last, now)?);
        }
        if operation.connector.is_some() {
            let known = operation.account.as_ref().map(|account| account.resource.clone());
            commit.moved_from = known.filter(|resource| *resource != operation.resource_id());
            let mut account = operation.account_after(outcome.account.clone())?;
            account.doubt |=
                operation.taken_over || self.was_deleted_meanwhile(operation, &account);
            commit.account = Some(account);
            self.settle_members(operation, &mut commit, &outcome).await?;
        }
        operation.add_unwritten(&mut commit);
        // The app was not called, so if the commit fails the change can be decided again.
        if operation.mode != Mode::Durable && !operation.journaled && operation.resource.is_some() {
            let account = commit.account.clone();
            self.wake_after(operation, &Self::wake_of(operation, &commit));
            let receipt = self.store.enqueue(commit).await.map_err(CommitError::into_internal)?;
            return Ok(AttemptResult::Queued(receipt, account));
        }
        let wake = Self::wake_of(operation, &commit);
        match self.write(operation, commit).await {
            Ok(()) => {}
            // The name was taken during the calls: the operation must not be retried for ever.
            Err(CommitError::NameTaken) if operation.journaled => {
                operation.progress.applied = applied;
                let why = names::taken(operation.kind, &operation.subject).detail;
                let cause = FailureCause::Refused(Refusal::Conflict(why));
                return Box::pin(self.stop(operation, cause)).await;
            }
            Err(CommitError::NameTaken) => return Ok(AttemptResult::NameTaken),
            Err(CommitError::AccountTaken) => {
                operation.progress.applied = applied;
                return Box::pin(self.settle_ownership(operation, outcome)).await;
            }
            Err(CommitError::Stale) if operation.journaled => {
                operation.progress.applied = applied;
                return Box::pin(self.finish_again(operation, outcome)).await;
            }
            Err(CommitError::Stale) => return Ok(operation.outdated()),
            Err(error @ CommitError::Internal(_)) => return Err(error.into_internal()),
        }
        self.ended(operation);
        self.forget_refusal(operation);
        self.begun_joins.end(&operation.tenant.id, &operation.resource_id());
        self.note_deletion(operation, &outcome);
        self.wake_after(operation, &wake);
        self.wake_untold(operation);
        Ok(AttemptResult::Done)
    }

    /// The deletion of a resource that was recorded before the connector reported it gone, unless
    /// the resource has changed since.
    async fn late_deletion(&self, operation: &Operation) -> anyhow::Result<Option<ResourceChange>> {
        let id = operation.resource_id();
        let Some(recorded) = operation.recorded_version() else { return Ok(None) };
        let (tenant, kind) = (&operation.tenant.id, operation.kind.name());
        let stored = self.store.resource(tenant, kind, &id, Related::None).await?;
        let unchanged = stored.is_some_and(|stored| stored.version == recorded);
        Ok(unchanged.then(|| operation.deletion(recorded)))
    }

    /// Finishes an operation although the directory has changed during its calls: a person who was
    /// to join was deleted.
    async fn finish_again(
        self: &Arc<Self>,
        operation: &mut Operation,
        outcome: Outcome,
    ) -> anyhow::Result<AttemptResult> {
        // The next try goes on from there.
        if operation.rebased {
            return self.stop(operation, FailureCause::OutOfTime).await;
        }
        // If the resource is gone, only the account and the journal are left to write.
        operation.progress.applied |= !self.rebase(operation).await?;
        operation.rebased = true;
        Box::pin(self.finish(operation, outcome)).await
    }
}

/// Notes that an event which takes a person away is about to be called. From now on, what a group told the
/// app of that person before may be void.
fn note_intent(operation: &mut Operation) {
    if operation.kind != ResourceKind::User || !takes_away(operation.event.kind) {
        return;
    }
    if let Some(account) = &mut operation.account {
        account.stay += 1;
        operation.account_changed = true;
    }
}
