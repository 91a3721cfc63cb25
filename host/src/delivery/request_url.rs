//! The URL of a request: the connector's path and query, appended to the endpoint's address.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::delivery::DeliveryError;

/// All characters except the unreserved ones of RFC 3986 §2.3.
pub(super) const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL of a request. It is always below the base URL; any other path is an error.
pub(super) fn join(
    base: &Url,
    path: &str,
    query: &[(String, String)],
) -> Result<Url, DeliveryError> {
    check(path).map_err(DeliveryError::Path)?;
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    if !query.is_empty() {
        let encode = |text| utf8_percent_encode(text, RESERVED);
        let pairs: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        url.set_query(Some(&pairs.join("&")));
    }
    is_of_http(&url).then_some(url).ok_or(DeliveryError::Url)
}

/// Whether HTTP can carry the URL: one may be too long, or its host may have characters that only
/// other schemes allow.
pub(super) fn is_of_http(url: &Url) -> bool {
    url.as_str().parse::<Uri>().is_ok()
}

fn check(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("does not begin with /");
    }
    // An empty segment could be read as a host (`//host`); more often an id is missing.
    if path.contains("//") {
        return Err("has an empty segment");
    }
    if !is_encoded(path.as_bytes()) {
        return Err("has a character that must be percent-encoded");
    }
    // An app may decode the path before it splits it, so encoded slashes separate as well.
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    if decoded.iter().any(u8::is_ascii_control) {
        return Err("has a control character");
    }
    if decoded.split(|byte| b"/\\".contains(byte)).any(is_dots) {
        return Err("has a . or .. segment");
    }
    Ok(())
}

// Some servers drop the parameters after a semicolon (RFC 3986 §3.3) before they resolve the dots.
fn is_dots(segment: &[u8]) -> bool {
    matches!(segment.split(|byte| *byte == b';').next(), Some(b"." | b".."))
}

// RFC 3986 §3.3: unreserved, percent-encoded, sub-delims, `:`, `@`, and the separator.
fn is_encoded(path: &[u8]) -> bool {
    match path {
        [] => true,
        [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            is_encoded(rest)
        }
        [byte, rest @ ..] => {
            (byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(byte))
                && is_encoded(rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, path: &str, query: &[(&str, &str)]) -> Result<String, DeliveryError> {
        let query: Vec<(String, String)> =
            query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        join(&Url::parse(base).unwrap(), path, &query).map(String::from)
    }

    #[track_caller]
    fn check(base: &str, path: &str, query: &[(&str, &str)], expected: &str) {
        assert_eq!(url(base, path, query).as_deref(), Ok(expected));
    }

    #[track_caller]
    fn refused(paths: &[&str], reason: &'static str) {
        for path in paths {
            let refused = url("https://api.example/v1", path, &[]);
            assert_eq!(refused, Err(DeliveryError::Path(reason)), "{path:?}");
        }
    }

    #[test]
    fn the_path_is_appended_to_the_address() {
        check("https://api.example", "/users", &[], "https://api.example/users");
        check("https://api.example/v1", "/users/", &[], "https://api.example/v1/users/");
        check("https://api.example/v1/", "/", &[], "https://api.example/v1/");
        let path = "/groups/a%2Fb/~x!$&'()*+,;=:@...";
        check("https://api.example:8443", path, &[], &format!("https://api.example:8443{path}"));
    }

    #[test]
    fn the_query_is_encoded() {
        let query = [("email", "a+b&c=d@ex ample.com#?"), ("ü", "%41'")];
        let encoded = "email=a%2Bb%26c%3Dd%40ex%20ample.com%23%3F&%C3%BC=%2541%27";
        check("https://a.example", "/u", &query, &format!("https://a.example/u?{encoded}"));
    }

    #[test]
    fn a_path_that_could_lead_outside_of_the_endpoint_is_refused() {
        refused(&["", "users", "https://evil.example/", "@evil.example/"], "does not begin with /");
        refused(&["//evil.example/", "/users//x", "/organizations//"], "has an empty segment");
        let dots = [
            "/..",
            "/../x",
            "/a/./b",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/%2e%2e%2fb",
            "/..;/b",
            "/a/%2e.;x=1/b",
            "/a%5c..%5cb",
        ];
        refused(&dots, "has a . or .. segment");
        refused(&["/%00", "/a%0d%0aHost:%20x", "/%7f"], "has a control character");
    }

    #[test]
    fn a_url_that_http_cannot_carry_is_refused() {
        let long = "x".repeat(70_000);
        assert_eq!(url("https://a.example", "/users", &[("q", &long)]), Err(DeliveryError::Url));
        assert_eq!(url("https://a\"b.example", "/users", &[]), Err(DeliveryError::Url));
        assert!(url("https://a.example", "/users", &[("q", &long[..60_000])]).is_ok());
    }

    #[test]
    fn a_path_that_is_not_encoded_is_refused() {
        let paths = [
            "/\\evil.example",
            "/a b",
            "/a?b",
            "/a#b",
            "/a\nb",
            "/\u{fc}",
            "/100%",
            "/%zz",
            "/{id}",
        ];
        refused(&paths, "has a character that must be percent-encoded");
    }
}
