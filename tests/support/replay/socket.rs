//! The HTTP client that plays the identity provider.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::ReplayTarget;
use super::conversation::Client;
use super::rules::Version;

/// A request as sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) method: String,
    /// The path below the base URL, with the query as in the file.
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
}

/// An answer as received.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Headers by name in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
    /// The body, if it is JSON.
    pub(super) json: Option<Value>,
}

/// One connection that calls as the client does.
pub(super) struct Socket {
    http: reqwest::Client,
    base_url: String,
    headers: BTreeMap<String, String>,
    body_headers: BTreeMap<String, String>,
}

impl Socket {
    pub(super) fn new(place: ReplayTarget<'_>, client: &Client) -> Self {
        // The TLS library needs a provider although no test uses TLS; another test may have
        // installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().expect("a plain client");
        let mut headers = client.headers.clone();
        headers.insert("Authorization".to_owned(), authorization(client, place.token));
        let body_headers = client.body_headers.clone();
        Self { http, base_url: place.base_url.to_owned(), headers, body_headers }
    }

    /// The version of SCIM, by the base URL.
    pub(super) fn version(&self) -> Version {
        if self.base_url.ends_with("/v1") { Version::V1 } else { Version::V2 }
    }

    pub(super) async fn send(&self, sent: &Sent) -> Result<Answer, String> {
        let method = sent.method.parse().map_err(|_| format!("no method: {}", sent.method))?;
        let mut headers = self.headers.clone();
        if sent.body.is_some() {
            headers.extend(self.body_headers.clone());
        }
        headers.extend(sent.headers.clone());
        let mut request = self.http.request(method, format!("{}{}", self.base_url, sent.path));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = &sent.body {
            request = request.body(body.clone());
        }
        let response = request.send().await.map_err(|error| format!("no answer: {error:?}"))?;
        read(response).await.map_err(|error| format!("incomplete answer: {error:?}"))
    }
}

/// The `Authorization` header with the token, in the form of the client.
fn authorization(client: &Client, token: &str) -> String {
    let user = client.user.as_deref().unwrap_or_default();
    let basic = BASE64_STANDARD.encode(format!("{user}:{token}"));
    client.authorization.replace("{{token}}", token).replace("{{basic}}", &basic)
}

async fn read(response: reqwest::Response) -> reqwest::Result<Answer> {
    let status = response.status().as_u16();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
    let body = text(&response.bytes().await?);
    let json = serde_json::from_str(&body).ok();
    Ok(Answer { status, headers, body, json })
}
