//! Which of its two media types an answer has (RFC 7644 §3.8).

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::SCIM_JSON;
use super::request_log::tenant;
use crate::lifecycle::Host;
use crate::scim::Dialect;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Says `application/json` to whoever asks for that and not for `application/scim+json`, and to
/// OneLogin, which reads nothing else: `tests/fixtures/conversations/SOURCES.md`,
/// "OneLogin: application/json".
pub(super) async fn negotiate(
    State(host): State<Arc<Host>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let asked = asked(request.headers());
    let mut response = next.run(request).await;
    let plain = match asked {
        Asked::Scim => false,
        Asked::Json => true,
        // The tenant of an answered request is in memory.
        Asked::Anything => host
            .config
            .loaded_tenant(tenant(uri.path()))
            .is_some_and(|tenant| tenant.dialect() == Dialect::OneLogin),
    };
    if plain && response.headers().get(header::CONTENT_TYPE) == Some(&SCIM_JSON) {
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    }
    response
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Scim,
    Json,
    Anything,
}

/// Parameters, `charset` among them, make no difference.
fn asked(headers: &HeaderMap) -> Asked {
    let given = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
    let mut asked = Asked::Anything;
    for range in given.flat_map(|it| it.split(',')) {
        let essence = range.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/scim+json") {
            return Asked::Scim;
        }
        if essence.eq_ignore_ascii_case("application/json") {
            asked = Asked::Json;
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &'static str, expected: Asked) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        assert_eq!(asked(&headers), expected, "{accept}");
    }

    #[test]
    fn scim_comes_first_whatever_stands_beside_it() {
        check("application/scim+json", Asked::Scim);
        check("application/json;q=1, Application/SCIM+JSON; charset=utf-8", Asked::Scim);
        check("application/json, text/plain, */*", Asked::Json);
        check("*/*", Asked::Anything);
        check("text/html", Asked::Anything);
        assert_eq!(asked(&HeaderMap::new()), Asked::Anything);
    }
}
