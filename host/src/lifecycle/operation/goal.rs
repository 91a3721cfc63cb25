//! What an unfinished operation means for a newer request of the same resource.
//!
//! At most one operation is open or failed for a resource. A request that asks for the same joins it
//! and gets its result. Any other request replaces its goal: the older operation ends as superseded
//! in the first commit of the newer one, and what its calls may have done is in doubt from then on.
//! Three goals outlive a newer request: a deactivation, which stays until a request sets `active`; a
//! removal from a group, which stays until a request names the member; and a deletion, which is
//! finished first.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::time::Instant;

use super::Operations;
use super::change::{Change, SealedPassword, Superseded, WriteResult};
use super::comparison;
use super::disposition::{self, Disposition};
use super::execute::AttemptResult;
use super::journaled::{Progress, creates, lock_key};
use super::resource_lock::{self, LockGuard};
use super::typed_view;
use super::uncommitted_group::UncommittedGroup;
use crate::clock::rfc3339;
use crate::decision::{Event, EventKind, ResourceKind};
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::scim::Resource;
use crate::store::{AccountRow, ExchangeRow, OperationRow, OperationState, Related, ToldMember};

/// An operation that is open or failed, as a newer request meets it.
#[derive(Debug)]
pub(in crate::lifecycle) struct Older {
    pub(in crate::lifecycle) row: OperationRow,
    pub(in crate::lifecycle) progress: Progress,
    pub(in crate::lifecycle) event: Event,
    /// The event as the connector was asked.
    pub(in crate::lifecycle) asked: Event,
    /// The exchanges of its last attempt.
    pub(in crate::lifecycle) exchanges: Vec<ExchangeRow>,
}

impl Older {
    /// Whether the directory is yet to change, so that the goal is the operation's own.
    pub(in crate::lifecycle) fn has_own_goal(&self) -> bool {
        !self.progress.applied
    }

    /// Whether it deletes a resource that the directory still has.
    pub(in crate::lifecycle) fn deletes(&self) -> bool {
        let deletes = matches!(self.event.kind, EventKind::Delete | EventKind::GroupDelete);
        deletes && self.has_own_goal()
    }

    /// Whether it takes a person out whom the directory still has active.
    pub(in crate::lifecycle) fn deactivates(&self) -> bool {
        self.event.kind == EventKind::Deactivate && self.has_own_goal()
    }

    /// Whether a request with this fingerprint asks for the same.
    pub(in crate::lifecycle) fn is_same(&self, change: &Change) -> bool {
        self.row.fingerprint == change.fingerprint()
    }

    /// Whether its resource is yet to be created.
    pub(in crate::lifecycle) fn creates(&self) -> bool {
        creates(self.event.kind, &self.progress)
    }

    /// The key of the lock under which it is driven.
    pub(in crate::lifecycle) fn lock_key(&self) -> String {
        let (row, event) = (&self.row, self.event.kind);
        lock_key(&row.tenant, row.resource_kind, event, &self.progress, &row.subject, || {
            row.resource.clone()
        })
    }

    /// Whether a call was in flight when the journal was written the last time.
    pub(in crate::lifecycle) fn is_pending(&self) -> bool {
        !self.progress.idle && self.exchanges.iter().any(|exchange| exchange.response.is_none())
    }

    /// Whether its calls may have had an effect.
    pub(in crate::lifecycle) fn leaves_doubt(&self) -> bool {
        self.progress.dirty || self.is_pending()
    }

    /// The account after this operation has ended without an outcome, and whether that changes it.
    fn account_after(
        &self,
        account: Option<AccountRow>,
        resource: &str,
        late_until: Option<&str>,
    ) -> anyhow::Result<(Option<AccountRow>, bool)> {
        let members_only = self.event.kind == EventKind::GroupUpdate
            && self.event.changes.iter().all(|change| change == "members");
        if !self.leaves_doubt() || members_only || self.row.connector.is_none() {
            return Ok((account, false));
        }
        let mut account = match account {
            Some(account) => account,
            None => {
                let after = Resource::from_json(&self.event.resource).context("a goal")?;
                let (tenant, kind) = (&self.row.tenant, self.row.resource_kind);
                let (resource, name) = (resource.to_owned(), typed_view::name(&after));
                AccountRow {
                    external_id: after.external_id().map(str::to_owned),
                    ..AccountRow::unknown(tenant, resource, kind, name)
                }
            }
        };
        let told = account.told.as_deref();
        account.told = Some(comparison::may_have_been_told(&self.event.resource, told)?);
        account.doubt = true;
        account.stay += 1;
        let late_until = late_until.map(str::to_owned).max(self.progress.late_until.clone());
        account.late_until = account.late_until.max(late_until);
        Ok((Some(account), true))
    }
}

/// The lock of a creation.
pub(in crate::lifecycle) enum CreationLock {
    /// Acquired, if there is a creation.
    Free(Option<LockGuard<Arc<UncommittedGroup>>>),
    /// The creation is under way.
    Held,
}

impl Operations {
    /// The operation that is open or failed for a resource.
    pub(in crate::lifecycle) async fn older(
        &self,
        tenant: &str,
        resource: &str,
    ) -> anyhow::Result<Option<Older>> {
        let found = self.unfinished.on(&resource_lock::of_resource(tenant, resource));
        let unfinished = found.iter().find(|each| each.state.has_its_resources_place());
        match unfinished {
            Some(found) => self.older_operation(&found.operation).await,
            None => Ok(None),
        }
    }

    /// The operation of this id, if it is open or failed.
    pub(in crate::lifecycle) async fn older_operation(
        &self,
        operation: &str,
    ) -> anyhow::Result<Option<Older>> {
        let Some((row, exchanges)) = self.store.operation(operation).await? else {
            self.unfinished.remove(operation);
            return Ok(None);
        };
        if !row.state.has_its_resources_place() {
            return Ok(None);
        }
        let last = |exchange: &ExchangeRow| exchange.attempt == row.attempt;
        let exchanges = exchanges.into_iter().filter(last).collect();
        let progress = serde_json::from_str(&row.progress).context("a journaled progress")?;
        let asked: Event = serde_json::from_str(&row.event).context("a journaled event")?;
        let event = Event { kind: row.kind, ..asked.clone() };
        Ok(Some(Older { row, progress, event, asked, exchanges }))
    }

    /// Makes a change supersede what is unfinished for its resource: the account is in doubt if the
    /// older operation may have had an effect. To be called before the change is compared.
    pub(in crate::lifecycle) fn supersede(
        &self,
        older: Option<&Older>,
        account: Option<AccountRow>,
        resource: &str,
    ) -> anyhow::Result<Superseded> {
        let Some(older) = older else {
            return Ok(Superseded { account, ..Superseded::default() });
        };
        let latest = self.latest_arrival();
        let late_until = older.is_pending().then_some(latest.as_str());
        let (account, in_doubt) = older.account_after(account, resource, late_until)?;
        let mut doubted = Vec::new();
        if older.leaves_doubt()
            && older.row.resource_kind == ResourceKind::Group
            && older.row.connector.is_some()
        {
            let members = older.event.joined.iter().chain(&older.event.left);
            doubted = members.map(ToldMember::from).collect();
        }
        let late_until = late_until.map(str::to_owned).max(older.progress.late_until.clone());
        let said = older.row.note.clone().filter(|_| older.row.tries > 0);
        let operation = said.map(|said| (older.row.id.clone(), said));
        let mut password = SealedPassword::default();
        if !older.has_own_goal() && older.row.sealed.is_some() {
            password.sealed.clone_from(&older.row.sealed);
            password.placeholder.clone_from(&older.event.password);
        }
        Ok(Superseded { operation, account, in_doubt, doubted, late_until, password })
    }

    /// The account of the same person from before, who was deleted.
    pub(in crate::lifecycle) async fn former_account(
        &self,
        tenant: &str,
        change: &Change,
    ) -> anyhow::Result<Option<AccountRow>> {
        let (subject, external_id) = (change.subject(), change.after.external_id());
        self.store.former_account(tenant, change.kind, &subject, external_id).await
    }

    /// Makes a creation take over the account of the same person from before, with what is unfinished
    /// for it. Returns the locks of that account's resource, which the caller keeps until the creation
    /// has been driven; none if another creation is bringing it about.
    pub(in crate::lifecycle) async fn take_over(
        &self,
        tenant: &str,
        mut change: Change,
    ) -> anyhow::Result<Option<(Change, Vec<LockGuard<Arc<UncommittedGroup>>>)>> {
        if change.account.is_some() {
            return Ok(Some((change, Vec::new())));
        }
        let Some(found) = self.former_account(tenant, &change).await? else {
            return Ok(Some((change, Vec::new())));
        };
        let mut locks = vec![self.acquire(tenant, &found.resource).await];
        let own = resource_lock::of_subject(tenant, change.kind, &change.subject());
        match self.lock_of_creation(tenant, &found.resource, &own).await? {
            CreationLock::Held => return Ok(None),
            CreationLock::Free(lock) => locks.extend(lock),
        }
        // Read again: the previous holder of the lock may have changed it.
        let Some(account) = self.former_account(tenant, &change).await? else {
            return Ok(Some((change, Vec::new())));
        };
        let id = account.resource.clone();
        if id != found.resource {
            return Ok(Some((change, Vec::new())));
        }
        let older = self.older(tenant, &id).await?;
        let unfinished = self.has_unfinished(tenant, &id);
        let superseded = self.supersede(older.as_ref(), Some(account), &id)?;
        let account = superseded.account.clone();
        let disagrees = account.as_ref().is_some_and(|it| it.doubt || it.told.is_some());
        if unfinished {
            let mut resources = std::mem::take(&mut change.supersedes);
            resources.push(id);
            change = change.superseding(resources, &superseded);
        }
        change.account_changed |= disagrees || unfinished;
        change.account = account;
        Ok(Some((change, locks)))
    }

    /// The lock under which the resource is created that does not exist yet, if that is unfinished: of its
    /// name, unless that is the lock which the caller holds.
    pub(in crate::lifecycle) async fn lock_of_creation(
        &self,
        tenant: &str,
        resource: &str,
        own: &str,
    ) -> anyhow::Result<CreationLock> {
        let older = self.older(tenant, resource).await?;
        let Some(older) = older.filter(|older| older.creates() && older.lock_key() != own) else {
            return Ok(CreationLock::Free(None));
        };
        let lock = self.locks.try_acquire(older.lock_key()).await;
        Ok(lock.map_or(CreationLock::Held, |lock| CreationLock::Free(Some(lock))))
    }

    /// Whether anything is unfinished for a resource, held operations included.
    pub(in crate::lifecycle) fn has_unfinished(&self, tenant: &str, resource: &str) -> bool {
        !self.unfinished.is_free(&resource_lock::of_resource(tenant, resource))
    }

    /// Drives an older operation for a request that asks for the same, and returns its result.
    pub(in crate::lifecycle) async fn join(
        self: &Arc<Self>,
        mut older: Older,
        deadline: Instant,
        created: bool,
    ) -> Result<WriteResult, Error> {
        // What an identity provider asks for outlives the job that asked before.
        older.row.job = None;
        self.drive_again(older, deadline, created).await
    }

    /// Drives an older operation once more, and returns its result.
    pub(in crate::lifecycle) async fn drive_again(
        self: &Arc<Self>,
        older: Older,
        deadline: Instant,
        created: bool,
    ) -> Result<WriteResult, Error> {
        let (id, kind) = (older.row.resource.clone(), older.row.resource_kind);
        let tenant = older.row.tenant.clone();
        let due = older.row.due.clone().filter(|_| older.row.state == OperationState::Open);
        let failed = older.row.state == OperationState::Failed;
        let Some(mut operation) = self.restore(older).await? else {
            return self.as_stored(&tenant, kind, &id, created).await;
        };
        // A request that asks again is the reason to try again, and no try of the host.
        operation.due = due.or_else(|| Some(rfc3339(self.clock.now())));
        if failed {
            (operation.due, operation.tries) = (None, 0);
        }
        operation.progress.last_asked = Some(rfc3339(self.clock.now()));
        operation.progress.owed = false;
        let result = match self.check_admission_again(&mut operation).await? {
            Some(result) => result,
            None => self.drive(&mut operation, deadline, false).await?,
        };
        match result {
            AttemptResult::Done if operation.resource.is_none() => {
                self.as_stored(&tenant, kind, &id, created).await
            }
            result => self.write_result(operation, result, created, Some("[]".to_owned())),
        }
    }

    /// Drives an older operation that a newer request must not replace. None if it is finished; else
    /// the answer for the newer request.
    pub(in crate::lifecycle) async fn finish_older(
        self: &Arc<Self>,
        tenant: &Tenant,
        older: Older,
        deadline: Instant,
    ) -> Result<Option<crate::scim::Error>, Error> {
        if self.is_of_a_cancelled_job(older.row.job.as_deref()).await? {
            self.end_with_job(older).await?;
            return Ok(None);
        }
        let due = older.row.due.clone();
        let id = older.row.id.clone();
        let Some(mut operation) = self.restore(older).await? else { return Ok(None) };
        operation.due = due.or_else(|| Some(rfc3339(self.clock.now())));
        let result = match self.check_admission_again(&mut operation).await? {
            Some(result) => result,
            None => self.drive(&mut operation, deadline, false).await?,
        };
        Ok(match result {
            AttemptResult::Stopped(_, Disposition::Open(_) | Disposition::Failed) => {
                Some(disposition::wait_for_older(tenant.dialect(), &id))
            }
            _ => None,
        })
    }

    /// The answer for a resource as it is in the directory.
    async fn as_stored(
        &self,
        tenant: &str,
        kind: ResourceKind,
        id: &str,
        created: bool,
    ) -> Result<WriteResult, Error> {
        let related = if kind == ResourceKind::User { Related::Groups } else { Related::None };
        let stored = self.store.resource(tenant, kind.name(), id, related).await?;
        Ok(match stored {
            Some(stored) if created => WriteResult::Created(stored),
            Some(stored) => WriteResult::Kept(stored),
            None => WriteResult::Gone,
        })
    }
}
