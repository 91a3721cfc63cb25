//! Writes of an identity provider: create, replace, patch and delete, of users and groups.
//!
//! A write locks its resource, finishes, joins or waits for the operations that are open on it,
//! reads the resource, and carries the change out as an operation. If nothing changes, there is no
//! operation. Groups have a way of their own (`group`), since many changes of one group come at the
//! same time.
//!
//! A precondition is checked under the lock, and the commit expects the version that was checked:
//! so entity tags guard writes although they are weak (RFC 7644 §3.14 does both).
//!
//! A PUT without `members` keeps the members of a group: RFC 7644 §3.5.1 lets a client leave
//! attributes out, and losing a whole group is the most expensive mistake.
//!
//! A full disk is an answer: the identity provider must retry later, nothing that was accepted is
//! lost, and writes succeed again as soon as there is room, without a restart.

use std::sync::Arc;

use serde_json::Value;

use super::Directory;
use crate::decision::{EventKind, ResourceKind};
use crate::delivery::Secret;
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::change::{Before, Change, Password, Written};
use crate::lifecycle::operation::event;
use crate::lifecycle::operation::fate;
use crate::lifecycle::operation::lane::{self, Lane};
use crate::lifecycle::operation::settle::Settled;
use crate::lifecycle::operation::standing::Standing;
use crate::scim::{
    self, Dialect, Draft, PatchRequest, Patched, Precondition, Reading, Resource, ResourceType,
};
use crate::store::{DiskError, Related};

/// The resources that a write may be about, and the version that it is for.
#[derive(Clone, Debug)]
pub struct WriteTarget {
    /// The tenant whose directory is written.
    pub tenant: Arc<Tenant>,
    /// The type of resource.
    pub resource_type: Arc<ResourceType>,
    /// The version that the resource must have.
    pub precondition: Precondition,
}

impl WriteTarget {
    /// The kind of resource. Resources of other types are listed in settings and cannot be written.
    pub(super) fn kind(&self) -> ResourceKind {
        ResourceKind::named(&self.resource_type.name).unwrap_or(ResourceKind::User)
    }

    /// The same without a precondition, for the steps after one that has fulfilled it.
    pub(super) fn unconditional(&self) -> Self {
        Self { precondition: Precondition::default(), ..self.clone() }
    }

    /// Starts a reading of a request in the tenant's dialect.
    pub fn reading(&self) -> Reading {
        self.tenant.reading()
    }
}

impl Directory {
    /// The target of a write. "Retry later" if the tenant has too many open operations, 501 if only
    /// operators write this type of resource.
    pub fn target(
        &self,
        tenant: Arc<Tenant>,
        resource_type: Arc<ResourceType>,
        precondition: Precondition,
    ) -> Result<WriteTarget, scim::Error> {
        self.operations.has_room(&tenant)?;
        if resource_type.setting.is_some() {
            let endpoint = &resource_type.endpoint;
            let why = format!("{endpoint} are listed by an operator and cannot be written here");
            return Err(scim::Error::new(501, why));
        }
        Ok(WriteTarget { tenant, resource_type, precondition })
    }

    /// POST.
    pub async fn create(
        self: &Arc<Self>,
        target: WriteTarget,
        body: Value,
    ) -> Result<Written, Error> {
        let dialect = target.tenant.dialect();
        let written = self.run_to_completion(|directory| async move {
            let mut reading = target.reading();
            let draft = scim::create(&target.resource_type, &body, &mut reading)?;
            if target.kind() == ResourceKind::Group {
                directory.create_group(&target, draft).await
            } else {
                directory.create_user(&target, draft).await
            }
        });
        written.await.map_err(|error| retry_later_if_disk_failed(dialect, error))
    }

    /// PUT.
    pub async fn replace(
        self: &Arc<Self>,
        target: WriteTarget,
        id: String,
        body: Value,
    ) -> Result<Written, Error> {
        let dialect = target.tenant.dialect();
        let written = self.run_to_completion(|directory| async move {
            directory
                .modify(&target, &id, |before| {
                    let mut reading = target.reading();
                    let draft = scim::replace(&target.resource_type, before, &body, &mut reading)?;
                    Ok(Patched {
                        resource: draft.resource,
                        password: draft.password,
                        members: draft
                            .members
                            .into_iter()
                            .map(scim::MemberChange::Replace)
                            .collect(),
                    })
                })
                .await
        });
        written.await.map_err(|error| retry_later_if_disk_failed(dialect, error))
    }

    /// PATCH.
    pub async fn patch(
        self: &Arc<Self>,
        target: WriteTarget,
        id: String,
        request: PatchRequest,
    ) -> Result<Written, Error> {
        let dialect = target.tenant.dialect();
        let written = self.run_to_completion(|directory| async move {
            directory
                .modify(&target, &id, |before| {
                    scim::patch(&target.resource_type, before, &request, &mut target.reading())
                })
                .await
        });
        written.await.map_err(|error| retry_later_if_disk_failed(dialect, error))
    }

    /// DELETE.
    pub async fn delete(
        self: &Arc<Self>,
        target: WriteTarget,
        id: String,
    ) -> Result<Written, Error> {
        let dialect = target.tenant.dialect();
        let written = self.run_to_completion(|directory| async move {
            let (_lane, target) = directory.lock(&target, &id).await?;
            let deadline = directory.config.deadline();
            let key = lane::of_resource(&target.tenant.id, &id);
            if !directory.operations.open().on(&key).is_empty() {
                let change = deletion(&target, directory.read_before(&target, &id).await?);
                let settled = directory
                    .operations
                    .make_way(&target.tenant, &key, Some(change), deadline)
                    .await?;
                if let Some(written) = settled {
                    return Ok(written);
                }
            }
            let change = deletion(&target, directory.read_before(&target, &id).await?);
            directory.operations.carry_out(&target.tenant, change, deadline).await
        });
        written.await.map_err(|error| retry_later_if_disk_failed(dialect, error))
    }

    async fn create_user(
        self: &Arc<Self>,
        target: &WriteTarget,
        draft: Draft,
    ) -> Result<Written, Error> {
        let deadline = self.config.deadline();
        let mut after = draft.resource.with_id(&self.clock.new_id());
        // RFC 7643 §4.1.1: the server defines what `active` means; without it, it is true.
        after.set_active(after.active());
        let mut change = Change::new(EventKind::Create, None, after);
        change.password = self.password(target, draft.password);
        let subject = change.subject();
        let key = lane::of_subject(&target.tenant.id, ResourceKind::User, &subject);
        let _lane = self.operations.lanes().enter(key.clone()).await;
        let target = &self.with_current_tenant(target).await?;
        let fingerprint = change.fingerprint();
        match self.operations.settle(&target.tenant, &key, Some(&fingerprint), deadline).await? {
            Settled::Clear => {}
            Settled::Joined(work, ended) => {
                return self.operations.joined(*work, ended, true).await;
            }
            Settled::Blocked(error) => return Err(error.into()),
        }
        let carried_out = self.operations.carry_out(&target.tenant, change, deadline).await;
        if let Err(Error::Client(error)) = &carried_out
            && error.status == 409
            && let Some(existing) = self.store.by_user_name(&target.tenant.id, &subject).await?
            && self.operations.owed(&target.tenant, &existing.id, &fingerprint).await?
        {
            return Ok(Written::Created(existing));
        }
        carried_out
    }

    /// Changes a user or a group. PUT and PATCH differ only in their modification.
    async fn modify(
        self: &Arc<Self>,
        target: &WriteTarget,
        id: &str,
        modification: impl Fn(&Resource) -> Result<Patched, scim::Error>,
    ) -> Result<Written, Error> {
        let deadline = self.config.deadline();
        if target.kind() == ResourceKind::Group {
            return self.modify_group(target, id, modification, deadline).await;
        }
        let (_lane, target) = self.lock(target, id).await?;
        let key = lane::of_resource(&target.tenant.id, id);
        if !self.operations.open().on(&key).is_empty() {
            // Only to recognise a repeated request: the open operations may change the resource.
            let before = self.read_before(&target, id).await?;
            let patched = modification(&before.resource)?;
            let change = self.user_change(&target, before, patched);
            if let Some(written) =
                self.operations.make_way(&target.tenant, &key, change, deadline).await?
            {
                return Ok(written);
            }
        }
        let before = self.read_before(&target, id).await?;
        let patched = modification(&before.resource)?;
        let stored = before.stored.clone();
        match self.user_change(&target, before, patched) {
            Some(change) => self.operations.carry_out(&target.tenant, change, deadline).await,
            None => Ok(Written::Kept(stored)),
        }
    }

    fn user_change(
        &self,
        target: &WriteTarget,
        before: Before,
        patched: Patched,
    ) -> Option<Change> {
        let password = self.password(target, patched.password);
        let difference = event::of_user(&before.resource, &patched.resource, password.is_some());
        let mut change = Change::new(difference.kind?, Some(before), patched.resource);
        change.changes = difference.changes;
        change.password = password;
        change.conditional = target.precondition.is_given();
        Some(change)
    }

    /// Locks the resource. The tenant may have been paused while the request waited.
    async fn lock(
        &self,
        target: &WriteTarget,
        id: &str,
    ) -> Result<(Lane<Arc<Standing>>, WriteTarget), Error> {
        let lane = self.operations.enter(&target.tenant, id).await;
        Ok((lane, self.with_current_tenant(target).await?))
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
    pub(super) async fn read_before(
        &self,
        target: &WriteTarget,
        id: &str,
    ) -> Result<Before, Error> {
        let related = match target.kind() {
            ResourceKind::User => Related::Groups,
            ResourceKind::Group => Related::None,
        };
        let before =
            self.operations.standing(&target.tenant.id, target.kind(), id, related).await?;
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

fn deletion(target: &WriteTarget, before: Before) -> Change {
    let event = match target.kind() {
        ResourceKind::User => EventKind::Delete,
        ResourceKind::Group => EventKind::GroupDelete,
    };
    let resource = before.resource.clone();
    let mut change = Change::new(event, Some(before), resource);
    change.conditional = target.precondition.is_given();
    change
}

/// Answers with "retry later" if the disk cannot be written.
fn retry_later_if_disk_failed(dialect: Dialect, error: Error) -> Error {
    match error {
        Error::Internal(error) if error.is::<DiskError>() => {
            tracing::error!(error = format!("{error:#}"), "directory: the disk cannot be written");
            let why = error.downcast_ref::<DiskError>().map(DiskError::to_string);
            fate::unwritable(dialect, &why.unwrap_or_default()).into()
        }
        other => other,
    }
}
