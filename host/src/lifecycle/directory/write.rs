//! Writes of an identity provider: create, replace, patch and delete, of users and groups.
//!
//! A write locks its resource, reads it, applies the request to the directory as GET shows it, and
//! carries the change out as an operation. If an operation is open for the resource, the write joins
//! it if it asks for the same, and takes its place if not (`operation/goal.rs`). If nothing changes,
//! and the app is known to agree, there is no operation. Groups have a way of their own (`group`),
//! since many changes of one group come at the same time.
//!
//! A precondition is checked under the lock, and the commit expects the version that was checked:
//! so entity tags guard writes although they are weak (RFC 7644 §3.14 does both).
//!
//! A PUT without `members` keeps the members of a group: RFC 7644 §3.5.1 lets a client leave
//! attributes out, and losing a whole group is the most expensive mistake.
//!
//! A full disk is an answer: the identity provider must retry later, nothing that was accepted is
//! lost, and writes succeed again as soon as there is room, without a restart.
//!
//! The future of a write is as large as the largest future that it may wait for, and each request makes one.
//! So the futures of rare branches are boxed, here and in `operation`: the future of a write has 18 KB instead
//! of 38.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::Directory;
use super::heavy::Modification;
use super::target::WriteTarget;
use crate::decision::{EventKind, ResourceKind};
use crate::delivery::Secret;
use crate::lifecycle::config::snapshot::ReplyMode;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::agree::{NOTHING_TO_CARRY_OUT, user_change};
use crate::lifecycle::operation::change::{Change, Current, Password, WriteResult, deletion};
use crate::lifecycle::operation::creation::BeforeCreation;
use crate::lifecycle::operation::disposition;
use crate::lifecycle::operation::goal::Older;
use crate::lifecycle::operation::resource_lock::{self, LockGuard};
use crate::lifecycle::operation::uncommitted_group::UncommittedGroup;
use crate::scim::{self, Dialect, Draft, PatchRequest, Patched, Resource};
use crate::store::{DiskError, Related};

/// Tells whether the caller of a creation has hung up: it is closed then.
pub(super) type HangUpSignal = tokio::sync::oneshot::Sender<()>;

impl Directory {
    /// POST.
    pub async fn create(
        self: &Arc<Self>,
        target: WriteTarget,
        body: Value,
    ) -> Result<WriteResult, Error> {
        let dialect = target.tenant.dialect();
        // The receiver is closed with this future, whose caller may hang up.
        let (caller, waiting) = tokio::sync::oneshot::channel::<()>();
        let written = self.answer_in_time(dialect, |directory| async move {
            let mut reading = target.reading();
            let draft = scim::create(&target.resource_type, &body, &mut reading)?;
            match target.kind() {
                Some(ResourceKind::User) => {
                    directory.create_user(&target, draft, Some(&caller)).await
                }
                Some(ResourceKind::Group) => {
                    Box::pin(directory.create_group(&target, draft, Some(&caller))).await
                }
                None => Box::pin(directory.create_unprovisioned(&target, draft.resource)).await,
            }
        });
        let written = written.await;
        drop(waiting);
        written
    }

    /// PUT.
    pub async fn replace(
        self: &Arc<Self>,
        target: WriteTarget,
        id: String,
        body: Value,
    ) -> Result<WriteResult, Error> {
        let dialect = target.tenant.dialect();
        if !dialect.has_put() {
            let why = format!("PUT is not offered in the dialect {dialect}: use PATCH");
            return Err(scim::Error::new(501, why).into());
        }
        let written = self.answer_in_time(dialect, |directory| async move {
            let replaced = target.clone();
            let modification = Modification::once(move |before| {
                let mut reading = replaced.reading();
                let draft = scim::replace(&replaced.resource_type, before, &body, &mut reading)?;
                let members = draft.members.into_iter().map(scim::MemberChange::Replace);
                Ok(Patched {
                    resource: draft.resource,
                    password: draft.password,
                    members: members.collect(),
                })
            });
            directory.modify(&target, &id, &modification).await
        });
        written.await
    }

    /// PATCH.
    pub async fn patch(
        self: &Arc<Self>,
        target: WriteTarget,
        id: String,
        request: PatchRequest,
    ) -> Result<WriteResult, Error> {
        let dialect = target.tenant.dialect();
        let written = self.answer_in_time(dialect, |directory| async move {
            let patched = target.clone();
            let (passes, bytes) = (request.passes(), request.bytes());
            let modification = Modification::once(move |before| {
                scim::patch(&patched.resource_type, before, &request, &mut patched.reading())
            });
            directory.modify(&target, &id, &modification.with_passes(passes, bytes)).await
        });
        written.await
    }

    /// DELETE.
    pub async fn delete(
        self: &Arc<Self>,
        target: WriteTarget,
        id: String,
    ) -> Result<WriteResult, Error> {
        let dialect = target.tenant.dialect();
        let written = self.answer_in_time(dialect, |directory| async move {
            let Some(kind) = target.kind() else {
                return directory.delete_unprovisioned(&target, id).await;
            };
            let (_lock, target) = directory.lock(&target, &id).await?;
            let deadline = directory.config.deadline();
            let operations = &directory.operations;
            let older = operations.older(&target.tenant.id, &id).await?;
            let current = directory.read_current(&target, kind, &id).await?;
            if let Some(older) = older {
                if older.deletes() {
                    return Box::pin(operations.join(older, deadline, false)).await;
                }
                let superseded =
                    operations.supersede(Some(&older), current.account.clone(), &id)?;
                let current = Current { account: superseded.account.clone(), ..current };
                let change = deletion(current).superseding(vec![id], &superseded);
                return operations.carry_out(&target.tenant, change, deadline).await;
            }
            let mut change = deletion(current);
            if operations.has_unfinished(&target.tenant.id, &id) {
                change.supersedes = vec![id];
            }
            operations.carry_out(&target.tenant, change, deadline).await
        });
        written.await
    }

    /// Notes that the caller of a creation has hung up, so that a repetition is answered with the
    /// resource; says whether it was so. A creation does this once, under its lock, for which the
    /// repetition waits: noted later, another repetition would be answered with the resource again.
    pub(super) async fn note_hang_up(
        &self,
        target: &WriteTarget,
        caller: Option<&HangUpSignal>,
        written: &WriteResult,
    ) -> Result<bool, Error> {
        let hung_up = caller.is_some_and(HangUpSignal::is_closed);
        if let (true, WriteResult::Created(stored)) = (hung_up, written) {
            self.operations.mark_unanswered(&target.tenant.id, &stored.id).await?;
            return Ok(true);
        }
        Ok(false)
    }

    pub(super) async fn create_user(
        self: &Arc<Self>,
        target: &WriteTarget,
        draft: Draft,
        caller: Option<&HangUpSignal>,
    ) -> Result<WriteResult, Error> {
        let deadline = self.config.deadline();
        let mut after = draft.resource.with_id(&self.clock.new_id());
        // RFC 7643 §4.1.1: the server defines what `active` means; without it, it is true.
        after.set_active(after.active());
        let mut change = Change::new(EventKind::Create, None, after);
        change.password = self.password(target, draft.password.clone());
        let subject = change.subject();
        let key = resource_lock::of_subject(&target.tenant.id, ResourceKind::User, &subject);
        let _lock = self.operations.locks().acquire(key.clone()).await;
        let target = &self.with_current_tenant(target).await?;
        let fingerprint = change.fingerprint();
        let begun = self.operations.finish_begun_creation(&target.tenant, &key, &change, deadline);
        if let Some(id) = Box::pin(begun).await? {
            let (resource, password) = (change.after.clone().with_id(&id), draft.password.clone());
            let patched = Patched { resource, password, members: Vec::new() };
            let modification = Modification::once(move |_| Ok(patched.clone()));
            let written = match Box::pin(self.modify(target, &id, &modification)).await? {
                WriteResult::Kept(stored) => WriteResult::Created(stored),
                other => other,
            };
            self.note_hang_up(target, caller, &written).await?;
            return Ok(written);
        }
        let before = self.operations.before_a_creation(&target.tenant, &key, change, deadline);
        let change = match before.await? {
            BeforeCreation::Join(older) => {
                let written = Box::pin(self.operations.join(*older, deadline, true)).await?;
                self.note_hang_up(target, caller, &written).await?;
                return Ok(written);
            }
            BeforeCreation::Proceed(change) => *change,
        };
        let taken = self.operations.take_over(&target.tenant.id, change).await?;
        let Some((change, _predecessor)) = taken else {
            return Err(disposition::busy(target.tenant.dialect()).into());
        };
        let carried_out = self.operations.carry_out(&target.tenant, change, deadline).await;
        if let Err(Error::Client(error)) = &carried_out
            && matches!(error.status, 403 | 409)
            && let Some(existing) = self.store.by_user_name(&target.tenant.id, &subject).await?
        {
            let tenant = &target.tenant.id;
            if self.operations.take_unanswered(tenant, &existing.id, &fingerprint).await? {
                let written = WriteResult::Created(existing);
                self.note_hang_up(target, caller, &written).await?;
                return Ok(written);
            }
        }
        if let Ok(written) = &carried_out {
            self.note_hang_up(target, caller, written).await?;
        }
        carried_out
    }

    /// Changes a user or a group. PUT and PATCH differ only in their modification.
    async fn modify(
        self: &Arc<Self>,
        target: &WriteTarget,
        id: &str,
        modification: &Modification,
    ) -> Result<WriteResult, Error> {
        let deadline = self.config.deadline();
        match target.kind() {
            Some(ResourceKind::User) => {}
            Some(ResourceKind::Group) => {
                return Box::pin(self.modify_group(target, id, modification, deadline)).await;
            }
            None => {
                return Box::pin(self.modify_unprovisioned(target, id, modification)).await;
            }
        }
        let (_lock, target) = &self.lock(target, id).await?;
        let older = self.older_that_can_be_replaced(target, id, deadline).await?;
        let current = self.read_current(target, ResourceKind::User, id).await?;
        let (tenant, document) = (&target.tenant.id, &current.stored.document);
        let patched =
            self.heavy.modified(tenant, modification, &current.resource, document).await?;
        let Patched { resource: mut after, password, .. } = patched;
        if older.as_ref().is_some_and(Older::deactivates)
            && !Box::pin(self.sets_active(tenant, &current, modification)).await?
        {
            // The leave that is open outlives a request that does not mention it.
            after.set_active(false);
        }
        let password = self.password(target, password);
        let stored = current.stored.clone();
        // A request that changes nothing waits for no profile of a person who has left: the host tells it
        // by itself, or when the person returns.
        let left = current.has_left();
        if let Some(older) = older {
            let same = match older.has_own_goal() {
                true => {
                    let change = user_change(
                        &target.tenant,
                        current.clone(),
                        after.clone(),
                        password.is_some(),
                    )?;
                    let password = password.clone();
                    change.is_some_and(|change| older.is_same(&Change { password, ..change }))
                }
                // Its goal is the directory, which the request leaves as it is.
                false => {
                    password.is_none() && Resource::changes(&current.resource, &after).is_empty()
                }
            };
            if same
                && !older.has_own_goal()
                && (target.tenant.app.reply == ReplyMode::WhenRecorded
                    || left && older.event.kind == EventKind::Update)
            {
                return Ok(WriteResult::Kept(stored));
            }
            if same {
                return Box::pin(self.operations.join(older, deadline, false)).await;
            }
            return Box::pin(self.replace_goal(target, older, current, after, password)).await;
        }
        let Some(mut change) = user_change(&target.tenant, current, after, password.is_some())?
        else {
            return Ok(WriteResult::Kept(stored));
        };
        if left && change.applied && change.event == EventKind::Update {
            return Ok(WriteResult::Kept(stored));
        }
        change.password = password;
        if self.operations.has_unfinished(&target.tenant.id, id) {
            change.supersedes = vec![id.to_owned()];
        }
        self.operations.carry_out(&target.tenant, change, deadline).await
    }

    /// Whether a request says what `active` shall be: its result is the same for an active resource and
    /// for an inactive one. It does not say so if it is refused for one of them.
    async fn sets_active(
        &self,
        tenant: &str,
        current: &Current,
        modification: &Modification,
    ) -> Result<bool, Error> {
        let mut results = Vec::with_capacity(2);
        for active in [true, false] {
            let mut before = current.resource.clone();
            before.set_active(active);
            let document = &current.stored.document;
            match self.heavy.modified(tenant, modification, &before, document).await {
                Ok(patched) => results.push(patched.resource.active()),
                Err(Error::Client(_)) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(results[0] == results[1])
    }

    /// Makes a request the goal of its resource in place of an older operation's.
    async fn replace_goal(
        self: &Arc<Self>,
        target: &WriteTarget,
        older: Older,
        current: Current,
        after: Resource,
        password: Option<Password>,
    ) -> Result<WriteResult, Error> {
        let id = current.stored.id.clone();
        let superseded = self.operations.supersede(Some(&older), current.account.clone(), &id)?;
        let current = Current { account: superseded.account.clone(), ..current };
        let tells = password.is_some() || superseded.password.sealed.is_some();
        let mut change = match user_change(&target.tenant, current.clone(), after, tells)? {
            Some(change) => change,
            // The request asks for what the directory and the app have.
            None => {
                let leaves = older.event.kind == EventKind::Deactivate;
                let event = if leaves { EventKind::Activate } else { EventKind::Update };
                nothing_to_carry_out(event, current)
            }
        };
        change.password = password;
        let change = change.superseding(vec![id], &superseded);
        let deadline = self.config.deadline();
        self.operations.carry_out(&target.tenant, change, deadline).await
    }

    /// Locks the resource. The tenant may have been paused while the request waited.
    pub(super) async fn lock(
        &self,
        target: &WriteTarget,
        id: &str,
    ) -> Result<(LockGuard<Arc<UncommittedGroup>>, WriteTarget), Error> {
        let lock = self.operations.acquire(&target.tenant.id, id).await;
        Ok((lock, self.with_current_tenant(target).await?))
    }

    /// The older operation of a resource, unless it deletes the resource: a deletion is finished first,
    /// and any other request than DELETE waits for it.
    pub(super) async fn older_that_can_be_replaced(
        self: &Arc<Self>,
        target: &WriteTarget,
        id: &str,
        deadline: Instant,
    ) -> Result<Option<Older>, Error> {
        let Some(older) = self.operations.older(&target.tenant.id, id).await? else {
            return Ok(None);
        };
        if !older.deletes() {
            return Ok(Some(older));
        }
        match Box::pin(self.operations.finish_older(&target.tenant, older, deadline)).await? {
            Some(error) => Err(error.into()),
            None => Ok(None),
        }
    }

    /// The same target with the tenant as it is now.
    pub(super) async fn with_current_tenant(
        &self,
        target: &WriteTarget,
    ) -> Result<WriteTarget, Error> {
        let tenant = self.config.served(&target.tenant.id).await?;
        Ok(WriteTarget { tenant, ..target.clone() })
    }

    /// Reads the durable resource, and checks the precondition. The caller holds the resource's
    /// lock, so the resource keeps this version until the caller has written.
    pub(super) async fn read_current(
        &self,
        target: &WriteTarget,
        kind: ResourceKind,
        id: &str,
    ) -> Result<Current, Error> {
        let related = match kind {
            ResourceKind::User => Related::Groups,
            ResourceKind::Group => Related::None,
        };
        let before = self.operations.current(&target.tenant.id, kind, id, related).await?;
        let before =
            before.ok_or_else(|| scim::Error::not_found(&target.resource_type.name, id))?;
        target.precondition.check(before.stored.revision())?;
        Ok(before)
    }

    /// The password, if the connector takes passwords.
    fn password(&self, target: &WriteTarget, password: Option<String>) -> Option<Password> {
        let connector = target.tenant.connector.as_ref().ok()?;
        let password = password.filter(|_| connector.manifest.features.password)?;
        Some(Password {
            mark: self.config.key().keyed_hash(&password),
            value: Secret::new(password),
        })
    }
}

/// A change that only ends an older operation.
pub(super) fn nothing_to_carry_out(event: EventKind, current: Current) -> Change {
    let resource = current.resource.clone();
    let mut change = Change::new(event, Some(current), resource);
    change.applied = true;
    change.directory_only = Some(NOTHING_TO_CARRY_OUT);
    change
}

/// Answers with "retry later" if the disk cannot be written.
pub(super) fn retry_later_if_disk_failed(dialect: Dialect, error: Error) -> Error {
    match error {
        Error::Internal(error) if error.is::<DiskError>() => {
            // The store has reported it once, and there is no room for a line of each request.
            tracing::debug!(error = format!("{error:#}"), "directory: the disk cannot be written");
            let why = error.downcast_ref::<DiskError>().map(DiskError::to_string);
            disposition::unwritable(dialect, &why.unwrap_or_default()).into()
        }
        other => other,
    }
}
