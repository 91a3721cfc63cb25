//! `If-Match` and `If-None-Match` of a request (RFC 7644 §3.14).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use super::answer::Refused;
use crate::lifecycle::Host;
use crate::scim::Precondition;

/// Which version of the resource the request is for.
pub(super) struct OnlyIf(pub(super) Precondition);

impl FromRequestParts<Arc<Host>> for OnlyIf {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Self, Refused> {
        let if_match = given(&parts.headers, &header::IF_MATCH);
        let if_none_match = given(&parts.headers, &header::IF_NONE_MATCH);
        Ok(Self(Precondition::parse(if_match.as_deref(), if_none_match.as_deref())?))
    }
}

/// The lines of a header are one list (RFC 9110 §5.3). What is no text is no tag.
fn given(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> =
        headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}
