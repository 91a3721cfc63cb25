//! Targets of writes: which resources a request may be about, and in which version.

use std::sync::Arc;

use super::Directory;
use crate::decision::ResourceKind;
use crate::lifecycle::config::snapshot::Tenant;
use crate::scim::{self, Precondition, Reading, ResourceType, Version};
use crate::store::MemberRow;

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
    /// The kind of resource; none for a type that is not provisioned.
    pub(super) fn kind(&self) -> Option<ResourceKind> {
        ResourceKind::named(&self.resource_type.name)
    }

    /// The same without a precondition, for the steps after one that has fulfilled it.
    pub(super) fn unconditional(&self) -> Self {
        Self { precondition: Precondition::default(), ..self.clone() }
    }

    /// The address of a member of a group, as `$ref` has it.
    pub(super) fn reference(&self, member: &MemberRow) -> String {
        let base_url = self.tenant.base_url(Version::V2);
        format!("{base_url}/{}s/{}", member.kind.name(), member.member)
    }

    /// Starts a reading of a request in the tenant's dialect.
    pub fn reading(&self) -> Reading {
        self.tenant.reading()
    }
}

impl Directory {
    /// The target of a write. 501 if only operators write this type of resource.
    pub fn target(
        &self,
        tenant: Arc<Tenant>,
        resource_type: Arc<ResourceType>,
        precondition: Precondition,
    ) -> Result<WriteTarget, scim::Error> {
        if resource_type.writes.setting().is_some() {
            let endpoint = &resource_type.endpoint;
            let why = format!("{endpoint} are listed by an operator and cannot be written here");
            return Err(scim::Error::new(501, why));
        }
        Ok(WriteTarget { tenant, resource_type, precondition })
    }
}
