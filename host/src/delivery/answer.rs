//! What of an app's answer gets into the sandbox and the journal: nothing that signs anybody in.

use http::{HeaderMap, HeaderName};

use crate::{
    decision::Response,
    delivery::{Endpoint, Secret, StandIn, stand_in},
};

/// What stands where a secret was.
const CONCEALED: &str = "…";

/// A shorter text may well be part of other words.
const LEAST_KEY: usize = 8;

/// Headers by which two sides sign in with one another (RFC 9110 §11, RFC 6265). They are never a
/// connector's business, and often worth as much as a password.
fn signs_in(name: &HeaderName) -> bool {
    const THOSE: [&str; 9] = [
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
    THOSE.contains(&name.as_str())
}

/// The headers that come back, names in lower case.
pub(super) fn headers(endpoint: &Endpoint, answered: &HeaderMap) -> Vec<(String, String)> {
    answered
        .iter()
        .filter(|(name, _)| !signs_in(name) && !endpoint.auth.is_in(name))
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// Takes out what the app repeats of passwords and of the endpoint's own credentials.
pub(super) fn conceal(response: &mut Response, endpoint: &Endpoint, stand_ins: &[StandIn]) {
    for StandIn { stand_in, value } in stand_ins {
        conceal_one(response, stand_in, value);
    }
    for secret in endpoint.auth.secrets().into_iter().chain(keys(&endpoint.headers)) {
        conceal_one(response, CONCEALED, &secret);
    }
}

fn conceal_one(response: &mut Response, stand_in: &str, secret: &Secret) {
    stand_in::conceal(&mut response.body, stand_in, secret);
    for (_, value) in &mut response.headers {
        stand_in::conceal_text(value, stand_in, secret);
    }
}

/// What operators put into headers that are no credentials by the configuration, and yet are
/// named like some: an app may ask for two keys.
fn keys(headers: &HeaderMap) -> impl Iterator<Item = Secret> {
    let named = |name: &HeaderName| {
        ["auth", "key", "password", "secret", "token"].iter().any(|it| name.as_str().contains(it))
    };
    let keys = headers.iter().filter(move |(name, _)| named(name));
    keys.filter_map(|(_, value)| value.to_str().ok())
        .filter(|text| text.len() >= LEAST_KEY)
        .map(Secret::new)
}
