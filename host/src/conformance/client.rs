//! The HTTP client of the suites: sends requests as an identity provider does, and reads any
//! answer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use url::{Host, Url};

use super::variables::plain;

/// Okta closes the connection after a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// The characters to encode in a query, which are those that Okta encodes:
/// `filter=userName%20eq%20%22test.user%40okta.local%22`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request, ready to be sent.
#[derive(Debug)]
pub(super) struct ServerRequest {
    pub(super) method: String,
    /// The path below the base URL, with the query string.
    pub(super) path: String,
    pub(super) headers: Map<String, Value>,
    pub(super) body: Option<Value>,
}

/// The answer of the server.
#[derive(Debug)]
pub(super) struct ServerResponse {
    pub(super) status: u16,
    pub(super) body: String,
    /// The body, if it is JSON.
    pub(super) json: Option<Value>,
    pub(super) elapsed: Duration,
}

/// The server under test.
pub(super) struct SuiteClient {
    http: reqwest::Client,
    base: String,
    query: Option<String>,
}

impl SuiteClient {
    /// A client of the server at this SCIM base URL.
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let parsed = Url::parse(url).with_context(|| {
            format!("`{url}` is not a URL; it should look like https://example.com/scim/v2")
        })?;
        if !matches!(parsed.scheme(), "http" | "https") {
            bail!("`{url}` must begin with https:// or http://");
        }
        let (base, query) = match url.split_once('?') {
            Some((base, query)) => (base, Some(query.to_owned())),
            None => (url, None),
        };
        Ok(Self { http: http(&parsed)?, base: base.trim_end_matches('/').to_owned(), query })
    }

    /// Sends a request and reads the whole answer. Fails only if there is none.
    pub(super) async fn send(&self, call: &ServerRequest) -> anyhow::Result<ServerResponse> {
        let request = self.request(call)?;
        let begun = Instant::now();
        let response = self.http.execute(request).await.map_err(reason)?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(reason)?;
        let elapsed = begun.elapsed();
        let json = serde_json::from_slice(&body).ok();
        Ok(ServerResponse {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
            json,
            elapsed,
        })
    }

    fn request(&self, call: &ServerRequest) -> anyhow::Result<reqwest::Request> {
        let method = reqwest::Method::from_bytes(call.method.as_bytes())
            .with_context(|| format!("`{}` is not an HTTP method", call.method))?;
        let mut request = self.http.request(method, self.url(&call.path));
        for (name, value) in &call.headers {
            request = request.header(name, plain(value));
        }
        if let Some(body) = &call.body {
            request = request.body(body.to_string());
        }
        request.build().with_context(|| format!("cannot send {} {}", call.method, call.path))
    }

    fn url(&self, path: &str) -> String {
        let Self { base, query, .. } = self;
        match query {
            None => format!("{base}{path}"),
            Some(query) if path.contains('?') => format!("{base}{path}&{query}"),
            Some(query) => format!("{base}{path}?{query}"),
        }
    }
}

/// A query string with its question mark; empty without parameters.
pub(super) fn query_string(parameters: &Map<String, Value>) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(&plain(value), ENCODED)))
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn http(server: &Url) -> anyhow::Result<reqwest::Client> {
    // Another part of the process may have installed a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Redirects are not followed, because identity providers do not follow them.
    let builder =
        reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
    let builder = if is_local(server) { builder.no_proxy() } else { builder };
    builder.build().context("cannot start an HTTP client")
}

/// Requests to a server on this machine do not go through a proxy.
fn is_local(server: &Url) -> bool {
    match server.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The innermost cause names the failure; the outer ones repeat the URL.
fn reason(error: reqwest::Error) -> anyhow::Error {
    if error.is_timeout() {
        return anyhow::anyhow!("no answer within {} seconds", PATIENCE.as_secs());
    }
    let error = anyhow::Error::from(error);
    anyhow::anyhow!("{}", error.root_cause())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_url(base: &str, path: &str, expected: &str) {
        assert_eq!(SuiteClient::new(base).unwrap().url(path), expected);
    }

    #[test]
    fn a_path_is_appended_to_the_base_url() {
        check_url("https://a.test/scim/v2", "/Users", "https://a.test/scim/v2/Users");
        check_url(
            "https://a.test/scim/v2/",
            "/Users?count=1",
            "https://a.test/scim/v2/Users?count=1",
        );
    }

    #[test]
    fn the_query_of_a_base_url_stays_on_every_request() {
        check_url("https://a.test/s?k=v", "/Users", "https://a.test/s/Users?k=v");
        check_url("https://a.test/s?flag", "/Users?count=1", "https://a.test/s/Users?count=1&flag");
    }

    #[track_caller]
    fn check_refused(url: &str, reason: &str) {
        let error = SuiteClient::new(url).err().expect("refused");
        assert_eq!(error.to_string(), reason);
    }

    #[test]
    fn a_text_that_is_not_a_base_url_is_refused_with_an_example() {
        check_refused(
            "acme",
            "`acme` is not a URL; it should look like https://example.com/scim/v2",
        );
        check_refused("ftp://acme", "`ftp://acme` must begin with https:// or http://");
    }

    #[test]
    fn a_query_is_encoded_as_by_okta() {
        let query = json!({ "filter": "userName eq \"test.user@okta.local\"", "count": "100" });
        assert_eq!(
            query_string(query.as_object().unwrap()),
            "?filter=userName%20eq%20%22test.user%40okta.local%22&count=100"
        );
        assert_eq!(query_string(&Map::new()), "");
    }
}
