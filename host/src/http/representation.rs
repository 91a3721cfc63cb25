//! Representations of stored resources: the resource type of an endpoint, which related rows a response
//! needs, and the view of a stored row that is rendered.
//!
//! Reads, writes and searches share it, in SCIM 1.1 and 2.0.

use std::sync::Arc;

use axum::response::Response;

use super::response;
use crate::lifecycle::snapshot::Tenant;
use crate::scim::{self, Projection, ResourceType, Stored, Version, render, v1};
use crate::store::{Related, StoredResource};

/// The resource type of an endpoint such as `Users`; 404 for any other.
pub(super) fn resource_type(
    tenant: &Tenant,
    endpoint: &str,
) -> Result<Arc<ResourceType>, scim::Error> {
    tenant
        .schemas
        .by_endpoint(endpoint)
        .cloned()
        .ok_or_else(|| scim::Error::new(404, format!("there is no resource type at /{endpoint}")))
}

/// The related rows that must be read to show a resource in this projection.
pub(super) fn related_rows(resource_type: &ResourceType, projection: &Projection) -> Related {
    match resource_type.name.as_str() {
        "User" if projection.wants("groups") => Related::Groups,
        "Group" if projection.names("members", "display") => Related::NamedMembers,
        "Group" if projection.wants("members") => Related::Members,
        _ => Related::None,
    }
}

/// A stored row as the renderer takes it.
#[expect(clippy::needless_pass_by_value, reason = "it is the item of an iterator")]
pub(super) fn renderable(found: StoredResource<&str>) -> Stored<'_> {
    Stored {
        document: found.document,
        id: found.id,
        version: found.revision(),
        created: found.created,
        last_modified: found.last_modified,
        related: found.related,
    }
}

/// The response that shows one resource.
pub(super) fn resource_response(
    status: u16,
    tenant: &Tenant,
    resource_type: &ResourceType,
    found: &StoredResource,
    version: Version,
    projection: &Projection,
) -> Response {
    let mut body = String::with_capacity(found.document.len() + 512);
    let shown = Stored {
        document: &found.document,
        id: &found.id,
        version: found.revision(),
        created: &found.created,
        last_modified: &found.last_modified,
        related: found.related.as_deref(),
    };
    let base_url = tenant.base_url(version);
    match version {
        Version::V1 => v1::resource(&mut body, base_url, resource_type, &shown, projection),
        Version::V2 => render::resource(&mut body, base_url, resource_type, &shown, projection),
    }
    let location = render::location(base_url, resource_type, &found.id);
    response::resource(status, tenant, body, &location, found.revision())
}
