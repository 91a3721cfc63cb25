//! Writes to resources of types that a connector adds and identity providers write: kept and served,
//! with no operation and no account.
//!
//! A connector declares such a type (`scim.resource_types`, `writable`) for data that the app does not
//! have, such as the entitlements of a governance system. A write locks its resource, as for users and
//! groups, and is durable when it is acknowledged. It waits for no app, so a pause or a disconnect does
//! not hold it up.

use super::Directory;
use super::heavy::Modification;
use super::target::WriteTarget;
use crate::clock::rfc3339;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::change::{WriteResult, stored};
use crate::lifecycle::operation::disposition;
use crate::scim::{self, Resource};
use crate::store::{Commit, CommitError, Related, ResourceChange, ResourceRow, StoredResource};

impl Directory {
    pub(super) async fn create_unprovisioned(
        &self,
        target: &WriteTarget,
        resource: Resource,
    ) -> Result<WriteResult, Error> {
        let row = self.row(target, &resource.with_id(&self.clock.new_id()), None);
        self.commit_unprovisioned(target, ResourceChange::Insert(row.clone())).await?;
        Ok(WriteResult::Created(stored(row, None)))
    }

    pub(super) async fn modify_unprovisioned(
        &self,
        target: &WriteTarget,
        id: &str,
        modification: &Modification,
    ) -> Result<WriteResult, Error> {
        let (_lock, target) = &self.lock(target, id).await?;
        let before = self.read_unprovisioned(target, id).await?;
        let resource = Resource::from_json(&before.document)?;
        let (tenant, document) = (&target.tenant.id, &before.document);
        let patched = self.heavy.modified(tenant, modification, &resource, document).await?;
        let row = self.row(target, &patched.resource, Some(&before));
        if row.document == before.document {
            return Ok(WriteResult::Kept(before));
        }
        let change = ResourceChange::Update { row: row.clone(), expected: before.version };
        self.commit_unprovisioned(target, change).await?;
        Ok(WriteResult::Kept(stored(row, None)))
    }

    pub(super) async fn delete_unprovisioned(
        &self,
        target: &WriteTarget,
        id: String,
    ) -> Result<WriteResult, Error> {
        let (_lock, target) = &self.lock(target, &id).await?;
        let expected = self.read_unprovisioned(target, &id).await?.version;
        let (tenant, kind) = (target.tenant.id.clone(), target.resource_type.name.clone());
        let change = ResourceChange::Delete { tenant, kind, id, expected };
        self.commit_unprovisioned(target, change).await?;
        Ok(WriteResult::Gone)
    }

    /// Reads the resource, and checks the precondition. The caller holds the resource's lock.
    async fn read_unprovisioned(
        &self,
        target: &WriteTarget,
        id: &str,
    ) -> Result<StoredResource, Error> {
        let kind = &target.resource_type.name;
        let found = self.store.resource(&target.tenant.id, kind, id, Related::None).await?;
        let found = found.ok_or_else(|| scim::Error::not_found(kind, id))?;
        target.precondition.check(found.revision())?;
        Ok(found)
    }

    fn row(
        &self,
        target: &WriteTarget,
        resource: &Resource,
        before: Option<&StoredResource>,
    ) -> ResourceRow {
        let now = rfc3339(self.clock.now());
        ResourceRow::unprovisioned(
            &target.tenant.id,
            &target.resource_type.name,
            resource,
            before,
            now,
        )
    }

    async fn commit_unprovisioned(
        &self,
        target: &WriteTarget,
        change: ResourceChange,
    ) -> Result<(), Error> {
        let commit = Commit { resource: Some(change), ..Commit::default() };
        match self.store.commit(commit).await {
            Ok(()) => Ok(()),
            // Only a connector that lists the type in a setting writes without the lock.
            Err(CommitError::Stale) => Err(disposition::busy(target.tenant.dialect()).into()),
            Err(error) => Err(error.into_internal().into()),
        }
    }
}
