//! Headers of a connector's request: an allow-list.
//!
//! A header may make an app send back what it got in a form in which credentials are not recognised
//! (`range`, `accept-encoding`, `accept-charset`), or act on another request than the one that the host
//! has checked and journaled (`x-http-method-override`, `x-original-url`, `forwarded`). So a connector
//! sets the headers of the list and, with the operator's leave, single ones that begin with `x-`.

use std::collections::HashSet;

use anyhow::{Context, Result, bail, ensure};
use http::HeaderName;
use serde_json::Value;

use crate::delivery::{DeliveryError, Endpoint, message};

/// The headers that every connector may set.
const ALLOWED: [&str; 9] = [
    // The media type of the response, and its language (RFC 9110 §12.5.1, §12.5.4).
    "accept",
    "accept-language",
    // The media type of the body (RFC 9110 §8.3).
    "content-type",
    // Conditions, so that a change is not made over a newer one (RFC 9110 §13.1).
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    // Preferences such as `return=minimal` (RFC 7240). An app may ignore them.
    "prefer",
    // Some apps require the product of their client (RFC 9110 §10.1.5).
    "user-agent",
];

/// Headers beginning with `x-` that make an app act on another request than the one that was sent.
/// Those of [`OTHER_ORIGIN`] are refused as well.
const OTHER_REQUEST: [&str; 4] =
    ["x-http-method", "x-http-method-override", "x-method-override", "x-rewrite-url"];

/// The beginnings of headers that tell an app of another sender, host or path than the real one.
const OTHER_ORIGIN: [&str; 2] = ["x-forwarded", "x-original-"];

/// The most names in the operator's list.
const MOST_NAMES: usize = 64;

/// Refuses a header that the connector may not set.
pub(super) fn check(endpoint: &Endpoint, name: &HeaderName) -> Result<(), DeliveryError> {
    let refused = |reason| Err(DeliveryError::Header { name: name.as_str().to_owned(), reason });
    if message::is_reserved(name) || endpoint.auth.uses_header(name) {
        return refused("is set by muster alone");
    }
    if ALLOWED.contains(&name.as_str()) || endpoint.connector_headers.contains(name) {
        return Ok(());
    }
    if !is_optional(name) {
        return refused(
            "is none that connectors may set; if each request needs it, an operator sets it with \
             \"headers\" of the endpoint",
        );
    }
    Err(DeliveryError::HeaderWithoutLeave(name.as_str().to_owned()))
}

/// Whether an operator may allow the header.
pub(super) fn is_optional(name: &HeaderName) -> bool {
    let name = name.as_str();
    let is_other = OTHER_REQUEST.contains(&name)
        || OTHER_ORIGIN.iter().any(|beginning| name.starts_with(beginning));
    name.starts_with("x-") && !is_other
}

/// Reads the operator's list of further headers that connectors may set. The error quotes no value, which
/// could be a secret in the wrong place.
pub(super) fn read(configured: &Value) -> Result<HashSet<HeaderName>> {
    let none = Vec::new();
    let names = if configured.is_null() { Some(&none) } else { configured.as_array() };
    let names = names.context("they must be a list of names")?;
    ensure!(names.len() <= MOST_NAMES, "they must be at most {MOST_NAMES}");
    names.iter().map(read_name).collect()
}

fn read_name(name: &Value) -> Result<HeaderName> {
    let parsed = name.as_str().and_then(|name| name.parse::<HeaderName>().ok());
    let Some(parsed) = parsed else { bail!("one of them is not a header name") };
    ensure!(is_optional(&parsed), "connectors may not be allowed to set \"{parsed}\"");
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::delivery::OutboundRules;

    fn endpoint() -> Endpoint {
        let configuration = json!({
            "base_url": "https://app.example",
            "auth": { "header": { "name": "X-Api-Key", "value": { "value": "hunter2" } } },
            "connector_headers": ["X-Request-Source", "x-api-key"],
        });
        Endpoint::load(&configuration, &OutboundRules::default()).unwrap()
    }

    #[track_caller]
    fn refused(name: &str, because: &str) {
        let error = check(&endpoint(), &name.parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains(&format!("\"{name}\"")) && error.contains(because), "{error}");
    }

    #[test]
    fn headers_about_media_types_conditions_and_preferences_may_be_set() {
        for name in ALLOWED.into_iter().chain(["x-request-source"]) {
            assert_eq!(check(&endpoint(), &name.parse().unwrap()), Ok(()), "{name}");
        }
    }

    #[test]
    fn headers_that_defeat_the_concealment_of_credentials_or_rewrite_the_request_are_refused() {
        for name in ["range", "if-range", "accept-encoding", "accept-charset", "forwarded", "via"] {
            refused(name, "none that connectors may set; if each request needs it, an operator");
        }
        for name in ["x-forwarded-for", "x-forwarded-host", "x-forwarded", "x-original-url"] {
            refused(name, "none that connectors may set");
        }
        for name in ["x-rewrite-url", "x-http-method-override", "x-method-override"] {
            refused(name, "none that connectors may set");
        }
        for name in ["te", "upgrade", "host", "cookie", "authorization", "x-api-key"] {
            refused(name, "is set by muster alone");
        }
        refused("x-tenant", "needs the operator's leave: list it in \"connector_headers\"");
    }

    #[test]
    fn the_operators_list_has_names_beginning_with_x_alone() {
        #[track_caller]
        fn check(configured: &Value, because: &str) {
            let error = read(configured).unwrap_err().to_string();
            assert!(error.contains(because) && !error.contains("hunter2"), "{error}");
        }
        for name in ["range", "x-forwarded-for", "authorization", "x-original-url", "accept"] {
            check(&json!([name]), &format!("not be allowed to set \"{name}\""));
        }
        check(&json!(["x y"]), "not a header name");
        check(&json!([{ "x-key": "hunter2" }]), "not a header name");
        check(&json!("hunter2"), "a list of names");
        check(&json!(vec!["x-a"; 65]), "at most 64");
        assert!(read(&Value::Null).unwrap().is_empty());
    }
}
