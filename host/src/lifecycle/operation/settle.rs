//! Open operations come before a new request for the same resource: it finishes them, joins one of
//! them, or waits behind them.
//!
//! A request that equals an open operation joins it and gets its result. If an older operation
//! cannot be finished now, the identity provider must retry later; a request that deprovisions, or
//! whose app answers when recorded, is recorded behind it. When a create is done after its identity
//! provider was told to retry later, the answer is owed once: the repeated create gets 201, and
//! after that the name is taken (409).

use std::sync::Arc;

use tokio::time::Instant;

use super::Operations;
use super::admission::{admitted, withheld};
use super::change::{Change, Written, taken};
use super::fate::{self, Obstacle};
use super::run::Ended;
use super::work::{Progress, Work};
use crate::clock::rfc3339;
use crate::decision::Refusal;
use crate::lifecycle::config::snapshot::{ReplyMode, Tenant};
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::{Commit, CommitError, JobState, OperationFilter, OperationState};

/// The state of a lane after the attempt to finish its open operations.
#[derive(Debug)]
pub(in crate::lifecycle) enum Settled {
    /// Nothing is open any more.
    Clear,
    /// The same request came before; this is its result.
    Joined(Box<Work>, Ended),
    /// An older operation cannot be finished now.
    Blocked(scim::Error),
}

impl Operations {
    /// Finishes the operations that are open on a resource. The change joins the same one, or is
    /// queued behind them. None if nothing is open any more: the caller carries the change out, and
    /// first reads the resource again, which may have changed.
    pub(in crate::lifecycle) async fn make_way(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        key: &str,
        change: Option<Change>,
        deadline: Instant,
    ) -> Result<Option<Written>, Error> {
        let fingerprint = change.as_ref().map(Change::fingerprint);
        match self.settle(tenant, key, fingerprint.as_deref(), deadline).await? {
            Settled::Clear => Ok(None),
            Settled::Joined(work, ended) => Ok(Some(self.joined(*work, ended, false).await?)),
            Settled::Blocked(error) => {
                let queued = match change {
                    Some(change) => self.queue(tenant, key, change).await?,
                    None => None,
                };
                queued.map(Some).ok_or_else(|| error.into())
            }
        }
    }

    /// Tries to finish the operations that are open on this lane, oldest first. The caller holds
    /// the lane, and reads the resource again afterwards, which may have changed.
    pub(in crate::lifecycle) async fn settle(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        lane: &str,
        fingerprint: Option<&str>,
        deadline: Instant,
    ) -> Result<Settled, Error> {
        for open in self.open.on(lane) {
            let joined = fingerprint == Some(open.fingerprint.as_str());
            let driven = self.drive_open(lane, &open.operation, deadline, joined, false).await?;
            let Some((work, ended)) = driven else { continue };
            if joined {
                return Ok(Settled::Joined(Box::new(work), ended));
            }
            if let Ended::Stopped(obstacle, fate::Fate::Open(_)) = ended {
                return Ok(Settled::Blocked(blocked(tenant, &work, &obstacle)));
            }
        }
        Ok(Settled::Clear)
    }

    /// Drives one open operation under its own lane, unless a later decision of an operator keeps
    /// it from the app. The caller holds `lane`. The name's lane is always taken before the resource's,
    /// never the reverse.
    pub(in crate::lifecycle) async fn drive_open(
        self: &Arc<Self>,
        lane: &str,
        operation: &str,
        deadline: Instant,
        awaited: bool,
        forced: bool,
    ) -> anyhow::Result<Option<(Work, Ended)>> {
        let Some(mut work) = self.restore(operation).await? else {
            self.open.forget(operation);
            return Ok(None);
        };
        let own = work.lane();
        let _own = if own == lane { None } else { Some(self.lanes.enter(own).await) };
        if _own.is_some() {
            // Read again: the previous holder of that lane may have finished it.
            let Some(again) = self.restore(operation).await? else { return Ok(None) };
            work = again;
        }
        work.progress.owed = !awaited && !work.progress.applied;
        if !forced && let Some((state, note)) = self.kept_back(&work).await? {
            self.keep_back(&mut work, state, note).await?;
            return Ok(Some((work, Ended::Recorded)));
        }
        let ended = self.drive(&mut work, deadline, false).await?;
        Ok(Some((work, ended)))
    }

    /// Whether the tenant was paused or disconnected, or the account released or protected, since a
    /// deprovisioning operation was recorded. Returns its new state and the note.
    async fn kept_back(
        &self,
        work: &Work,
    ) -> anyhow::Result<Option<(OperationState, &'static str)>> {
        if !work.event.kind.deprovisions() {
            return Ok(None);
        }
        if work.protected {
            return Ok(Some((OperationState::Dropped, "the account was protected in between")));
        }
        // A job of an operator is carried out in any state of the tenant, until it is cancelled.
        if let Some(job) = &work.batch {
            let job = self.store.job(job).await?;
            let cancelled = job.is_some_and(|job| job.state == JobState::Cancelled);
            return Ok(cancelled.then_some((OperationState::Held, "held: its job was cancelled")));
        }
        let account = self.store.account(&work.tenant.id, &work.resource_id()).await?;
        Ok(withheld(work.tenant.state, work.event.kind, account.as_ref()).unwrap_or(None))
    }

    async fn keep_back(
        &self,
        work: &mut Work,
        state: OperationState,
        note: &str,
    ) -> anyhow::Result<()> {
        let now = self.clock.now();
        let mut commit = Commit::default();
        if !work.protected {
            work.apply(&mut commit, false, now);
        }
        let mut row = work.row(state)?;
        row.note = Some(note.to_owned());
        row.finished = (state == OperationState::Dropped).then(|| rfc3339(now));
        row.sealed = None;
        commit.operation = Some(row);
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        self.open.remove(work);
        Ok(())
    }

    /// Drops the held operations of a tenant that was disconnected.
    pub(in crate::lifecycle) async fn drop_held(&self, tenant: &str) -> anyhow::Result<()> {
        loop {
            let filter = OperationFilter {
                tenant: Some(tenant.to_owned()),
                state: Some(OperationState::Held),
                limit: 500,
                ..OperationFilter::default()
            };
            let held = self.store.operations(&filter).await?;
            if held.is_empty() {
                return Ok(());
            }
            for mut row in held {
                row.state = OperationState::Dropped;
                row.finished = Some(rfc3339(self.clock.now()));
                row.note = Some("held, then superseded: the integration has ended".to_owned());
                let commit = Commit { operation: Some(row), ..Commit::default() };
                self.store.commit(commit).await.map_err(CommitError::into_internal)?;
            }
        }
    }

    /// Records a change behind the open operations: with its resource if the reply mode is
    /// `when-recorded`, without it if the change deprovisions. None if the identity provider must
    /// repeat its request.
    pub(in crate::lifecycle) async fn queue(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        lane: &str,
        change: Change,
    ) -> Result<Option<Written>, Error> {
        let accept = tenant.app.reply == ReplyMode::WhenRecorded;
        let fingerprint = change.fingerprint();
        let queued = self.open.on(lane).iter().any(|open| open.fingerprint == fingerprint);
        // A change of one version only does not apply to the version after the open operations.
        let lasting = change.event.deprovisions() && !change.conditional;
        if queued || !accept && !lasting {
            return Ok(None);
        }
        let related = change.before.as_ref().and_then(|before| before.stored.related.clone());
        let account = change.before.as_ref().and_then(|before| before.account.clone());
        let held = admitted(tenant, &change, account.as_ref())?;
        let mut work = self.work(tenant, change, account).await?;
        if let Some((state, note)) = held {
            return Ok(Some(self.acknowledge(work, state, note, related).await?));
        }
        let now = self.clock.now();
        let mut commit = Commit::default();
        if accept {
            work.apply(&mut commit, false, now);
        }
        work.progress.owed = !accept;
        let mut row = work.row(OperationState::Open)?;
        row.note = Some("waits for an older operation on the same resource".to_owned());
        row.due = Some(rfc3339(now));
        commit.operation = Some(row);
        match self.store.commit(commit).await {
            Ok(()) => {}
            Err(CommitError::UserNameTaken) => return Err(taken(&work.subject).into()),
            Err(error) => return Err(error.into_internal().into()),
        }
        self.open.insert(&work);
        match accept {
            true => Ok(Some(self.written(work, Ended::Recorded, false, related)?)),
            false => Ok(None),
        }
    }

    /// Whether the same request has created this resource after its sender was told to retry later.
    /// The answer is owed once: this call clears it.
    pub(in crate::lifecycle) async fn owed(
        &self,
        tenant: &Tenant,
        existing: &str,
        fingerprint: &str,
    ) -> anyhow::Result<bool> {
        let operations = self
            .store
            .operations(&OperationFilter {
                tenant: Some(tenant.id.clone()),
                resource: Some(existing.to_owned()),
                state: Some(OperationState::Done),
                limit: 1,
                oldest_first: true,
                ..OperationFilter::default()
            })
            .await?;
        let Some(mut operation) = operations.into_iter().next() else { return Ok(false) };
        let mut progress: Progress = serde_json::from_str(&operation.progress)?;
        if !progress.owed || operation.fingerprint != fingerprint {
            return Ok(false);
        }
        progress.owed = false;
        operation.progress = serde_json::to_string(&progress)?;
        let commit = Commit { operation: Some(operation), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        Ok(true)
    }
}

fn blocked(tenant: &Tenant, work: &Work, obstacle: &Obstacle) -> scim::Error {
    let obstacle = match obstacle {
        Obstacle::Refused(Refusal::RetryLater(_)) | Obstacle::OutOfTime => obstacle.clone(),
        _ => Obstacle::Refused(Refusal::RetryLater(None)),
    };
    fate::answer(tenant.dialect(), work.id(), &obstacle)
}
