//! Answers: SCIM JSON always, whatever went wrong.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::lifecycle::Error;
use crate::scim;
use crate::scim::render::entity_tag;
use crate::store::DiskError;

/// The media type of SCIM (RFC 7644 §8.1).
pub(super) const SCIM_JSON: HeaderValue =
    HeaderValue::from_static("application/scim+json; charset=utf-8");

/// Why there is no other answer.
#[derive(Debug)]
pub(super) struct Refused(Error);

impl<F: Into<Error>> From<F> for Refused {
    fn from(fault: F) -> Self {
        Self(fault.into())
    }
}

impl Refused {
    /// The same in other words, where it is an answer of this status.
    pub(super) fn renamed(mut self, status: u16, detail: impl FnOnce() -> String) -> Self {
        if let Error::Client(error) = &mut self.0
            && error.status == status
        {
            error.detail = detail();
        }
        self
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self.0 {
            Error::Client(error) => refusal(&error),
            Error::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a request met with an accident");
                refusal(&accident(&error))
            }
        }
    }
}

fn accident(error: &anyhow::Error) -> scim::Error {
    match error.downcast_ref::<DiskError>() {
        // RFC 4918 §11.5: it is taken to be temporary.
        Some(disk) => scim::Error::new(
            507,
            format!("{disk}; nothing more was recorded: make room and try again"),
        ),
        None => scim::Error::new(500, "the host met with an accident; its log says more"),
    }
}

fn refusal(error: &scim::Error) -> Response {
    let mut response = json(error.status, error.to_json());
    let headers = response.headers_mut();
    if error.status == 401 {
        // RFC 7644 §2: the challenge names the schemes that are understood.
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic"));
    }
    if error.status == 408 {
        // RFC 9110 §15.5.9: what is still to come is not read as another request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(seconds) = error.retry_after {
        // Okta reads whole seconds only: `tests/fixtures/conversations/SOURCES.md`,
        // "Okta: retries only 429 with Retry-After".
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    // SCIM 1.1 has a form of its own for it.
    response.extensions_mut().insert(error.clone());
    response
}

/// A JSON text.
pub(super) fn json(status: u16, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
    response
}

/// A resource, with its address and version in the headers (RFC 7644 §3.1, §3.14).
pub(super) fn resource(status: u16, body: String, location: &str, version: i64) -> Response {
    let mut response = json(status, body);
    let headers = response.headers_mut();
    let mut insert = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    insert(header::ETAG, &entity_tag(version));
    // RFC 7643 §3.1: it says what meta.location says, whatever was done.
    insert(header::CONTENT_LOCATION, location);
    if status == 201 {
        insert(header::LOCATION, location);
    }
    response
}

/// 304: whoever asks has this version.
pub(super) fn not_modified(location: &str, version: i64) -> Response {
    let mut response = resource(304, String::new(), location, version);
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// 204.
pub(super) fn empty() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// 204 for a resource that is there, of this version (RFC 7644 §3.5.2).
pub(super) fn brief(location: &str, version: i64) -> Response {
    let mut response = resource(204, String::new(), location, version);
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// A route that is none of ours.
pub(super) async fn unknown_route(uri: Uri) -> Refused {
    scim::Error::new(404, format!("there is nothing at {}", uri.path())).into()
}

/// A method that the route does not have.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Refused {
    scim::Error::new(405, format!("{method} is not possible on {}", uri.path())).into()
}
