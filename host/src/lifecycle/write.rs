//! What an identity provider can ask for: create, replace, patch and delete, of users and groups.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::change::{Before, Change, Written, before};
use super::fault::Fault;
use super::lane;
use super::registry::Tenant;
use super::settle::Settled;
use super::{Host, event};
use crate::decision::EventKind;
use crate::scim::{self, Draft, PatchRequest, Patched, Reading, Resource, ResourceType};
use crate::store::Related;

/// What a write is about.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whose directory.
    pub tenant: Arc<Tenant>,
    /// Which type of resource.
    pub resource_type: Arc<ResourceType>,
}

impl Target {
    /// `User` or `Group`, as the journal spells it.
    pub(super) fn kind(&self) -> &'static str {
        if self.resource_type.name == "Group" { "Group" } else { "User" }
    }

    pub(super) fn reading(&self) -> Reading {
        Reading::new(self.tenant.dialect)
    }
}

impl Host {
    /// POST.
    pub async fn create(self: &Arc<Self>, target: Target, body: Value) -> Result<Written, Fault> {
        self.undisturbed(|host| async move {
            let mut reading = target.reading();
            let draft = scim::create(&target.resource_type, &body, &mut reading)?;
            if target.kind() == "Group" {
                host.create_group(&target, draft).await
            } else {
                host.create_user(&target, draft).await
            }
        })
        .await
    }

    /// PUT.
    pub async fn replace(
        self: &Arc<Self>,
        target: Target,
        id: String,
        body: Value,
    ) -> Result<Written, Fault> {
        self.undisturbed(|host| async move {
            host.modify(&target, &id, |before| {
                let mut reading = target.reading();
                let draft = scim::replace(&target.resource_type, before, &body, &mut reading)?;
                Ok(Patched {
                    resource: draft.resource,
                    password: draft.password,
                    members: draft.members.into_iter().map(scim::MemberChange::Replace).collect(),
                })
            })
            .await
        })
        .await
    }

    /// PATCH.
    pub async fn patch(
        self: &Arc<Self>,
        target: Target,
        id: String,
        body: Value,
    ) -> Result<Written, Fault> {
        self.undisturbed(|host| async move {
            let request = PatchRequest::parse(&body, &mut target.reading())?;
            host.modify(&target, &id, |before| {
                scim::patch(&target.resource_type, before, &request, &mut target.reading())
            })
            .await
        })
        .await
    }

    /// DELETE.
    pub async fn delete(self: &Arc<Self>, target: Target, id: String) -> Result<Written, Fault> {
        self.undisturbed(|host| async move {
            let deadline = host.deadline();
            let _lane = host.enter(&target.tenant, &id).await;
            let before = host.before(&target, &id).await?;
            let kind = target.kind();
            let event = if kind == "Group" { EventKind::GroupDelete } else { EventKind::Delete };
            let change = Change::new(kind, event, Some(before.clone()), before.resource);
            host.settle_and_carry_out(&target.tenant, change, deadline).await
        })
        .await
    }

    async fn create_user(
        self: &Arc<Self>,
        target: &Target,
        draft: Draft,
    ) -> Result<Written, Fault> {
        let deadline = self.deadline();
        let mut after = draft.resource.with_id(&self.clock.new_id());
        // RFC 7643 §4.1.1: what `active` means is the server's to say; unsaid, it is true.
        after.set_active(after.active());
        let mut change = Change::new("User", EventKind::Create, None, after);
        change.password = self.password(target, draft.password);
        let subject = change.subject();
        let key = lane::of_subject(&target.tenant.id, "User", &subject);
        let _lane = self.lanes.enter(key.clone()).await;
        match self.settle(&target.tenant, &key, &change.fingerprint(), deadline).await? {
            Settled::Clear => {}
            Settled::Joined(work, ended) => return self.written(*work, ended, true, None),
            Settled::Blocked(error) => return Err(error.into()),
        }
        let fingerprint = change.fingerprint();
        let carried_out = self.carry_out(&target.tenant, change, deadline).await;
        if let Err(Fault::Answer(error)) = &carried_out
            && error.status == 409
            && let Some(existing) = self.store.by_user_name(&target.tenant.id, &subject).await?
            && self.owed(&target.tenant, &existing, &fingerprint).await?
        {
            return Ok(Written::Created(existing));
        }
        carried_out
    }

    /// PUT and PATCH differ in how the resource after is made, and in nothing else.
    async fn modify(
        self: &Arc<Self>,
        target: &Target,
        id: &str,
        modification: impl FnOnce(&Resource) -> Result<Patched, scim::Error>,
    ) -> Result<Written, Fault> {
        let deadline = self.deadline();
        let _lane = self.enter(&target.tenant, id).await;
        let before = self.before(target, id).await?;
        let after = modification(&before.resource)?;
        if target.kind() == "Group" {
            return self.modify_group(target, before, after, deadline).await;
        }
        let password = self.password(target, after.password);
        let difference = event::of_user(&before.resource, &after.resource, password.is_some());
        let Some(kind) = difference.kind else {
            return Ok(Written::Kept(before.stored));
        };
        let mut change = Change::new("User", kind, Some(before), after.resource);
        change.changes = difference.changes;
        change.password = password;
        self.settle_and_carry_out(&target.tenant, change, deadline).await
    }

    /// Whatever is open on the resource comes first; the change is joined to it or follows it.
    pub(super) async fn settle_and_carry_out(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        mut change: Change,
        deadline: Instant,
    ) -> Result<Written, Fault> {
        let Some(before) = &change.before else {
            return self.carry_out(tenant, change, deadline).await;
        };
        let (id, related) = (before.stored.id.clone(), before.stored.related.clone());
        let key = lane::of_resource(&tenant.id, &id);
        match self.settle(tenant, &key, &change.fingerprint(), deadline).await? {
            Settled::Clear => self.carry_out(tenant, change, deadline).await,
            Settled::Joined(work, ended) => self.written(*work, ended, false, related),
            Settled::Blocked(error) => {
                let recorded = self.queue(tenant, &mut change).await?;
                recorded.ok_or_else(|| error.into())
            }
        }
    }

    pub(super) async fn before(&self, target: &Target, id: &str) -> Result<Before, Fault> {
        let related = if target.kind() == "Group" { Related::None } else { Related::Groups };
        match self.store.resource(&target.tenant.id, target.kind(), id, related).await? {
            Some(stored) => Ok(before(stored)?),
            None => Err(scim::Error::not_found(&target.resource_type.name, id).into()),
        }
    }

    /// A password is dropped at the door unless the connector takes passwords.
    fn password(&self, target: &Target, password: Option<String>) -> Option<String> {
        let connector = target.tenant.app.connector.as_ref().ok()?;
        password.filter(|_| connector.manifest.features.password)
    }
}
