//! Paths as clients send them: a base URL that was pasted with a slash at its end, or doubled slashes.
//!
//! Microsoft's own collection of requests sends `/Users/?filter=…` (AzureAD/SCIMReferenceCode, issue
//! 44). Only the paths of SCIM are changed, and a slash that is part of a name is encoded.

use axum::extract::OriginalUri;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri};

/// The request with the path that the routes have.
pub(super) fn normalize<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = normalized(request.uri()) {
        request.extensions_mut().insert(OriginalUri(uri.clone()));
        *request.uri_mut() = uri;
    }
    request
}

/// The address with single slashes and none at its end; none if it has no others.
fn normalized(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") && !path.ends_with('/') {
        return None;
    }
    let mut single = String::with_capacity(uri.path_and_query()?.as_str().len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        single.push('/');
        single.push_str(segment);
    }
    if !single.starts_with("/t/") {
        return None;
    }
    if let Some(query) = uri.query() {
        single.push('?');
        single.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(single).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &'static str, expected: Option<&str>) {
        let found = normalized(&Uri::from_static(sent)).map(|it| it.to_string());
        assert_eq!(found.as_deref(), expected, "{sent}");
    }

    #[test]
    fn slashes_are_single_and_none_is_last() {
        check("/t/a/scim/v2/Users", None);
        check("/t/a/scim/v2/Users/", Some("/t/a/scim/v2/Users"));
        check("/t/a/scim/v2//Users", Some("/t/a/scim/v2/Users"));
        check("//t/a/scim/v2/Users/?filter=a//b/", Some("/t/a/scim/v2/Users?filter=a//b/"));
        check("/t/a/scim/v2/Users/x%2F%2Fy//", Some("/t/a/scim/v2/Users/x%2F%2Fy"));
        check("http://h//t/a/scim/v2/", Some("http://h/t/a/scim/v2"));
        for other in ["/", "//", "/admin/v1/", "//admin/v1", "/t//", "/tenants/"] {
            check(other, None);
        }
    }
}
