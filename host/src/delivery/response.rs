//! Responses: the part of an app's response that reaches the sandbox and the journal.
//!
//! Headers that authenticate are dropped, and bodies in which a secret could not be recognised. Passwords and the endpoint's credentials are replaced
//! wherever the app repeats them.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE},
};

use crate::{
    decision::Response,
    delivery::{Endpoint, Placeholder, Secret, echo},
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

/// Whether a body is in a form in which secrets are not recognised, and which no request asked for: it is
/// compressed, or one of several ranges of bytes.
pub(super) fn is_unsearchable(headers: &HeaderMap) -> bool {
    const CODINGS: [&str; 7] =
        ["br", "compress", "deflate", "gzip", "x-compress", "x-gzip", "zstd"];
    let values = |name: HeaderName| headers.get_all(name).into_iter();
    let codings = values(CONTENT_ENCODING).filter_map(|value| value.to_str().ok());
    let is_coded = codings
        .flat_map(|list| list.split(','))
        .any(|coding| CODINGS.iter().any(|known| coding.trim().eq_ignore_ascii_case(known)));
    let of_bytes =
        |value: &HeaderValue| value.as_bytes().to_ascii_lowercase().starts_with(b"bytes");
    let several = |value: &HeaderValue| {
        value.as_bytes().to_ascii_lowercase().starts_with(b"multipart/byteranges")
    };
    is_coded || values(CONTENT_RANGE).any(of_bytes) || values(CONTENT_TYPE).any(several)
}

/// Replaces passwords by their placeholders, and conceals the endpoint's credentials, wherever the app
/// repeats them.
pub(super) fn conceal(response: &mut Response, endpoint: &Endpoint, placeholders: &[Placeholder]) {
    for Placeholder { text, value, .. } in placeholders {
        conceal_one(response, text, value);
    }
    for secret in endpoint.auth.secrets().into_iter().chain(keys_in_headers(&endpoint.headers)) {
        conceal_one(response, CONCEALED, &secret);
    }
}

fn conceal_one(response: &mut Response, replacement: &str, secret: &Secret) {
    echo::conceal(&mut response.body, replacement, secret);
    for (_, value) in &mut response.headers {
        echo::conceal_text(value, replacement, secret);
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
