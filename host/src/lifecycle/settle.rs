//! What is still open on a lane comes before what is new: it is finished, joined, or waited for.

use std::sync::Arc;

use tokio::time::Instant;

use super::Host;
use super::change::{Change, Written};
use super::fate::{self, Obstacle};
use super::fault::Fault;
use super::registry::{Reply, Tenant};
use super::run::Ended;
use super::work::{Progress, Work};
use crate::decision::Refusal;
use crate::scim;
use crate::store::{Commit, CommitError, OperationFilter, OperationState, StoredResource};

/// What came of looking.
#[derive(Debug)]
pub(super) enum Settled {
    /// Nothing is open any more.
    Clear,
    /// The same request came before; this is what came of it.
    Joined(Box<Work>, Ended),
    /// Something older cannot be finished just now.
    Blocked(scim::Error),
}

impl Host {
    /// Tries to finish what is open on this lane, oldest first. The caller holds the lane.
    pub(super) async fn settle(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        lane: &str,
        fingerprint: &str,
        deadline: Instant,
    ) -> Result<Settled, Fault> {
        for open in self.open.on(lane) {
            let Some(mut work) = self.restore(&open.operation).await? else { continue };
            let joined = open.fingerprint == fingerprint;
            work.progress.owed = !joined && !work.progress.applied;
            let ended = self.drive(&mut work, deadline, false).await?;
            if joined {
                return Ok(Settled::Joined(Box::new(work), ended));
            }
            if let Ended::Stopped(obstacle, fate::Fate::Open(_)) = ended {
                return Ok(Settled::Blocked(blocked(tenant, &work, &obstacle)));
            }
        }
        Ok(Settled::Clear)
    }

    /// Records a change behind what is open: in full where the app answers when recorded, as a
    /// promise to ourselves where somebody's access must end.
    pub(super) async fn queue(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        change: &mut Change,
    ) -> Result<Option<Written>, Fault> {
        let accept = tenant.app.reply == Reply::WhenRecorded;
        if !accept && !change.event.deprovisions() {
            return Ok(None);
        }
        let related = change.before.as_ref().and_then(|before| before.stored.related.clone());
        let account = match &change.before {
            Some(before) => self.store.account(&tenant.id, &before.stored.id).await?,
            None => None,
        };
        let after = change.after.clone();
        let taken = std::mem::replace(change, Change::new(change.kind, change.event, None, after));
        let mut work = self.work(tenant, taken, account).await?;
        let now = self.clock.now();
        let mut commit = Commit::default();
        if accept {
            work.apply(&mut commit, false, now)?;
        }
        work.progress.owed = !accept;
        let mut row = work.row(OperationState::Open)?;
        row.note = Some("waits for an older operation on the same resource".to_owned());
        row.due = Some(crate::clock::rfc3339(now));
        commit.operation = Some(row);
        match self.store.commit(commit).await {
            Ok(()) => {}
            Err(CommitError::UserNameTaken) => {
                return Err(super::change::taken(&work.subject).into());
            }
            Err(CommitError::Stale) => {
                return Err(anyhow::anyhow!("the resource changed under its lane").into());
            }
            Err(CommitError::Accident(error)) => return Err(error.into()),
        }
        self.open.insert(&work);
        match accept {
            true => Ok(Some(self.written(work, Ended::Recorded, false, related)?)),
            false => Ok(None),
        }
    }

    /// Whether this resource was made by the very same request, whose sender was told to come
    /// back and now has. The debt is paid with this.
    pub(super) async fn owed(
        &self,
        tenant: &Tenant,
        existing: &StoredResource,
        fingerprint: &str,
    ) -> anyhow::Result<bool> {
        let operations = self
            .store
            .operations(&OperationFilter {
                tenant: Some(tenant.id.clone()),
                resource: Some(existing.id.clone()),
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
        self.store.commit(commit).await.map_err(CommitError::into_accident)?;
        Ok(true)
    }
}

fn blocked(tenant: &Tenant, work: &Work, obstacle: &Obstacle) -> scim::Error {
    let obstacle = match obstacle {
        Obstacle::Refused(Refusal::RetryLater(_)) | Obstacle::OutOfTime => obstacle.clone(),
        _ => Obstacle::Refused(Refusal::RetryLater(None)),
    };
    fate::answer(tenant.dialect, work.id(), &obstacle)
}
