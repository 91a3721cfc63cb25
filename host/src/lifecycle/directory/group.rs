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

use std::sync::Arc;

use tokio::time::Instant;

use super::Directory;
use super::heavy::Modification;
use super::membership::{MEMBERS_PER_EVENT, needs_all_members};
use super::target::WriteTarget;
use super::write::{HangUpSignal, nothing_to_carry_out};
use crate::decision::{EventKind, ResourceKind};
use crate::lifecycle::config::snapshot::{ReplyMode, Tenant};
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::admission::{self, Admission};
use crate::lifecycle::operation::agree::{group_change, takes_groups};
use crate::lifecycle::operation::begin::Prepared;
use crate::lifecycle::operation::change::{Change, Current, MemberChanges, WriteResult};
use crate::lifecycle::operation::creation::BeforeCreation;
use crate::lifecycle::operation::disposition;
use crate::lifecycle::operation::execute::AttemptResult;
use crate::lifecycle::operation::goal::Older;
use crate::lifecycle::operation::journaled::{Mode, Operation};
use crate::lifecycle::operation::names;
use crate::lifecycle::operation::resource_lock::{self, LockGuard};
use crate::lifecycle::operation::uncommitted_group::UncommittedGroup;
use crate::scim::name::comparable;
use crate::scim::{Draft, MemberChange, Patched, Resource};
use crate::store::{
    AccountRow, CommitError, OperationFilter, OperationState, Receipt, Related, StoredResource,
};

/// How often a change is decided, if commits that it depends on fail.
const MAX_ATTEMPTS: usize = 8;

/// A decided change whose commit is queued.
struct QueuedChange {
    operation: Operation,
    receipt: Receipt,
    account: Option<AccountRow>,
}

impl Directory {
    pub(super) async fn create_group(
        self: &Arc<Self>,
        target: &WriteTarget,
        draft: Draft,
        caller: Option<&HangUpSignal>,
    ) -> Result<WriteResult, Error> {
        let deadline = self.config.deadline();
        let resource = draft.resource.with_id(&self.clock.new_id());
        let all = draft.members.unwrap_or_default();
        let members = self.initial_members(target, resource.id(), all.clone()).await?;
        let mut change = Change::new(EventKind::GroupCreate, None, resource);
        change.members = members;
        // The whole request, so that its repetition is recognised whatever became of its parts.
        change.request = Some(change.fingerprint());
        let recorded = target.tenant.app.reply == ReplyMode::WhenRecorded;
        let mut whole = true;
        change.members = match recorded {
            true => change.members.telling_at_most(MEMBERS_PER_EVENT),
            false => {
                let mut slices = change.members.slices(MEMBERS_PER_EVENT).into_iter();
                let first = slices.next().unwrap_or_default();
                whole = slices.next().is_none();
                first
            }
        };
        let (written, noted) = self.create_or_find_group(target, change, caller, deadline).await?;
        let WriteResult::Created(stored) = &written else { return Ok(written) };
        if whole {
            return Ok(written);
        }
        // The remaining members, or those that an earlier attempt has not added.
        let addition = Modification::once(move |group| {
            let members = vec![MemberChange::Add(all.clone())];
            Ok(Patched { resource: group.clone(), members, password: None })
        });
        let id = stored.id.clone();
        match self.modify_group(&target.unconditional(), &id, &addition, deadline).await {
            Ok(WriteResult::Kept(stored)) => {
                let written = WriteResult::Created(stored);
                if !noted {
                    self.note_hang_up(target, caller, &written).await?;
                }
                Ok(written)
            }
            Ok(other) => Ok(other),
            Err(error) => {
                // The group exists, and a repetition of the request adds the others to it.
                self.operations.mark_unanswered(&target.tenant.id, &id).await?;
                Err(error)
            }
        }
    }

    /// Creates the group, or finds the one that the same request has created before. Also says whether
    /// it was noted that the caller has hung up.
    async fn create_or_find_group(
        self: &Arc<Self>,
        target: &WriteTarget,
        change: Change,
        caller: Option<&HangUpSignal>,
        deadline: Instant,
    ) -> Result<(WriteResult, bool), Error> {
        let tenant = target.tenant.id.clone();
        let key = resource_lock::of_subject(&tenant, ResourceKind::Group, &change.subject());
        let fingerprint = change.fingerprint();
        let _lock = self.operations.locks().acquire(key.clone()).await;
        let target = &self.with_current_tenant(target).await?;
        let before = self.operations.before_a_creation(&target.tenant, &key, change, deadline);
        let change = match before.await? {
            BeforeCreation::Join(older) => {
                let written = self.operations.join(*older, deadline, true).await?;
                let noted = self.note_hang_up(target, caller, &written).await?;
                return Ok((written, noted));
            }
            BeforeCreation::Proceed(change) => *change,
        };
        for stored in self.created_with_this_name(&target.tenant, &change).await? {
            if self.operations.take_unanswered(&tenant, &stored.id, &fingerprint).await? {
                let written = WriteResult::Created(stored);
                let noted = self.note_hang_up(target, caller, &written).await?;
                return Ok((written, noted));
            }
        }
        self.finish_deletion(&target.tenant, &change, deadline).await?;
        let Some((change, _former)) = self.operations.take_over(&tenant, change).await? else {
            return Err(disposition::busy(target.tenant.dialect()).into());
        };
        let written = self.operations.carry_out(&target.tenant, change, deadline).await?;
        let noted = self.note_hang_up(target, caller, &written).await?;
        Ok((written, noted))
    }

    /// Finishes the deletion of a group of this name that was acknowledged: its team has members of whom
    /// the directory knows nothing any more.
    async fn finish_deletion(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        change: &Change,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some(former) = self.operations.former_account(&tenant.id, change).await? else {
            return Ok(());
        };
        let _lock = self.operations.acquire(&tenant.id, &former.resource).await;
        let older = self.operations.older(&tenant.id, &former.resource).await?;
        let Some(older) = older.filter(|older| !older.creates()) else { return Ok(()) };
        match self.operations.finish_older(tenant, older, deadline).await? {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
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
        let name = comparable(&subject);
        let mut found = Vec::new();
        for row in self.store.operations(&filter).await? {
            if comparable(&row.subject) == name {
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
        modification: &Modification,
        deadline: Instant,
    ) -> Result<WriteResult, Error> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(written) = self.try_modify_group(target, id, modification, deadline).await?
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
        modification: &Modification,
        deadline: Instant,
    ) -> Result<Option<WriteResult>, Error> {
        let key = resource_lock::of_resource(&target.tenant.id, id);
        let (lock, uncommitted) = self.operations.locks().acquire_speculative(key).await;
        let target = &self.with_current_tenant(target).await?;
        if !self.operations.has_unfinished(&target.tenant.id, id) {
            let queued =
                self.change_speculatively(target, id, modification, &uncommitted, deadline).await?;
            if let Some(queued) = queued {
                return self.release_and_wait(lock, queued).await;
            }
        }
        lock.wait_until_durable().await;
        let older = self.older_that_can_be_replaced(target, id, deadline).await?;
        let current = self.read_current(target, ResourceKind::Group, id).await?;
        let (tenant, document) = (&target.tenant.id, &current.stored.document);
        let patched =
            self.heavy.modified(tenant, modification, &current.resource, document).await?;
        let Patched { resource: after, mut members, .. } = patched;
        let kept = older.as_ref().map(kept_removals).unwrap_or_default();
        if !kept.is_empty() {
            members.insert(0, MemberChange::Remove(kept.clone()));
        }
        let members = self.member_changes(target, id, &members, &[]).await?;
        if target.tenant.app.reply == ReplyMode::WhenRecorded {
            let members = members.telling_at_most(MEMBERS_PER_EVENT);
            let written =
                self.change_once(target, older, current, after, members, deadline).await?;
            return Ok(Some(written));
        }
        let mut slices = members.slices(MEMBERS_PER_EVENT);
        if slices.len() > 1 || older.is_some() {
            let written =
                self.change_in_slices(target, older, current, after, slices, deadline).await;
            if let Err(Error::Client(_)) = &written
                && !kept.is_empty()
            {
                self.go_on_with_removals(target, id, kept, deadline).await?;
            }
            return written.map(Some);
        }
        let stored = current.stored.clone();
        let takes_groups = takes_groups(&target.tenant);
        let members = slices.pop().unwrap_or_default();
        match group_change(current, after, members, takes_groups)? {
            Some(change) => {
                self.change_and_release_early(&target.tenant, lock, change, deadline).await
            }
            None => Ok(Some(WriteResult::Kept(stored))),
        }
    }

    /// Decides a change from uncommitted state. None if there is no such state, or if the decision
    /// leads to anything but a commit behind it: no answer, call or refusal may follow from a state
    /// that may never be committed.
    async fn change_speculatively(
        self: &Arc<Self>,
        target: &WriteTarget,
        id: &str,
        modification: &Modification,
        uncommitted: &[Arc<UncommittedGroup>],
        deadline: Instant,
    ) -> Result<Option<QueuedChange>, Error> {
        let Some(last) = uncommitted.last() else { return Ok(None) };
        let current = last.current.clone();
        // RFC 7644 §3.14: a condition that fails here is checked again when all is durable.
        if target.precondition.check(current.stored.revision()).is_err() {
            return Ok(None);
        }
        let (tenant, document) = (&target.tenant.id, &current.stored.document);
        let patched = self.heavy.modified(tenant, modification, &current.resource, document).await;
        let Ok(Patched { resource: after, members, .. }) = patched else { return Ok(None) };
        if needs_all_members(&members) {
            return Ok(None);
        }
        let Ok(members) = self.member_changes(target, id, &members, uncommitted).await else {
            return Ok(None);
        };
        let mut slices = members.slices(MEMBERS_PER_EVENT);
        let (Some(members), true) = (slices.pop(), slices.is_empty()) else { return Ok(None) };
        let account = current.account.clone();
        let tenant = &target.tenant;
        let Some(change) = group_change(current, after, members, takes_groups(tenant))? else {
            return Ok(None);
        };
        let admission = admission::check(tenant.state, change.event, account.as_ref(), false);
        if !matches!(admission, Admission::Proceed) || tenant.connector.is_err() {
            return Ok(None);
        }
        let mut operation = self.operations.new_operation(tenant, change).await?;
        operation.mode = Mode::Speculative;
        Ok(match self.operations.drive(&mut operation, deadline, true).await? {
            AttemptResult::Queued(receipt, after) => {
                Some(QueuedChange { operation, receipt, account: after.or(account) })
            }
            _ => None,
        })
    }

    /// Carries a change out as one operation, in place of an older one.
    async fn change_once(
        self: &Arc<Self>,
        target: &WriteTarget,
        older: Option<Older>,
        current: Current,
        after: Resource,
        members: MemberChanges,
        deadline: Instant,
    ) -> Result<WriteResult, Error> {
        let id = current.stored.id.clone();
        let stored = current.stored.clone();
        let takes_groups = takes_groups(&target.tenant);
        let recorded = target.tenant.app.reply == ReplyMode::WhenRecorded;
        if let Some(older) = &older
            && older.has_own_goal()
        {
            let change =
                group_change(current.clone(), after.clone(), members.clone(), takes_groups)?;
            if change.is_some_and(|change| older.is_same(&change)) {
                let older = self.operations.older_operation(&older.row.id).await?;
                return match older {
                    Some(older) => self.operations.join(older, deadline, false).await,
                    None => Ok(WriteResult::Kept(stored)),
                };
            }
        }
        let unchanged =
            members.is_empty() && Resource::changes(&current.resource, &after).is_empty();
        match older {
            // Its goal is the directory, which the request leaves as it is.
            Some(older) if unchanged && !older.has_own_goal() => {
                if recorded {
                    return Ok(WriteResult::Kept(stored));
                }
                return self.operations.join(older, deadline, false).await;
            }
            _ => {}
        }
        let superseded = self.operations.supersede(older.as_ref(), current.account.clone(), &id)?;
        let current = Current { account: superseded.account.clone(), ..current };
        let change = match group_change(current.clone(), after, members, takes_groups)? {
            Some(change) => change,
            None if older.is_some() => nothing_to_carry_out(EventKind::GroupUpdate, current),
            None => return Ok(WriteResult::Kept(stored)),
        };
        let unfinished = self.operations.has_unfinished(&target.tenant.id, &id);
        let resources = if unfinished { vec![id] } else { Vec::new() };
        let change = change.superseding(resources, &superseded);
        self.operations.carry_out(&target.tenant, change, deadline).await
    }

    /// Goes on with removals that were asked for before, when the app has refused the request that took
    /// their place. They stay open if they cannot be carried out; the answer is that of the request.
    async fn go_on_with_removals(
        self: &Arc<Self>,
        target: &WriteTarget,
        id: &str,
        removed: Vec<String>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let target = &target.unconditional();
        if self.operations.has_unfinished(&target.tenant.id, id) {
            // The operation of the request is open, and has them.
            return Ok(());
        }
        let current = self.read_current(target, ResourceKind::Group, id).await?;
        let after = current.resource.clone();
        let changes = [MemberChange::Remove(removed)];
        let members = self.member_changes(target, id, &changes, &[]).await?;
        let slices = members.slices(MEMBERS_PER_EVENT);
        match self.change_in_slices(target, None, current, after, slices, deadline).await {
            Err(Error::Internal(error)) => Err(error.into()),
            Ok(_) | Err(Error::Client(_)) => Ok(()),
        }
    }

    /// Carries the slices out one after another. The caller holds the group's lock, and nothing is
    /// uncommitted on it.
    async fn change_in_slices(
        self: &Arc<Self>,
        target: &WriteTarget,
        mut older: Option<Older>,
        mut current: Current,
        mut after: Resource,
        slices: Vec<MemberChanges>,
        deadline: Instant,
    ) -> Result<WriteResult, Error> {
        let id = current.stored.id.clone();
        let target = &target.unconditional();
        let mut written = WriteResult::Kept(current.stored.clone());
        let mut slices = slices.into_iter().peekable();
        while let Some(slice) = slices.next() {
            written =
                self.change_once(target, older.take(), current, after, slice, deadline).await?;
            if !matches!(written, WriteResult::Kept(_)) || slices.peek().is_none() {
                break;
            }
            current = self.read_current(target, ResourceKind::Group, &id).await?;
            after = current.resource.clone();
        }
        Ok(written)
    }

    /// Carries a change out, and releases the lock as soon as it is decided. None if it could not
    /// be committed because the group or the people who join have changed.
    async fn change_and_release_early(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        lock: LockGuard<Arc<UncommittedGroup>>,
        change: Change,
        deadline: Instant,
    ) -> Result<Option<WriteResult>, Error> {
        let account = change.account.clone();
        let stored = change.before.as_ref().map(|current| current.stored.clone());
        let applied = change.applied;
        let mut operation = match self.operations.prepare(tenant, change).await? {
            Prepared::Withheld(written) => return Ok(Some(written)),
            Prepared::Ready(operation) => *operation,
        };
        operation.mode = Mode::ReleaseEarly;
        match self.operations.drive(&mut operation, deadline, true).await? {
            AttemptResult::Queued(receipt, after) => {
                let account = after.or(account);
                self.release_and_wait(lock, QueuedChange { operation, receipt, account }).await
            }
            result => {
                let written = self.operations.write_result(operation, result, false, None)?;
                Ok(Some(match (written, stored) {
                    (WriteResult::Gone, Some(stored)) if applied => WriteResult::Kept(stored),
                    (written, _) => written,
                }))
            }
        }
    }

    /// Releases the lock, and waits until the change is durable. None if the commit is stale.
    async fn release_and_wait(
        &self,
        lock: LockGuard<Arc<UncommittedGroup>>,
        decided: QueuedChange,
    ) -> Result<Option<WriteResult>, Error> {
        let QueuedChange { operation, receipt, account } = decided;
        let pending = lock.release_early(Arc::new(UncommittedGroup::of(&operation, account)?));
        match receipt.landed().await {
            Ok(()) => {
                pending.confirm();
                self.operations.wake_untold(&operation);
            }
            Err(CommitError::Stale) => return Ok(None),
            Err(CommitError::NameTaken) => {
                return Err(names::taken(operation.kind, &operation.subject).into());
            }
            Err(error) => return Err(error.into_internal().into()),
        }
        Ok(Some(self.operations.write_result(operation, AttemptResult::Done, false, None)?))
    }
}

/// The removals of an older operation that was not acknowledged, with which a request in its place
/// begins: they outlive it, unless the request adds the member or says who the members are.
fn kept_removals(older: &Older) -> Vec<String> {
    if !older.has_own_goal() || older.event.kind != EventKind::GroupUpdate {
        return Vec::new();
    }
    let left = older.event.left.iter().map(|member| member.id.clone());
    left.chain(older.progress.left_untold.iter().map(|it| it.id.clone())).collect()
}
