//! Publication of listed resources: the directory has a row for each resource in a tenant's
//! settings.
//!
//! The rows are brought up to date whenever a tenant is loaded. Deletions come first, since the id
//! of a deleted resource may be that of another type now. A failure is logged, and the tenant is
//! served all the same.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Configuration;
use super::listed_resources::listed;
use super::snapshot::Tenant;
use crate::clock::rfc3339;
use crate::connector::Manifest;
use crate::scim::additions::AddedType;
use crate::scim::{Resource, ResourceType};
use crate::store::{Commit, CommitError, ResourceChange, ResourceRow, StoredResource};

impl Configuration {
    /// Brings the rows of a tenant's listed resources up to date.
    pub(super) async fn publish_listed_resources(&self, tenant: &Tenant) {
        let Ok(connector) = &tenant.connector else { return };
        if let Err(error) = self.try_to_publish(tenant, &connector.manifest).await {
            let tenant = &tenant.id;
            let error = format!("{error:#}");
            tracing::error!(tenant, error, "config: listed resources could not be published");
        }
    }

    async fn try_to_publish(&self, tenant: &Tenant, manifest: &Manifest) -> anyhow::Result<()> {
        let settings: Map<String, Value> = serde_json::from_str(&tenant.settings)?;
        let mut changes = Vec::new();
        let listed_types = manifest.scim.resource_types.iter().filter(|it| !it.writable);
        for AddedType { name, .. } in listed_types {
            let known = self.store.all_of(&tenant.id, name).await?;
            let mut known: HashMap<String, StoredResource> =
                known.into_iter().map(|stored| (stored.id.clone(), stored)).collect();
            if let Some(resource_type) = tenant.schemas.by_name(name) {
                let listed = listed(resource_type, &settings);
                for resource in listed.map_err(|error| anyhow::anyhow!(error.detail))? {
                    let before = known.remove(resource.id());
                    changes.extend(self.listed_change(tenant, resource_type, &resource, before));
                }
            }
            for (id, StoredResource { version: expected, .. }) in known {
                let (tenant, kind) = (tenant.id.clone(), name.clone());
                self.commit_listed(ResourceChange::Delete { tenant, kind, id, expected }).await?;
            }
        }
        for change in changes {
            self.commit_listed(change).await?;
        }
        Ok(())
    }

    /// The change that brings the row of a resource up to date; none if it is.
    fn listed_change(
        &self,
        tenant: &Tenant,
        resource_type: &ResourceType,
        resource: &Resource,
        before: Option<StoredResource>,
    ) -> Option<ResourceChange> {
        let now = rfc3339(self.clock.now());
        let (tenant, kind) = (&tenant.id, &resource_type.name);
        let row = ResourceRow::unprovisioned(tenant, kind, resource, before.as_ref(), now);
        match before {
            None => Some(ResourceChange::Insert(row)),
            Some(before) if before.document == row.document => None,
            Some(before) => Some(ResourceChange::Update { row, expected: before.version }),
        }
    }

    async fn commit_listed(&self, change: ResourceChange) -> anyhow::Result<()> {
        let commit = Commit { resource: Some(change), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)
    }
}
