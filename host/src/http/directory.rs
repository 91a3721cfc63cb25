//! Users and Groups: one set of handlers for every resource type.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, Uri};
use axum::routing::{get, post};
use serde_json::Value;
use url::form_urlencoded;

use super::authorization::Caller;
use super::body::ScimBody;
use super::bulk::bulk;
use super::precondition::PreconditionHeaders;
use super::representation::{related_rows, resource_response, resource_type};
use super::response::{self, ApiError, ApiResult};
use super::search;
use crate::lifecycle::snapshot::Tenant;
use crate::lifecycle::{Host, WriteResult, WriteTarget};
use crate::scim::{
    self, Dialect, PatchRequest, Precondition, Projection, ResourceType, Version, render, v1,
};
use crate::store::Related;

pub(super) fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/{endpoint}", get(search::list).post(create))
        .route("/{endpoint}/{id}", get(read).put(replace).patch(patch).delete(delete))
        .route("/Bulk", post(bulk))
}

async fn create(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    Path((_, endpoint)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    ScimBody(body): ScimBody,
) -> ApiResult {
    // RFC 7644 §3.14: preconditions are about an existing resource; a create has none.
    let target = write_target(&host, tenant, &endpoint, Precondition::default())?;
    let projection = projection(query.as_deref(), &target.resource_type, version)?;
    let body = resource_body(&target.resource_type, body, version);
    let related = related_rows_after(&target, &body, &projection);
    let written = host.directory.create(target.clone(), body).await?;
    write_response(&host, &target, written, version, &projection, related).await
}

pub(super) async fn read(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    Path((_, endpoint, id)): Path<(String, String, String)>,
    PreconditionHeaders(precondition): PreconditionHeaders,
    RawQuery(query): RawQuery,
) -> ApiResult {
    let resource_type = resource_type(&tenant, &endpoint)?;
    let projection = projection(query.as_deref(), &resource_type, version)?;
    let related = related_rows(&resource_type, &projection);
    let found = host.store.resource(&tenant.id, &resource_type.name, &id, related).await?;
    let found = found.ok_or_else(|| scim::Error::not_found(&resource_type.name, &id))?;
    if precondition.is_not_modified(found.revision())? {
        let location = render::location(tenant.base_url(version), &resource_type, &found.id);
        return Ok(response::not_modified(&location, found.revision()));
    }
    response::check_room(
        &tenant,
        found.document.len() + found.related.as_ref().map_or(0, String::len),
    )?;
    Ok(resource_response(200, &tenant, &resource_type, &found, version, &projection))
}

pub(super) async fn replace(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    Path((_, endpoint, id)): Path<(String, String, String)>,
    PreconditionHeaders(precondition): PreconditionHeaders,
    RawQuery(query): RawQuery,
    ScimBody(body): ScimBody,
) -> ApiResult {
    let target = write_target(&host, tenant, &endpoint, precondition)?;
    let projection = projection(query.as_deref(), &target.resource_type, version)?;
    let body = resource_body(&target.resource_type, body, version);
    let related = related_rows_after(&target, &body, &projection);
    let written = host.directory.replace(target.clone(), id, body).await?;
    write_response(&host, &target, written, version, &projection, related).await
}

pub(super) async fn patch(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    Path((_, endpoint, id)): Path<(String, String, String)>,
    PreconditionHeaders(precondition): PreconditionHeaders,
    RawQuery(query): RawQuery,
    ScimBody(body): ScimBody,
) -> ApiResult {
    let target = write_target(&host, tenant, &endpoint, precondition)?;
    let projection = projection(query.as_deref(), &target.resource_type, version)?;
    let request = patch_request(&target, &body, version)?;
    let written = host.directory.patch(target.clone(), id, request).await?;
    // Okta accepts 200 and 204 for a group, Entra expects 204. With 204, a group of 100,000 members is
    // not read back for one new member: `tests/fixtures/conversations/SOURCES.md`, "Okta: groups"
    // and "Entra: groups are read without members".
    let without_content = target.resource_type.name == "Group"
        && matches!(target.tenant.dialect(), Dialect::Okta | Dialect::Entra)
        && projection.is_default();
    match written {
        WriteResult::Kept(found) if without_content => {
            let base_url = target.tenant.base_url(version);
            let location = render::location(base_url, &target.resource_type, &found.id);
            Ok(response::changed_without_content(&location, found.revision()))
        }
        written => {
            let related = related_rows_after(&target, &body, &projection);
            write_response(&host, &target, written, version, &projection, related).await
        }
    }
}

/// The resource in a request body, in the form of SCIM 2.0.
fn resource_body(resource_type: &ResourceType, body: Value, version: Version) -> Value {
    match version {
        Version::V1 => v1::request(resource_type, body),
        Version::V2 => body,
    }
}

/// The PATCH operations in a request body.
fn patch_request(
    target: &WriteTarget,
    body: &Value,
    version: Version,
) -> Result<PatchRequest, scim::Error> {
    let mut reading = target.reading();
    match version {
        Version::V1 => v1::patch(&target.resource_type, body, &mut reading),
        Version::V2 => PatchRequest::parse(body, &mut reading),
    }
}

pub(super) async fn delete(
    State(host): State<Arc<Host>>,
    Caller(tenant, _): Caller,
    Path((_, endpoint, id)): Path<(String, String, String)>,
    PreconditionHeaders(precondition): PreconditionHeaders,
) -> ApiResult {
    host.directory.delete(write_target(&host, tenant, &endpoint, precondition)?, id).await?;
    Ok(response::no_content())
}

/// 404 for a path that is no route. A caller without a token gets 401 instead, and so cannot probe
/// for routes.
pub(super) async fn unknown_route(_: Caller, uri: Uri) -> ApiError {
    scim::Error::new(404, format!("there is nothing at {}", uri.path())).into()
}

/// 405 for a method that a route does not have, to a caller with a token.
pub(super) async fn wrong_method(_: Caller, method: Method, uri: Uri) -> ApiError {
    response::method_not_allowed(&method, &uri).into()
}

/// The tenant, resource type and precondition of a write.
fn write_target(
    host: &Host,
    tenant: Arc<Tenant>,
    endpoint: &str,
    precondition: Precondition,
) -> Result<WriteTarget, scim::Error> {
    let resource_type = resource_type(&tenant, endpoint)?;
    host.directory.target(tenant, resource_type, precondition)
}

/// The attributes that the response shows: RFC 7644 §3.9, for every operation that returns a
/// resource.
fn projection(
    query: Option<&str>,
    resource_type: &ResourceType,
    version: Version,
) -> Result<Projection, scim::Error> {
    let given = |wanted: &str| {
        let mut given = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let (_, names) = given.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        Some(match version {
            Version::V1 => v1::names(&names).into_owned(),
            Version::V2 => names.into_owned(),
        })
    };
    let (only, except) = (given("attributes"), given("excludedAttributes"));
    Projection::parse(only.as_deref(), except.as_deref(), resource_type)
}

/// The related rows that the response to a write shows. `members.display` is returned on request, and
/// RFC 7643 §7 takes it to be requested by a write that sends it.
fn related_rows_after(target: &WriteTarget, body: &Value, projection: &Projection) -> Related {
    match related_rows(&target.resource_type, projection) {
        Related::Members if scim::sends_member_display(body) => Related::NamedMembers,
        related => related,
    }
}

/// The response to a create, replace or PATCH.
async fn write_response(
    host: &Host,
    target: &WriteTarget,
    written: WriteResult,
    version: Version,
    projection: &Projection,
    related: Related,
) -> ApiResult {
    let (status, mut found) = match written {
        WriteResult::Created(found) => (201, found),
        WriteResult::Kept(found) => (200, found),
        WriteResult::Gone => return Ok(response::no_content()),
    };
    let resource_type = &target.resource_type;
    if matches!(related, Related::Members | Related::NamedMembers) {
        let kind = &resource_type.name;
        let with_members = host.store.resource(&target.tenant.id, kind, &found.id, related).await?;
        found = with_members.unwrap_or(found);
    }
    Ok(resource_response(status, &target.tenant, resource_type, &found, version, projection))
}
