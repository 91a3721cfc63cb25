//! What this server can do, and what its resources look like (RFC 7644 §4).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;

use super::answer::{self, Refused};
use super::authorization::Caller;
use super::query::LONGEST_PAGE;
use crate::lifecycle::Host;
use crate::lifecycle::registry::Tenant;
use crate::scim::{self, discovery};

pub(super) fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/ServiceProviderConfig", get(service_provider_config))
        .route("/ResourceTypes", get(resource_types))
        .route("/ResourceTypes/{id}", get(resource_type))
        .route("/Schemas", get(schemas))
        .route("/Schemas/{id}", get(schema))
}

async fn service_provider_config(Caller(tenant): Caller) -> Response {
    let support = discovery::Support {
        max_results: LONGEST_PAGE,
        change_password: takes_passwords(&tenant),
        etag: true,
    };
    answer::json(200, discovery::service_provider_config(&tenant.base_url, &support))
}

async fn resource_types(State(host): State<Arc<Host>>, Caller(tenant): Caller) -> Response {
    answer::json(200, discovery::resource_types(&tenant.base_url, &host.schemas))
}

async fn resource_type(
    State(host): State<Arc<Host>>,
    Caller(tenant): Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let found = discovery::resource_type(&tenant.base_url, &host.schemas, &id);
    let found = found.ok_or_else(|| scim::Error::not_found("ResourceType", &id))?;
    Ok(answer::json(200, found))
}

async fn schemas(State(host): State<Arc<Host>>, Caller(tenant): Caller) -> Response {
    answer::json(200, discovery::schemas(&tenant.base_url, &host.schemas))
}

async fn schema(
    State(host): State<Arc<Host>>,
    Caller(tenant): Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let found = discovery::schema(&tenant.base_url, &host.schemas, &id);
    let found = found.ok_or_else(|| scim::Error::not_found("Schema", &id))?;
    Ok(answer::json(200, found))
}

fn takes_passwords(tenant: &Tenant) -> bool {
    let connector = tenant.app.connector.as_ref();
    connector.is_ok_and(|connector| connector.manifest.features.password)
}
