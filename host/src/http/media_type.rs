//! Content negotiation between the two media types of a response (RFC 7644 §3.8).

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::request_log::tenant_in;
use super::response::{OfStranger, SCIM_JSON};
use crate::lifecycle::Host;
use crate::scim::Dialect;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Labels a response `application/json` if the client accepts that and not `application/scim+json`, and
/// for OneLogin, which reads nothing else: `tests/fixtures/conversations/SOURCES.md`,
/// "OneLogin: application/json". Not for a caller without a token, who would learn of the tenant by it.
pub(super) async fn negotiate(
    State(host): State<Arc<Host>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let accepted = accepted(request.headers());
    let mut response = next.run(request).await;
    let is_plain_json = match accepted {
        Accepted::Scim => false,
        Accepted::Json => true,
        Accepted::Anything if response.extensions().get::<OfStranger>().is_some() => false,
        // The tenant of a request that was handled is in memory.
        Accepted::Anything => host
            .config
            .loaded_tenant(tenant_in(uri.path()))
            .is_some_and(|tenant| tenant.dialect() == Dialect::OneLogin),
    };
    if is_plain_json && response.headers().get(header::CONTENT_TYPE) == Some(&SCIM_JSON) {
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    }
    response
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    Scim,
    Json,
    Anything,
}

/// The media type that the `Accept` header prefers. Parameters such as `charset` are ignored.
fn accepted(headers: &HeaderMap) -> Accepted {
    let given = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
    let mut accepted = Accepted::Anything;
    for range in given.flat_map(|it| it.split(',')) {
        let essence = range.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/scim+json") {
            return Accepted::Scim;
        }
        if essence.eq_ignore_ascii_case("application/json") {
            accepted = Accepted::Json;
        }
    }
    accepted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &'static str, expected: Accepted) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        assert_eq!(accepted(&headers), expected, "{accept}");
    }

    #[test]
    fn scim_json_is_preferred_over_plain_json() {
        check("application/scim+json", Accepted::Scim);
        check("application/json;q=1, Application/SCIM+JSON; charset=utf-8", Accepted::Scim);
        check("application/json, text/plain, */*", Accepted::Json);
        check("*/*", Accepted::Anything);
        check("text/html", Accepted::Anything);
        assert_eq!(accepted(&HeaderMap::new()), Accepted::Anything);
    }
}
