//! One attempt: sends a message, and reads the response up to a limit.

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
        message::Message,
        response,
    },
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for public addresses, and one for endpoints that may have private addresses. They share no
/// connections.
#[derive(Debug)]
pub(super) struct OutboundClients {
    guarded: OutboundClient,
    unguarded: OutboundClient,
}

/// Sends messages over kept connections.
#[derive(Debug)]
pub(super) struct OutboundClient(reqwest::Client);

impl OutboundClients {
    pub(super) fn new() -> Result<Self> {
        // It fails if a provider is installed already, which serves as well.
        let _ = ring::default_provider().install_default();
        let guarded = || configured().dns_resolver(PublicOnly);
        Ok(Self {
            guarded: OutboundClient::build(guarded)?,
            unguarded: OutboundClient::build(configured)?,
        })
    }

    /// The client that may connect to the endpoint.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Result<&OutboundClient, DeliveryError> {
        if endpoint.private_addresses {
            return Ok(&self.unguarded);
        }
        if address::is_literally_private(&endpoint.base_url) {
            return Err(DeliveryError::Address);
        }
        Ok(&self.guarded)
    }
}

impl OutboundClient {
    // Without CA certificates the host must still start: it may need plain HTTP only.
    fn build(configured: impl Fn() -> ClientBuilder) -> Result<Self> {
        let built = configured().build().or_else(|error| {
            tracing::warn!(
                error = format!("{:#}", anyhow::Error::new(error)),
                "delivery: no CA certificates, so https endpoints are unreachable; install the \
                 system's CA certificates or set SSL_CERT_FILE"
            );
            configured().tls_certs_only([]).build()
        });
        built.map(Self).context("setting up the outbound HTTP client")
    }

    /// Sends the message once. The inner error is `Connection` or `TooLarge`; timeouts are the caller's.
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
            Ok(response) => Ok(read(endpoint, response).await),
            Err(error) if address::is_not_public(&error) => Err(DeliveryError::Address),
            Err(error) => Ok(Err(connection_failed(&message.url, error))),
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

async fn read(
    endpoint: &Endpoint,
    mut response: reqwest::Response,
) -> Result<Response, Unreachable> {
    let status = response.status().as_u16();
    let headers = response::visible_headers(endpoint, response.headers());
    let mut body = Vec::new();
    let url = response.url().clone();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| connection_failed(&url, error))?
    {
        if body.len() + chunk.len() > endpoint.largest_answer {
            return Err(Unreachable::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

// Only the host of the URL is logged: the rest may name people.
fn connection_failed(url: &Url, error: reqwest::Error) -> Unreachable {
    let error = format!("{:#}", anyhow::Error::new(error.without_url()));
    tracing::warn!(host = url.host_str(), error, "delivery: connection failed");
    Unreachable::Connection
}
