//! Writes of groups: creation, and changes of attributes and members.
//!
//! Many changes of one group come at the same time, for example when everyone is assigned to it. So
//! the group's lock is not held until a change is durable: it is released once the change is
//! decided, and the next change is decided from the uncommitted state. Both share a transaction. If
//! a commit fails, so do the commits that were built on it, since each expects the version before
//! it; they are decided again.
//!
//! A change that was decided from uncommitted state has no other effect than a commit behind the
//! one that it depends on. If it would lead to a call, a refusal or an answer without a commit, it
//! is discarded, and decided again when everything before it is durable.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::Directory;
use super::membership::{MEMBERS_PER_EVENT, MembershipDelta, needs_all_members};
use super::write::WriteTarget;
use crate::decision::{EventKind, ResourceKind};
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::admission::admitted;
use crate::lifecycle::operation::carry_out::Prepared;
use crate::lifecycle::operation::change::{Before, Change, Written, taken};
use crate::lifecycle::operation::event;
use crate::lifecycle::operation::lane;
use crate::lifecycle::operation::lane::Lane;
use crate::lifecycle::operation::run::Ended;
use crate::lifecycle::operation::settle::Settled;
use crate::lifecycle::operation::standing::Standing;
use crate::lifecycle::operation::work::Work;
use crate::scim::{self, Draft, MemberChange, MemberRef, Patched, Resource};
use crate::store::{
    AccountRow, CommitError, OperationFilter, OperationState, Receipt, Related, StoredResource,
};

/// How often a change is decided, if commits that it depends on fail.
const MAX_ATTEMPTS: usize = 8;

/// A decided change whose commit is queued.
struct QueuedChange {
    work: Work,
    receipt: Receipt,
    account: Option<AccountRow>,
}

impl Directory {
    pub(super) async fn create_group(
        self: &Arc<Self>,
        target: &WriteTarget,
        draft: Draft,
    ) -> Result<Written, Error> {
        let deadline = self.config.deadline();
        let resource = draft.resource.with_id(&self.clock.new_id());
        let all: BTreeSet<String> =
            draft.members.unwrap_or_default().into_iter().map(|m| m.value).collect();
        let members = self.initial_members(target, all.iter().cloned().collect()).await?;
        let first = members.slices().into_iter().next().unwrap_or_default();
        let mut change = Change::new(EventKind::GroupCreate, None, resource);
        change.nested = first.nested;
        change.joined = first.joined;
        let written = self.create_or_find_group(target, change, deadline).await?;
        let Written::Created(stored) = &written else { return Ok(written) };
        if all.len() <= MEMBERS_PER_EVENT {
            return Ok(written);
        }
        // The remaining members, or those that an earlier attempt has not added.
        let add: Vec<MemberRef> = all.into_iter().map(member_reference).collect();
        let addition = |group: &Resource| {
            let members = vec![MemberChange::Add(add.clone())];
            Ok(Patched { resource: group.clone(), members, password: None })
        };
        match self.modify_group(target, &stored.id, addition, deadline).await? {
            Written::Kept(stored) => Ok(Written::Created(stored)),
            other => Ok(other),
        }
    }

    /// Creates the group, or finds the one that the same request has created before.
    async fn create_or_find_group(
        self: &Arc<Self>,
        target: &WriteTarget,
        change: Change,
        deadline: Instant,
    ) -> Result<Written, Error> {
        let key = lane::of_subject(&target.tenant.id, ResourceKind::Group, &change.subject());
        let fingerprint = change.fingerprint();
        let _lane = self.operations.lanes().enter(key.clone()).await;
        let tenant = &self.with_current_tenant(target).await?.tenant;
        match self.operations.settle(tenant, &key, Some(&fingerprint), deadline).await? {
            Settled::Clear => {}
            Settled::Joined(work, ended) => {
                return self.operations.joined(*work, ended, true).await;
            }
            Settled::Blocked(error) => return Err(error.into()),
        }
        for stored in self.created_with_this_name(tenant, &change).await? {
            if self.operations.owed(tenant, &stored.id, &fingerprint).await? {
                return Ok(Written::Created(stored));
            }
        }
        self.operations.carry_out(tenant, change, deadline).await
    }

    /// Groups that were created with the same name; group names are not unique.
    async fn created_with_this_name(
        &self,
        tenant: &Tenant,
        change: &Change,
    ) -> Result<Vec<StoredResource>, Error> {
        let filter = OperationFilter {
            tenant: Some(tenant.id.clone()),
            kind: Some(EventKind::GroupCreate),
            state: Some(OperationState::Done),
            limit: 20,
            ..OperationFilter::default()
        };
        let subject = change.subject();
        let mut found = Vec::new();
        for row in self.store.operations(&filter).await? {
            if row.subject == subject {
                let id = &row.resource;
                found.extend(
                    self.store
                        .resource(&tenant.id, ResourceKind::Group.name(), id, Related::None)
                        .await?,
                );
            }
        }
        Ok(found)
    }

    /// Changes a group. PUT and PATCH differ only in their modification.
    pub(super) async fn modify_group(
        self: &Arc<Self>,
        target: &WriteTarget,
        id: &str,
        modification: impl Fn(&Resource) -> Result<Patched, scim::Error>,
        deadline: Instant,
    ) -> Result<Written, Error> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(written) =
                self.try_modify_group(target, id, &modification, deadline).await?
            {
                return Ok(written);
            }
        }
        Err(anyhow::anyhow!("group {id} could not be changed in {MAX_ATTEMPTS} attempts").into())
    }

    /// None if the state that the change was decided from was not committed.
    async fn try_modify_group(
        self: &Arc<Self>,
        target: &WriteTarget,
        id: &str,
        modification: impl Fn(&Resource) -> Result<Patched, scim::Error>,
        deadline: Instant,
    ) -> Result<Option<Written>, Error> {
        let key = lane::of_resource(&target.tenant.id, id);
        let (lane, uncommitted) = self.operations.lanes().follow(key.clone()).await;
        let target = &self.with_current_tenant(target).await?;
        if self.operations.open().on(&key).is_empty() {
            let queued = self
                .change_speculatively(target, id, &modification, &uncommitted, deadline)
                .await?;
            if let Some(queued) = queued {
                return self.release_and_wait(lane, queued).await;
            }
            lane.quiet().await;
        } else {
            lane.quiet().await;
            // Only to recognise a repeated request: the open operations may change the group.
            let change = self.first_group_change(target, id, &modification).await?;
            if let Some(written) =
                self.operations.make_way(&target.tenant, &key, change, deadline).await?
            {
                return Ok(Some(written));
            }
        }
        let before = self.read_before(target, id).await?;
        let Patched { resource: after, members, .. } = modification(&before.resource)?;
        let mut slices = self.membership_delta(target, id, &members, &[]).await?.slices();
        if slices.len() > 1 {
            let written = self.change_in_slices(target, before, after, slices, deadline).await?;
            return Ok(Some(written));
        }
        let stored = before.stored.clone();
        match group_change(before, after, slices.pop().unwrap_or_default()) {
            Some(change) => {
                self.change_and_release_early(&target.tenant, lane, change, deadline).await
            }
            None => Ok(Some(Written::Kept(stored))),
        }
    }

    /// Decides a change from uncommitted state. None if there is no such state, or if the decision
    /// leads to anything but a commit behind it: no answer, call or refusal may follow from a state
    /// that may never be committed.
    async fn change_speculatively(
        self: &Arc<Self>,
        target: &WriteTarget,
        id: &str,
        modification: impl Fn(&Resource) -> Result<Patched, scim::Error>,
        uncommitted: &[Arc<Standing>],
        deadline: Instant,
    ) -> Result<Option<QueuedChange>, Error> {
        let Some(last) = uncommitted.last() else { return Ok(None) };
        let before = last.before.clone();
        // RFC 7644 §3.14: a condition that fails here is checked again when all is durable.
        if target.precondition.check(before.stored.revision()).is_err() {
            return Ok(None);
        }
        let Ok(Patched { resource: after, members, .. }) = modification(&before.resource) else {
            return Ok(None);
        };
        if needs_all_members(&members) {
            return Ok(None);
        }
        let Ok(delta) = self.membership_delta(target, id, &members, uncommitted).await else {
            return Ok(None);
        };
        let mut slices = delta.slices();
        let (Some(slice), true) = (slices.pop(), slices.is_empty()) else { return Ok(None) };
        let account = before.account.clone();
        let Some(change) = group_change(before, after, slice) else { return Ok(None) };
        let tenant = &target.tenant;
        let goes_on = matches!(admitted(tenant, &change, account.as_ref()), Ok(None));
        if !goes_on || tenant.connector.is_err() {
            return Ok(None);
        }
        let mut work = self.operations.work(tenant, change, account.clone()).await?;
        (work.passing, work.leaning) = (true, true);
        Ok(match self.operations.drive(&mut work, deadline, true).await? {
            Ended::Passing(receipt, after) => {
                Some(QueuedChange { work, receipt, account: after.or(account) })
            }
            _ => None,
        })
    }

    /// The first of the changes that a modification becomes; none if nothing changes.
    async fn first_group_change(
        &self,
        target: &WriteTarget,
        id: &str,
        modification: impl Fn(&Resource) -> Result<Patched, scim::Error>,
    ) -> Result<Option<Change>, Error> {
        let before = self.read_before(target, id).await?;
        let patched = modification(&before.resource)?;
        let delta = self.membership_delta(target, id, &patched.members, &[]).await?;
        let first = delta.slices().into_iter().next().unwrap_or_default();
        let mut change = group_change(before, patched.resource, first);
        if let Some(change) = &mut change {
            change.conditional = target.precondition.is_given();
        }
        Ok(change)
    }

    /// Carries the slices out one after another. The caller holds the group's lock, and nothing is
    /// open or uncommitted on it.
    async fn change_in_slices(
        self: &Arc<Self>,
        target: &WriteTarget,
        mut before: Before,
        mut after: Resource,
        slices: Vec<MembershipDelta>,
        deadline: Instant,
    ) -> Result<Written, Error> {
        let id = before.stored.id.clone();
        let target = &target.unconditional();
        let mut written = Written::Kept(before.stored.clone());
        let mut slices = slices.into_iter().peekable();
        while let Some(slice) = slices.next() {
            let Some(change) = group_change(before, after, slice) else { break };
            written = self.operations.carry_out(&target.tenant, change, deadline).await?;
            if !matches!(written, Written::Kept(_)) || slices.peek().is_none() {
                break;
            }
            before = self.read_before(target, &id).await?;
            after = before.resource.clone();
        }
        Ok(written)
    }

    /// Carries a change out, and releases the lock as soon as it is decided. None if it could not
    /// be committed because the group or the people who join have changed.
    async fn change_and_release_early(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        lane: Lane<Arc<Standing>>,
        change: Change,
        deadline: Instant,
    ) -> Result<Option<Written>, Error> {
        let account = change.before.as_ref().and_then(|before| before.account.clone());
        let mut work = match self.operations.prepare(tenant, change).await? {
            Prepared::KeptBack(written) => return Ok(Some(written)),
            Prepared::Work(work) => *work,
        };
        work.passing = true;
        match self.operations.drive(&mut work, deadline, true).await? {
            Ended::Passing(receipt, after) => {
                self.release_and_wait(
                    lane,
                    QueuedChange { work, receipt, account: after.or(account) },
                )
                .await
            }
            ended => Ok(Some(self.operations.written(work, ended, false, None)?)),
        }
    }

    /// Releases the lock, and waits until the change is durable. None if the commit is stale.
    async fn release_and_wait(
        &self,
        lane: Lane<Arc<Standing>>,
        decided: QueuedChange,
    ) -> Result<Option<Written>, Error> {
        let QueuedChange { work, receipt, account } = decided;
        let landing = lane.pass_on(Arc::new(Standing::of(&work, account)?));
        match receipt.landed().await {
            Ok(()) => landing.well(),
            Err(CommitError::Stale) => return Ok(None),
            Err(CommitError::UserNameTaken) => return Err(taken(&work.subject).into()),
            Err(CommitError::Internal(error)) => return Err(error.into()),
        }
        Ok(Some(self.operations.written(work, Ended::Done, false, None)?))
    }
}

/// A change of a group; none if nothing changes.
fn group_change(before: Before, after: Resource, delta: MembershipDelta) -> Option<Change> {
    let difference = event::of_group(&before.resource, &after, !delta.is_empty());
    let mut change = Change::new(difference.kind?, Some(before), after);
    change.changes = difference.changes;
    change.joined = delta.joined;
    change.left = delta.left;
    change.nested = delta.nested;
    Some(change)
}

fn member_reference(id: String) -> MemberRef {
    MemberRef { value: id, display: None, kind: None }
}
