//! Responses: SCIM JSON for every outcome, errors included.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Value;

use crate::lifecycle::Error;
use crate::lifecycle::snapshot::Tenant;
use crate::request_id::{RequestId, internal_error};
use crate::scim;
use crate::scim::render::entity_tag;
use crate::store::{DiskError, ReadError};

/// The media type of SCIM; it has no parameters (RFC 7644 §8.1).
pub(super) const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// What a handler returns.
pub(super) type ApiResult = Result<Response, ApiError>;

/// Why a request failed: an error of the protocol, or an internal error.
#[derive(Debug)]
pub(super) struct ApiError {
    error: Error,
    is_of_stranger: bool,
}

/// Marks the answer to a caller without valid credentials, which must not depend on the tenant that the path
/// names.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfStranger;

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self { error: error.into(), is_of_stranger: false }
    }
}

impl ApiError {
    /// The same error with another detail, if it is a protocol error of this status.
    pub(super) fn with_detail(mut self, status: u16, detail: impl FnOnce() -> String) -> Self {
        if let Error::Client(error) = &mut self.error
            && error.status == status
        {
            error.detail = detail();
        }
        self
    }

    /// The error for a caller without valid credentials.
    pub(super) fn of_stranger(error: impl Into<Error>) -> Self {
        Self { error: error.into(), is_of_stranger: true }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = error_answer(self.error);
        if self.is_of_stranger {
            response.extensions_mut().insert(OfStranger);
        }
        response
    }
}

fn error_answer(error: Error) -> Response {
    match error {
        Error::Client(error) => error_response(with_request_id(error)),
        Error::Internal(error) if error.downcast_ref::<ReadError>().is_some() => {
            let request = RequestId::logged();
            tracing::warn!(request, error = format!("{error:#}"), "http: read refused");
            error_response(internal_error_for(&error))
        }
        // The store has reported it once.
        Error::Internal(error) if error.is::<DiskError>() => {
            let request = RequestId::logged();
            tracing::debug!(request, error = format!("{error:#}"), "http: disk refuses");
            error_response(internal_error_for(&error))
        }
        Error::Internal(error) => {
            let request = RequestId::logged();
            tracing::error!(request, error = format!("{error:#}"), "http: internal error");
            error_response(internal_error_for(&error))
        }
    }
}

fn internal_error_for(error: &anyhow::Error) -> scim::Error {
    if let Some(read) = error.downcast_ref::<ReadError>() {
        return read_refused(*read);
    }
    match error.downcast_ref::<DiskError>() {
        // RFC 4918 §11.5: the condition is considered to be temporary.
        Some(disk) => scim::Error::new(
            507,
            format!("{disk}; nothing more was recorded: make room and try again"),
        ),
        None => internal_error(),
    }
}

/// RFC 6585 §4: 429 and `Retry-After`, which Okta repeats too.
fn read_refused(error: ReadError) -> scim::Error {
    scim::Error::new(429, format!("{error}; try again")).retry_after(5)
}

/// Adds the request id to the detail of a 500 that does not have it yet.
pub(super) fn with_request_id(mut error: scim::Error) -> scim::Error {
    if error.status == 500
        && let Some(id) = RequestId::current()
        && !error.detail.contains(id.as_str())
    {
        error.detail = format!("{} (request {id})", error.detail);
    }
    error
}

fn error_response(error: scim::Error) -> Response {
    let mut response = json(error.status, error.to_json());
    let headers = response.headers_mut();
    if error.status == 401 {
        // RFC 7644 §2: the challenge names the supported schemes.
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic"));
    }
    if error.status == 408 {
        // RFC 9110 §15.5.9: the rest of the body must not be read as another request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(seconds) = error.retry_after {
        // Okta reads whole seconds only: `tests/fixtures/conversations/SOURCES.md`,
        // "Okta: retries only 429 with Retry-After".
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    // `v1` replaces the body by the form that SCIM 1.1 has for errors.
    response.extensions_mut().insert(error);
    response
}

/// Completes an answer with what holds for all of them.
pub(super) fn finish(response: &mut Response) {
    let is_of_stranger = response.extensions().get::<OfStranger>().is_some();
    let headers = response.headers_mut();
    // People's data is kept by no cache (RFC 9111 §5.2.2.5). A client that repeats a version in `If-None-Match`
    // has it from its own records; RFC 9110 §15.4.5: a 304 has this header too.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_of_stranger {
        // The router adds the methods of the route to the answer of its handler for other methods.
        headers.remove(header::ALLOW);
    }
}

/// Asks to repeat a query later if the tenant's clients have not read its answers, and there is no room for
/// another one of so many bytes.
pub(super) fn check_room(tenant: &Tenant, bytes: usize) -> Result<(), scim::Error> {
    if tenant.observations.unread.have_room(bytes) {
        return Ok(());
    }
    let detail =
        "answers to other queries of this tenant wait for their clients to read them; try again";
    Err(scim::Error::new(429, detail).retry_after(5))
}

/// The answer to a query, if there is room for it; it counts until it is read.
pub(super) fn shown(tenant: &Tenant, body: String) -> ApiResult {
    check_room(tenant, body.len())?;
    Ok(with_json(200, unread(tenant, body)))
}

/// A body that counts as unread until its last byte is given to the connection.
fn unread(tenant: &Tenant, body: String) -> Body {
    Body::from(Bytes::from_owner(tenant.observations.unread.hold(body)))
}

/// A response whose body is this JSON text.
pub(super) fn json(status: u16, body: String) -> Response {
    with_json(status, Body::from(body))
}

fn with_json(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
    response
}

/// A resource of the tenant, with its address and version in the headers (RFC 7644 §3.1, §3.14).
pub(super) fn resource(
    status: u16,
    tenant: &Tenant,
    body: String,
    location: &str,
    version: i64,
) -> Response {
    located(with_json(status, unread(tenant, body)), location, version)
}

fn located(mut response: Response, location: &str, version: i64) -> Response {
    let headers = response.headers_mut();
    let mut insert = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    insert(header::ETAG, &entity_tag(version));
    // RFC 7643 §3.1: the same value as meta.location, for every kind of request.
    insert(header::CONTENT_LOCATION, location);
    insert(header::LOCATION, location);
    response
}

/// One resource of discovery, with the address that its `meta` has.
pub(super) fn described(body: String) -> Response {
    let resource: Value = serde_json::from_str(&body).unwrap_or_default();
    let location = resource["meta"]["location"].as_str().map(HeaderValue::from_str);
    let mut response = json(200, body);
    if let Some(Ok(location)) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// 304: the client already has this version.
pub(super) fn not_modified(location: &str, version: i64) -> Response {
    let mut response = located(json(304, String::new()), location, version);
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// 204.
pub(super) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// 204 after a change to a resource, with the resource's address and new version
/// (RFC 7644 §3.5.2).
pub(super) fn changed_without_content(location: &str, version: i64) -> Response {
    let mut response = located(json(204, String::new()), location, version);
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// 404 for a path that is no route.
pub(super) async fn unknown_route(uri: Uri) -> ApiError {
    scim::Error::new(404, format!("there is nothing at {}", uri.path())).into()
}

/// 405 for a method that the route does not have.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    method_not_allowed(&method, &uri).into()
}

/// The error of a method that a route does not have.
pub(super) fn method_not_allowed(method: &Method, uri: &Uri) -> scim::Error {
    scim::Error::new(405, format!("{method} is not possible on {}", uri.path()))
}
