//! Preconditions: `If-Match` and `If-None-Match` of a request (RFC 7644 §3.14).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use super::response::ApiError;
use crate::lifecycle::Host;
use crate::scim::Precondition;

/// The version of the resource that the request is for.
pub(super) struct PreconditionHeaders(pub(super) Precondition);

impl FromRequestParts<Arc<Host>> for PreconditionHeaders {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Self, ApiError> {
        let if_match = header_value(&parts.headers, &header::IF_MATCH);
        let if_none_match = header_value(&parts.headers, &header::IF_NONE_MATCH);
        Ok(Self(Precondition::parse(if_match.as_deref(), if_none_match.as_deref())?))
    }
}

/// The lines of a header as one list (RFC 9110 §5.3). A line that is not text becomes an invalid tag.
fn header_value(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> =
        headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}
