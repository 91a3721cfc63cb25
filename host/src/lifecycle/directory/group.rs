//! Groups: made, renamed, joined and left, in events that a connector can bear.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::Directory;
use super::membership::{MEMBERS_PER_EVENT, MembershipDelta, needs_all_members};
use super::write::WriteTarget;
use crate::decision::EventKind;
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

/// How often a change is decided anew that before overtaken by an accident of the one before it.
const MAX_ATTEMPTS: usize = 8;

/// A change that before decided, and its place in the queue to the disk.
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
        let mut change = Change::new("Group", EventKind::GroupCreate, None, resource);
        change.nested = first.nested;
        change.joined = first.joined;
        let written = self.create_or_find_group(target, change, deadline).await?;
        let Written::Created(stored) = &written else { return Ok(written) };
        if all.len() <= MEMBERS_PER_EVENT {
            return Ok(written);
        }
        // The rest, or what a retry finds missing of it.
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

    /// Makes the group, or finds the one that the same request made before.
    async fn create_or_find_group(
        self: &Arc<Self>,
        target: &WriteTarget,
        change: Change,
        deadline: Instant,
    ) -> Result<Written, Error> {
        let key = lane::of_subject(&target.tenant.id, "Group", &change.subject());
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

    /// Groups of the same name; names of groups are not unique.
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
                found.extend(self.store.resource(&tenant.id, "Group", id, Related::None).await?);
            }
        }
        Ok(found)
    }

    /// PUT and PATCH differ in how the group after is made, and in nothing else.
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

    /// None where it before decided from a group that never came to be.
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
            // Only to tell whether it is the same request: what is open may change the group.
            let change = self.first_group_change(target, id, &modification).await?;
            if let Some(written) =
                self.operations.make_way(&target.tenant, &key, change, deadline).await?
            {
                return Ok(Some(written));
            }
        }
        let before = self.before(target, id).await?;
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

    /// Decides from what is uncommitted, and not on disk yet. None where there is nothing, and where
    /// it leads to anything but a commit behind it: no answer is given, nobody is called and nothing
    /// is refused because of what may never be.
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
        // RFC 7644 §3.14: one that fails here is looked at again when all is on disk.
        if target.precondition.check(before.stored.revision()).is_err() {
            return Ok(None);
        }
        let Ok(Patched { resource: after, members, .. }) = modification(&before.resource) else {
            return Ok(None);
        };
        if needs_all_members(&members) {
            return Ok(None);
        }
        let Ok(movement) = self.membership_delta(target, id, &members, uncommitted).await else {
            return Ok(None);
        };
        let mut slices = movement.slices();
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

    /// The first of the events that a modification becomes; none where nothing changes.
    async fn first_group_change(
        &self,
        target: &WriteTarget,
        id: &str,
        modification: impl Fn(&Resource) -> Result<Patched, scim::Error>,
    ) -> Result<Option<Change>, Error> {
        let before = self.before(target, id).await?;
        let patched = modification(&before.resource)?;
        let movement = self.membership_delta(target, id, &patched.members, &[]).await?;
        let first = movement.slices().into_iter().next().unwrap_or_default();
        let mut change = group_change(before, patched.resource, first);
        if let Some(change) = &mut change {
            change.conditional = target.precondition.is_given();
        }
        Ok(change)
    }

    /// The caller holds the group's lane, and nothing is open or uncommitted on it.
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
            before = self.before(target, &id).await?;
            after = before.resource.clone();
        }
        Ok(written)
    }

    /// Carries a change out, and passes the lane on as soon as it is decided. None where it could
    /// not be written because the group or those who join have changed.
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

    /// Passes the lane on, and waits until what before decided is on disk.
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

/// One event of a group; none where nothing changes.
fn group_change(before: Before, after: Resource, movement: MembershipDelta) -> Option<Change> {
    let difference = event::of_group(&before.resource, &after, !movement.is_empty());
    let mut change = Change::new("Group", difference.kind?, Some(before), after);
    change.changes = difference.changes;
    change.joined = movement.joined;
    change.left = movement.left;
    change.nested = movement.nested;
    Some(change)
}

fn member_reference(id: String) -> MemberRef {
    MemberRef { value: id, display: None, kind: None }
}
