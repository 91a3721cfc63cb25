//! `/Me`: the user that the token belongs to (RFC 7644 §3.11), served by the handlers of `/Users/{id}`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::authorization::{Caller, CallerAndOwner};
use super::body::ScimBody;
use super::directory;
use super::precondition::PreconditionHeaders;
use super::representation::resource_type;
use super::response::{ApiError, ApiResult};
use crate::lifecycle::Host;
use crate::lifecycle::snapshot::Tenant;
use crate::scim::{self, Version, render};

/// The endpoint that the owner is also served at.
const ENDPOINT: &str = "Users";

pub(super) fn routes() -> Router<Arc<Host>> {
    let methods = get(read).put(replace).patch(patch).delete(delete).post(create);
    Router::new().route("/Me", methods)
}

/// The owner of the token that was presented.
struct Me {
    tenant: Arc<Tenant>,
    owner: String,
    /// The permanent address, `/Users/{id}`.
    location: String,
}

impl FromRequestParts<Arc<Host>> for Me {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, ApiError> {
        let CallerAndOwner(Caller(tenant, version), owner) =
            CallerAndOwner::from_request_parts(parts, host).await?;
        if version == Version::V1 {
            return Err(scim::Error::new(501, "/Me is not offered: it came with SCIM 2.0").into());
        }
        let owner = owner.ok_or_else(|| {
            let detail = format!(
                "/Me is not offered to this token, since it belongs to no user; an operator can add \
                 a token that does with `muster token add {} --owner USER`",
                tenant.id
            );
            scim::Error::new(501, detail)
        })?;
        let users = resource_type(&tenant, ENDPOINT)?;
        let location = render::location(tenant.base_url(version), &users, &owner);
        Ok(Self { tenant, owner, location })
    }
}

impl Me {
    fn caller(&self) -> Caller {
        Caller(Arc::clone(&self.tenant), Version::V2)
    }

    fn path(&self) -> Path<(String, String, String)> {
        Path((self.tenant.id.clone(), ENDPOINT.to_owned(), self.owner.clone()))
    }

    /// RFC 7644 §3.11: every response names the permanent address.
    fn with_location(self, result: ApiResult) -> Response {
        let deleted =
            || format!("User {}, whom this token belongs to, no longer exists", self.owner);
        let result = result.map_err(|error| error.with_detail(404, deleted));
        let mut response = result.into_response();
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

async fn read(
    host: State<Arc<Host>>,
    me: Me,
    only_if: PreconditionHeaders,
    query: RawQuery,
) -> Response {
    let result = directory::read(host, me.caller(), me.path(), only_if, query).await;
    me.with_location(result)
}

async fn replace(
    host: State<Arc<Host>>,
    me: Me,
    only_if: PreconditionHeaders,
    query: RawQuery,
    body: ScimBody,
) -> Response {
    let result = directory::replace(host, me.caller(), me.path(), only_if, query, body).await;
    me.with_location(result)
}

async fn patch(
    host: State<Arc<Host>>,
    me: Me,
    only_if: PreconditionHeaders,
    query: RawQuery,
    body: ScimBody,
) -> Response {
    let result = directory::patch(host, me.caller(), me.path(), only_if, query, body).await;
    me.with_location(result)
}

async fn delete(host: State<Arc<Host>>, me: Me, only_if: PreconditionHeaders) -> Response {
    let result = directory::delete(host, me.caller(), me.path(), only_if).await;
    me.with_location(result)
}

/// RFC 7644 §3.11 leaves the meaning of POST to the service provider. A token's owner exists already.
async fn create(me: Me) -> Response {
    let detail = "the user of /Me exists already; send POST to /Users to create another user";
    me.with_location(Err(scim::Error::new(501, detail).into()))
}
