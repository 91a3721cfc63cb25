//! Responses: the part of an app's response that reaches the sandbox and the journal.
//!
//! Headers that authenticate are dropped. Passwords and the endpoint's credentials are replaced
//! wherever the app repeats them.

use http::{HeaderMap, HeaderName};

use crate::{
    decision::Response,
    delivery::{Endpoint, Placeholder, Secret, placeholder},
};

/// The replacement for a secret.
const CONCEALED: &str = "…";

/// The length from which a header's value is taken for a key: a shorter one may be part of other words.
const SHORTEST_KEY: usize = 8;

/// Whether a header authenticates one side to the other (RFC 9110 §11, RFC 6265). Connectors need none
/// of these, and many are worth as much as a password.
fn authenticates(name: &HeaderName) -> bool {
    const HEADERS: [&str; 9] = [
        "authentication-info",
        "authorization",
        "cookie",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
    ];
    HEADERS.contains(&name.as_str())
}

/// The headers that a connector receives, names in lower case.
pub(super) fn visible_headers(endpoint: &Endpoint, received: &HeaderMap) -> Vec<(String, String)> {
    received
        .iter()
        .filter(|(name, _)| !authenticates(name) && !endpoint.auth.uses_header(name))
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// Replaces passwords by their placeholders, and conceals the endpoint's credentials, wherever the app
/// repeats them.
pub(super) fn conceal(response: &mut Response, endpoint: &Endpoint, placeholders: &[Placeholder]) {
    for Placeholder { text, value } in placeholders {
        conceal_one(response, text, value);
    }
    for secret in endpoint.auth.secrets().into_iter().chain(keys_in_headers(&endpoint.headers)) {
        conceal_one(response, CONCEALED, &secret);
    }
}

fn conceal_one(response: &mut Response, replacement: &str, secret: &Secret) {
    placeholder::conceal(&mut response.body, replacement, secret);
    for (_, value) in &mut response.headers {
        placeholder::conceal_text(value, replacement, secret);
    }
}

/// The values of configured headers whose names are those of credentials: an app may ask for two keys,
/// of which the endpoint's `auth` holds one.
fn keys_in_headers(headers: &HeaderMap) -> impl Iterator<Item = Secret> {
    let named = |name: &HeaderName| {
        ["auth", "key", "password", "secret", "token"].iter().any(|it| name.as_str().contains(it))
    };
    let keys = headers.iter().filter(move |(name, _)| named(name));
    keys.filter_map(|(_, value)| value.to_str().ok())
        .filter(|text| text.len() >= SHORTEST_KEY)
        .map(Secret::new)
}
