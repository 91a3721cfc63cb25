//! The admin API: what `muster app`, `tenant`, `token`, `connector`, `operation` and
//! `job` call.
//!
//! Each handler states its route, parameters and responses in `#[utoipa::path]`; the router and the
//! reference (`openapi.json`) are both made of that statement, so neither has a route that the
//! other lacks. Errors have the shape of SCIM errors, so that one client understands both APIs.

mod admin_tokens;
mod apps;
mod audit;
mod connectors;
mod disconnect;
mod jobs;
mod list;
mod operations;
mod people;
mod reference;
mod replay;
mod request;
pub(super) mod role;
mod tenants;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authorization::AdminCaller;
use super::response::{self, ApiError};
use crate::lifecycle::Host;
use crate::scim;
use crate::store::audit as audit_log;

type Answered = Result<Response, ApiError>;

/// Where the admin API is.
pub(super) const PREFIX: &str = "/admin/v1";

pub(super) fn routes(host: &Arc<Host>) -> Router<Arc<Host>> {
    let to_completion = middleware::from_fn_with_state(Arc::clone(host), run_to_completion);
    let (router, _) = described_routes().split_for_parts();
    router.fallback(unknown_route).method_not_allowed_fallback(wrong_method).layer(to_completion)
}

/// Every route of the admin API.
fn described_routes() -> OpenApiRouter<Arc<Host>> {
    OpenApiRouter::with_openapi(reference::frame())
        .routes(routes!(apps::list, apps::create))
        .routes(routes!(apps::show, apps::set, apps::remove))
        .routes(routes!(apps::promote))
        .routes(routes!(apps::rollback))
        .routes(routes!(replay::replay))
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::show, tenants::set, tenants::remove))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(admin_tokens::list, admin_tokens::create))
        .routes(routes!(admin_tokens::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(tenants::pause))
        .routes(routes!(tenants::connect))
        .routes(routes!(disconnect::progress, disconnect::begin))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(tenants::protect))
        .routes(routes!(tenants::unprotect))
        .routes(routes!(people::erase))
        .routes(routes!(tenants::adopt))
        .routes(routes!(connectors::list, connectors::push))
        .routes(routes!(connectors::show))
        .routes(routes!(connectors::retire))
        .routes(routes!(connectors::restore))
        .routes(routes!(operations::list))
        .routes(routes!(operations::show))
        .routes(routes!(operations::retry))
        .routes(routes!(operations::drop))
        .routes(routes!(reference::show))
}

/// Carries a request out even if the operator closes the connection, so that no change is durable
/// and not in force. What it changes is recorded as the operator's.
async fn run_to_completion(
    State(host): State<Arc<Host>>,
    request: Request,
    next: Next,
) -> Answered {
    Ok(host.run_to_completion(audit_log::scope(next.run(request))).await?)
}

async fn unknown_route(_: AdminCaller, uri: http::Uri) -> ApiError {
    scim::Error::new(404, format!("there is nothing at {}", uri.path())).into()
}

async fn wrong_method(_: AdminCaller, method: http::Method, uri: http::Uri) -> ApiError {
    response::method_not_allowed(&method, &uri).into()
}

/// An answer in JSON.
fn json(status: u16, value: &impl Serialize) -> Answered {
    let mut response = response::json(status, serde_json::to_string(value)?);
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// 200.
fn ok(value: &impl Serialize) -> Answered {
    json(200, value)
}

/// 201, with the path of the new resource.
fn created(location: &str, value: &impl Serialize) -> Answered {
    Ok(at(location, json(201, value)?))
}

/// An answer with the path of the resource that the request made.
fn at(location: &str, mut response: Response) -> Response {
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
