//! One attempt: a message sent, and its answer read up to a limit.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{ClientBuilder, redirect, retry};
use rustls::crypto::ring;
use url::Url;

use crate::{
    decision::{Response, Unreachable},
    delivery::{
        DeliveryError, Endpoint,
        address::{self, PublicOnly},
        answer,
        message::Message,
    },
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The client for public addresses, and the one for those that an operator vouches for. They share
/// no connection.
#[derive(Debug)]
pub(super) struct Clients {
    guarded: Client,
    unguarded: Client,
}

/// Sends messages over kept connections.
#[derive(Debug)]
pub(super) struct Client(reqwest::Client);

impl Clients {
    pub(super) fn new() -> Result<Self> {
        // It stays as it is where somebody installed one before; that one serves as well.
        let _ = ring::default_provider().install_default();
        let guarded = || configured().dns_resolver(PublicOnly);
        Ok(Self { guarded: Client::build(guarded)?, unguarded: Client::build(configured)? })
    }

    /// The client that may connect to the endpoint.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Result<&Client, DeliveryError> {
        if endpoint.private_addresses {
            return Ok(&self.unguarded);
        }
        if address::is_literally_private(&endpoint.base_url) {
            return Err(DeliveryError::Address);
        }
        Ok(&self.guarded)
    }
}

impl Client {
    // A machine without certificates must still start: it may need plain HTTP only.
    fn build(configured: impl Fn() -> ClientBuilder) -> Result<Self> {
        let built = configured().build().or_else(|error| {
            tracing::warn!(
                error = format!("{:#}", anyhow::Error::new(error)),
                "no https endpoint can be reached; install the system's CA certificates, or set \
                 SSL_CERT_FILE"
            );
            configured().tls_certs_only([]).build()
        });
        built.map(Self).context("setting up the outbound HTTP client")
    }

    /// Sends the message once. Unreachable here is `Connection` or `TooLarge`; the caller keeps
    /// the time.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Result<Result<Response, Unreachable>, DeliveryError> {
        let Message { method, url, headers, body } = message.clone();
        let mut request = self.0.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        match request.send().await {
            Ok(answer) => Ok(read(endpoint, answer).await),
            Err(error) if address::is_not_public(&error) => Err(DeliveryError::Address),
            Err(error) => Ok(Err(broken(&message.url, error))),
        }
    }
}

fn configured() -> ClientBuilder {
    reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
}

async fn read(endpoint: &Endpoint, mut answer: reqwest::Response) -> Result<Response, Unreachable> {
    let status = answer.status().as_u16();
    let headers = answer::headers(endpoint, answer.headers());
    let mut body = Vec::new();
    let url = answer.url().clone();
    while let Some(chunk) = answer.chunk().await.map_err(|error| broken(&url, error))? {
        if body.len() + chunk.len() > endpoint.largest_answer {
            return Err(Unreachable::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

// Of the URL only the host is logged: the rest names people.
fn broken(url: &Url, error: reqwest::Error) -> Unreachable {
    let error = format!("{:#}", anyhow::Error::new(error.without_url()));
    tracing::warn!(host = url.host_str(), error, "an app did not answer");
    Unreachable::Connection
}
