//! The head of a request, as far as it concerns every route: for which host it is.

use axum::extract::Request;
use axum::http::{HeaderMap, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::response::ApiError;
use crate::scim;

/// Refuses a request with several `Host` headers, or with none in HTTP/1.1 (RFC 9112 §3.2): a proxy may have
/// taken another host for the one that is meant. The host itself selects nothing in muster.
pub(super) async fn check(request: Request, next: Next) -> Response {
    if names_one_host(request.version(), request.headers()) {
        return next.run(request).await;
    }
    ApiError::from(scim::Error::invalid_syntax("send one Host header")).into_response()
}

fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    match headers.get_all(header::HOST).iter().count() {
        0 => version < Version::HTTP_11,
        1 => true,
        _ => false,
    }
}
