//! Discovery: the server's features, resource types and schemas (RFC 7644 §4).

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use url::form_urlencoded;

use super::authorization::Caller;
use super::body::LARGEST_BODY;
use super::response::{self, ApiError};
use crate::connector::Features;
use crate::lifecycle::Host;
use crate::lifecycle::snapshot::Tenant;
use crate::scim::bulk::MAX_BULK_OPERATIONS;
use crate::scim::discovery::BulkLimits;
use crate::scim::search::{LONGEST_PAGE, PAGE};
use crate::scim::{self, Version, discovery, v1};

/// A caller whose request has no filter: these lists cannot be filtered.
struct DiscoveryCaller(Arc<Tenant>, Version);

impl FromRequestParts<Arc<Host>> for DiscoveryCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, ApiError> {
        let Caller(tenant, version) = Caller::from_request_parts(parts, host).await?;
        let query = parts.uri.query().unwrap_or_default();
        let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        // RFC 7644 §4: "If a "filter" is provided, the service provider SHOULD respond with HTTP
        // status code 403". Sorting, paging and attributes are ignored.
        if names.any(|name| name.eq_ignore_ascii_case("filter")) {
            return Err(scim::Error::new(403, "these lists cannot be filtered").into());
        }
        Ok(Self(tenant, version))
    }
}

pub(super) fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/ServiceProviderConfig", get(service_provider_config))
        .route("/ServiceProviderConfigs", get(service_provider_configs))
        .route("/ResourceTypes", get(resource_types))
        .route("/ResourceTypes/{id}", get(resource_type))
        .route("/Schemas", get(schemas))
        .route("/Schemas/{id}", get(schema))
}

async fn service_provider_config(DiscoveryCaller(tenant, version): DiscoveryCaller) -> Response {
    match version {
        Version::V1 => response::described(provider_configs(&tenant, version)),
        Version::V2 => {
            let base_url = tenant.base_url(version);
            let support = support(&tenant, version);
            response::described(discovery::service_provider_config(base_url, &support))
        }
    }
}

/// Okta's on-premises agent requests the plural, which is SCIM 1.1, from servers of SCIM 2.0 too
/// (`tests/fixtures/conversations/okta-opp-v2/connect.json`).
async fn service_provider_configs(DiscoveryCaller(tenant, version): DiscoveryCaller) -> Response {
    response::described(provider_configs(&tenant, version))
}

fn provider_configs(tenant: &Tenant, version: Version) -> String {
    let capabilities = v1::discovery::Capabilities {
        groups: features(tenant).groups,
        passwords: features(tenant).password,
    };
    let base_url = tenant.base_url(version);
    v1::discovery::service_provider_configs(
        version,
        base_url,
        &support(tenant, version),
        capabilities,
    )
}

async fn resource_types(DiscoveryCaller(tenant, version): DiscoveryCaller) -> Response {
    let list = match version {
        Version::V1 => v1::discovery::resource_types,
        Version::V2 => discovery::resource_types,
    };
    response::json(200, list(tenant.base_url(version), &tenant.schemas))
}

async fn resource_type(
    DiscoveryCaller(tenant, version): DiscoveryCaller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let find = match version {
        Version::V1 => v1::discovery::resource_type,
        Version::V2 => discovery::resource_type,
    };
    let found = find(tenant.base_url(version), &tenant.schemas, &id);
    let found = found.ok_or_else(|| scim::Error::not_found("ResourceType", &id))?;
    Ok(response::described(found))
}

async fn schemas(DiscoveryCaller(tenant, version): DiscoveryCaller) -> Response {
    let list = match version {
        Version::V1 => v1::discovery::schemas,
        Version::V2 => discovery::schemas,
    };
    response::json(200, list(tenant.base_url(version), &tenant.schemas))
}

async fn schema(
    DiscoveryCaller(tenant, version): DiscoveryCaller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let find = match version {
        Version::V1 => v1::discovery::schema,
        Version::V2 => discovery::schema,
    };
    let found = find(tenant.base_url(version), &tenant.schemas, &id);
    let found = found.ok_or_else(|| scim::Error::not_found("Schema", &id))?;
    Ok(response::described(found))
}

fn support(tenant: &Tenant, version: Version) -> discovery::Support {
    let limits = BulkLimits { operations: MAX_BULK_OPERATIONS, payload: LARGEST_BODY };
    discovery::Support {
        page: PAGE,
        max_results: LONGEST_PAGE,
        bulk: (version == Version::V2).then_some(limits),
        change_password: features(tenant).password,
        etag: true,
    }
}

/// The features of the tenant's connector; none without a connector.
fn features(tenant: &Tenant) -> Features {
    let connector = tenant.connector.as_ref();
    connector.map(|connector| connector.manifest.features).unwrap_or_default()
}
