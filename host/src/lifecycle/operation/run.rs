//! An attempt at one operation: decide, call, decide again, until it is done or stopped.
//!
//! A request to the app is in the journal before it leaves, and its answer is in the journal before
//! the next request leaves. So a restart continues with the request that had no answer yet.
//! Outcome, resource, account and operation become durable in one transaction.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::Operations;
use super::change::taken;
use super::fate::{self, Fate, Obstacle};
use super::work::{Work, gone};
use crate::clock::rfc3339;
use crate::connector::Question;
use crate::decision::{
    EventKind, Exchange, Outcome, Refusal, Request, ResourceKind, Step, Visibility,
};
use crate::delivery::{Placeholder, Secret};
use crate::lifecycle::config::snapshot::ReplyMode;
use crate::store::{
    AccountRow, Commit, CommitError, OperationState, Receipt, Related, ResourceChange,
};

/// How an attempt ended.
#[derive(Debug)]
pub(in crate::lifecycle) enum Ended {
    /// The outcome is durable.
    Done,
    /// The commit of the outcome, with this account, is queued.
    Passing(Receipt, Option<AccountRow>),
    /// The operation is recorded and the resource changed; the attempt continues in the background.
    Recorded,
    /// The operation could not be finished.
    Stopped(Obstacle, Fate),
    /// Another user has the `userName`.
    Taken,
    /// Speculative: depends on an uncommitted change, and needed a call or a refusal. Discarded, to
    /// be decided again when the change is durable.
    Leaning,
}

/// The connector's next step.
enum Next {
    Call(Request),
    Done(Outcome),
    Stop(Obstacle),
}

impl Operations {
    /// Drives an operation until it is done or stopped, or the deadline passes, and makes its
    /// progress durable.
    ///
    /// The caller holds the resource's lock. With `detach`, an app whose reply mode is
    /// `when-recorded` gets its first call from a background task.
    pub(in crate::lifecycle) async fn drive(
        self: &Arc<Self>,
        work: &mut Work,
        deadline: Instant,
        detach: bool,
    ) -> anyhow::Result<Ended> {
        loop {
            let next = self.next(work).await;
            let passes = matches!(&next, Next::Done(outcome) if !gone(work.event.kind, outcome));
            if work.leaning && !passes {
                return Ok(Ended::Leaning);
            }
            match next {
                Next::Done(outcome) => return self.finish(work, outcome).await,
                Next::Stop(obstacle) => return self.stop(work, obstacle).await,
                Next::Call(request) => {
                    if let Some(ended) = self.intend(work, request, detach).await? {
                        return Ok(ended);
                    }
                    if let Some(obstacle) = self.call(work, deadline).await? {
                        return self.stop(work, obstacle).await;
                    }
                }
            }
        }
    }

    async fn next(&self, work: &mut Work) -> Next {
        let Some(connector) = work.connector.clone() else {
            return match &work.tenant.connector {
                Ok(_) => Next::Done(unasked(work)),
                Err(why) => Next::Stop(Obstacle::NoConnector(why.clone())),
            };
        };
        let limits = work.tenant.app.limits;
        let decided = self
            .config
            .connectors()
            .runtime()
            .decide(
                &connector,
                Question {
                    context: Arc::clone(&work.context),
                    event: Arc::clone(&work.event),
                    exchanges: work.exchanges.clone().into(),
                },
                limits.decision,
            )
            .await;
        work.used.add(&decided);
        // A connector that is asked again repeats its earlier log lines.
        work.log = decided.log.iter().map(|l| format!("{}: {}", l.level, l.message)).collect();
        match decided.answer {
            Err(failure) => Next::Stop(Obstacle::Failed(failure)),
            Ok(Err(refusal)) => Next::Stop(Obstacle::Refused(refusal)),
            Ok(Ok(Step::Done(outcome))) => Next::Done(outcome),
            Ok(Ok(Step::Call(_))) if work.exchanges.len() >= limits.calls => {
                Next::Stop(Obstacle::Forbidden(format!(
                    "the connector asked for more calls than app {} allows ({})",
                    work.tenant.app.name, limits.calls
                )))
            }
            Ok(Ok(Step::Call(request))) => Next::Call(request),
        }
    }

    /// Makes a request durable before it leaves, together with the answer to the request before it.
    async fn intend(
        self: &Arc<Self>,
        work: &mut Work,
        request: Request,
        detach: bool,
    ) -> anyhow::Result<Option<Ended>> {
        if work.pending.as_ref() == Some(&request) {
            return Ok(None); // Already in the journal, from before a restart or a retry.
        }
        if self.is_taken(work).await? {
            return Ok(Some(Ended::Taken));
        }
        work.pending = Some(request);
        let now = self.clock.now();
        let mut commit = Commit::default();
        let detach =
            detach && work.tenant.app.reply == ReplyMode::WhenRecorded && !work.progress.applied;
        if detach {
            work.apply(&mut commit, false, now);
        }
        let n = work.exchanges.len();
        if let Some(last) = n.checked_sub(1) {
            commit.exchanges.push(work.exchange(last, now)?);
        }
        commit.exchanges.push(work.exchange(n, now)?);
        // After a restart, the first call must be decided from the same operation.
        if n == 0 || !work.journaled || detach {
            commit.operation = Some(work.row(OperationState::Open)?);
        }
        match self.store.commit(commit).await {
            Ok(()) => {}
            Err(CommitError::UserNameTaken) => return Ok(Some(Ended::Taken)),
            Err(CommitError::Stale) => anyhow::bail!("the resource changed while it was locked"),
            Err(CommitError::Internal(error)) => return Err(error),
        }
        work.journaled = true;
        self.open.insert(work);
        if detach {
            self.continue_in_background(work.clone());
            return Ok(Some(Ended::Recorded));
        }
        Ok(None)
    }

    /// Whether another user has the `userName` that this one is about to get: the app is not called
    /// for a change that the commit would refuse.
    async fn is_taken(&self, work: &Work) -> anyhow::Result<bool> {
        let named = work.event.kind == EventKind::Create
            || work.event.changes.iter().any(|change| change == "userName");
        if work.journaled || work.kind != ResourceKind::User || !named {
            return Ok(false);
        }
        let owner = self.store.by_user_name(&work.tenant.id, &work.subject).await?;
        Ok(owner.is_some_and(|owner| owner.id != work.resource_id()))
    }

    /// Performs the pending request. Its answer becomes durable with the next step.
    async fn call(&self, work: &mut Work, deadline: Instant) -> anyhow::Result<Option<Obstacle>> {
        let request = work.pending.clone().context("a call without a request")?;
        if Instant::now() >= deadline {
            return Ok(Some(Obstacle::OutOfTime));
        }
        let Some(endpoint) = work.tenant.app.endpoints.get(&request.endpoint) else {
            let why = format!(
                "app {} has no endpoint named {}; configure it",
                work.tenant.app.name, request.endpoint
            );
            return Ok(Some(Obstacle::Refused(Refusal::Misconfigured(why))));
        };
        let key = work.idempotency_key();
        fail::fail_point!("call");
        let placeholders = self.placeholders(work)?;
        let performed =
            self.delivery.perform(endpoint, &request, &key, &placeholders, deadline).await;
        fail::fail_point!("call-done");
        match performed {
            Ok(performed) => {
                work.pending = None;
                let response = performed.response;
                work.exchanges.push(Exchange { request, response });
                Ok(None)
            }
            Err(error) => Ok(Some(Obstacle::Forbidden(error.to_string()))),
        }
    }

    fn placeholders(&self, work: &Work) -> anyhow::Result<Vec<Placeholder>> {
        let (Some(sealed), Some(placeholder)) = (&work.sealed, &work.event.password) else {
            return Ok(Vec::new());
        };
        let password = String::from_utf8(self.config.key().unseal(sealed)?)?;
        Ok(vec![Placeholder { text: placeholder.clone(), value: Secret::new(password) }])
    }

    /// Commits outcome, resource, account and operation in one transaction.
    async fn finish(&self, work: &mut Work, outcome: Outcome) -> anyhow::Result<Ended> {
        let now = self.clock.now();
        let mut commit = Commit::default();
        let applied = work.progress.applied;
        if work.event.kind == EventKind::Activate {
            commit.overtaking = Some("held, then superseded: the person is active again");
        }
        let gone = gone(work.event.kind, &outcome);
        if applied && gone {
            commit.resource = self.late_deletion(work).await?;
        }
        work.apply(&mut commit, gone, now);
        work.attempts += 1;
        work.sealed = None;
        work.pending = None;
        let mut row = work.row(OperationState::Done)?;
        row.answer = Some(serde_json::to_string(&outcome)?);
        row.note = Some(outcome.note.clone());
        row.finished = Some(rfc3339(now));
        commit.operation = Some(row);
        if let Some(last) = work.exchanges.len().checked_sub(1) {
            commit.exchanges.push(work.exchange(last, now)?);
        }
        if work.connector.is_some() {
            commit.account = Some(work.account(outcome.account.clone()));
        }
        // The app was not called, so if the commit fails the change can be decided again.
        if work.passing && !work.journaled && work.resource.is_some() {
            let account = commit.account.clone();
            let receipt = self.store.enqueue(commit).await.map_err(CommitError::into_internal)?;
            return Ok(Ended::Passing(receipt, account));
        }
        match self.store.commit(commit).await {
            Ok(()) => {}
            // The name was taken during the calls: the operation must not be retried for ever.
            Err(CommitError::UserNameTaken) if work.journaled => {
                work.progress.applied = applied;
                let why = taken(&work.subject).detail;
                return self.stop(work, Obstacle::Refused(Refusal::Conflict(why))).await;
            }
            Err(CommitError::UserNameTaken) => return Ok(Ended::Taken),
            Err(CommitError::Stale) if work.journaled => {
                work.progress.applied = applied;
                return self.finish_anew(work, outcome).await;
            }
            Err(CommitError::Stale) => anyhow::bail!("the resource changed while it was locked"),
            Err(CommitError::Internal(error)) => return Err(error),
        }
        self.open.remove(work);
        Ok(Ended::Done)
    }

    /// The deletion of a resource that was recorded before the connector reported it gone, unless
    /// the resource has changed since.
    async fn late_deletion(&self, work: &Work) -> anyhow::Result<Option<ResourceChange>> {
        let id = work.resource_id();
        let recorded = work.progress.expected.unwrap_or(0) + 1;
        let stored =
            self.store.resource(&work.tenant.id, work.kind.name(), &id, Related::None).await?;
        let unchanged = stored.is_some_and(|stored| stored.version == recorded);
        Ok(unchanged.then(|| work.deletion(recorded)))
    }

    /// Finishes an operation although the directory has changed during its calls: a person who was
    /// to join was deleted, or an operator has retried an old operation.
    async fn finish_anew(&self, work: &mut Work, outcome: Outcome) -> anyhow::Result<Ended> {
        if work.rebased {
            let why = "other operations have changed the resource".to_owned();
            return self.stop(work, Obstacle::Forbidden(why)).await;
        }
        // If the resource is gone, only the account and the journal are left to write.
        work.progress.applied |= !self.rebase(work).await?;
        work.rebased = true;
        Box::pin(self.finish(work, outcome)).await
    }

    /// Makes the obstacle and the new state of the operation durable.
    async fn stop(&self, work: &mut Work, obstacle: Obstacle) -> anyhow::Result<Ended> {
        let now = self.clock.now();
        let accepted = work.progress.applied;
        let fate = fate::of(work.event.kind, accepted, work.attempts, &obstacle);
        if let (Fate::Open(_), Obstacle::Refused(refusal)) = (fate, &obstacle) {
            work.ask_again(refusal);
        }
        work.attempts += 1;
        work.progress.owed |= matches!(fate, Fate::Open(_)) && !accepted;
        let state = match fate {
            Fate::Open(_) => OperationState::Open,
            Fate::Refused => OperationState::Refused,
            Fate::Failed => OperationState::Failed,
        };
        let mut row = work.row(state)?;
        row.answer = Some(serde_json::to_string(&why(&obstacle))?);
        row.note = Some(why(&obstacle));
        match fate {
            Fate::Open(wait) => row.due = Some(rfc3339(later_by(now, wait))),
            Fate::Refused => {
                row.finished = Some(rfc3339(now));
                row.sealed = None;
            }
            Fate::Failed => {}
        }
        let mut commit = Commit { operation: Some(row), ..Commit::default() };
        if let Some(last) = work.exchanges.len().checked_sub(1) {
            commit.exchanges.push(work.exchange(last, now)?);
        }
        if work.pending.is_some() {
            commit.exchanges.push(work.exchange(work.exchanges.len(), now)?);
        }
        match self.store.commit(commit).await {
            Ok(()) => {}
            Err(CommitError::Internal(error)) => return Err(error),
            Err(_) => anyhow::bail!("the store refused a commit without a resource"),
        }
        work.journaled = true;
        log_stop(work, &obstacle, fate);
        match fate {
            Fate::Open(_) => self.open.insert(work),
            Fate::Refused | Fate::Failed => self.open.remove(work),
        }
        Ok(Ended::Stopped(obstacle, fate))
    }
}

/// Logs why an attempt ended without an outcome: its kind only, since an app's words may be personal.
fn log_stop(work: &Work, obstacle: &Obstacle, fate: Fate) {
    let (operation, tenant, app) = (work.id(), &*work.tenant.id, &*work.tenant.app.name);
    let (event, reason) = (work.event.kind.name(), obstacle.name());
    match fate {
        Fate::Open(wait) => {
            let retry_in = wait.as_secs();
            tracing::warn!(
                operation,
                tenant,
                app,
                event,
                reason,
                retry_in,
                "operation: to be retried"
            );
        }
        Fate::Refused => {
            tracing::info!(operation, tenant, app, event, reason, "operation: refused");
        }
        Fate::Failed => {
            tracing::error!(operation, tenant, app, event, reason, "operation: failed");
        }
    }
}

/// The reason for the journal.
pub(in crate::lifecycle) fn why(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Refused(Refusal::Rejected(why)) => format!("rejected: {why}"),
        Obstacle::Refused(Refusal::Conflict(why)) => format!("conflict: {why}"),
        Obstacle::Refused(Refusal::Forbidden(why)) => format!("forbidden: {why}"),
        Obstacle::Refused(Refusal::Unsupported(why)) => format!("unsupported: {why}"),
        Obstacle::Refused(Refusal::Misconfigured(why)) => format!("misconfigured: {why}"),
        Obstacle::Refused(Refusal::RetryLater(_)) => {
            "the app cannot be reached, or asks to wait".to_owned()
        }
        Obstacle::Failed(failure) => format!("the connector failed: {failure}"),
        Obstacle::Forbidden(why) => format!("the connector was stopped: {why}"),
        Obstacle::OutOfTime => "the app did not answer in time".to_owned(),
        Obstacle::NoConnector(why) => format!("no connector: {why}"),
    }
}

/// The outcome if the connector does not get events of this kind.
fn unasked(work: &Work) -> Outcome {
    let gone = matches!(work.event.kind, EventKind::Delete | EventKind::GroupDelete);
    Outcome {
        account: work.context.account.clone(),
        visibility: if gone { Visibility::Gone } else { Visibility::Present },
        note: "recorded; the connector takes no groups".to_owned(),
    }
}

fn later_by(now: jiff::Timestamp, wait: Duration) -> jiff::Timestamp {
    jiff::SignedDuration::try_from(wait).map_or(now, |wait| now + wait)
}
