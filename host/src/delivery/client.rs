//! One attempt: sends a message, and reads the response up to a limit.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use reqwest::{ClientBuilder, redirect, retry};
use rustls::crypto::ring;
use url::Url;

use crate::{
    decision::{Response, Unreachable},
    delivery::{
        DeliveryError, Endpoint,
        address::{self, Guard},
        message::Message,
        response,
    },
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for public addresses, and one that also reaches the private addresses that the owner of the host
/// allows. They share no connections.
#[derive(Debug)]
pub(super) struct OutboundClients {
    public: OutboundClient,
    private: OutboundClient,
    private_addresses: Arc<[IpNet]>,
}

/// A message without a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unanswered {
    pub(super) why: Unreachable,
    /// Whether a connection was made, so that the app may have acted on the message, or may yet.
    pub(super) may_have_arrived: bool,
}

/// Sends messages.
pub(super) enum OutboundClient {
    /// Over kept connections.
    Http(reqwest::Client),
    /// To the app of a simulation.
    Simulated(SimulatedNetwork),
}

/// Takes the place of the network in a simulation: answers a request, unless the connection breaks.
pub type SimulatedNetwork = Arc<
    dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Bytes>, Broken>>
        + Send
        + Sync,
>;

/// How a simulated connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// There was none: the request did not leave.
    Refused,
    /// The request may have arrived, or may yet.
    Cut,
}

impl OutboundClients {
    pub(super) fn new(private_addresses: &[IpNet]) -> Result<Self> {
        // It fails if a provider is installed already, which serves as well.
        let _ = ring::default_provider().install_default();
        let private_addresses: Arc<[IpNet]> = private_addresses.into();
        let private = || configured().dns_resolver(Guard(Arc::clone(&private_addresses)));
        Ok(Self {
            public: OutboundClient::build(|| configured().dns_resolver(Guard([].into())))?,
            private: OutboundClient::build(private)?,
            private_addresses,
        })
    }

    /// Clients whose messages go to the app of a simulation.
    pub(super) fn simulated(network: &SimulatedNetwork) -> Self {
        let client = || OutboundClient::Simulated(Arc::clone(network));
        Self { public: client(), private: client(), private_addresses: [].into() }
    }

    /// The client that may connect to the endpoint.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Result<&OutboundClient, DeliveryError> {
        let (client, private) = match endpoint.private_addresses {
            true => (&self.private, &*self.private_addresses),
            false => (&self.public, [].as_slice()),
        };
        if address::is_literally_refused(&endpoint.base_url, private) {
            return Err(DeliveryError::Address);
        }
        Ok(client)
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
        built.map(Self::Http).context("setting up the outbound HTTP client")
    }

    /// Sends the message once. The inner error is `Connection` or `TooLarge`, and whether the message
    /// may have reached the app; timeouts are the caller's. The outer error is of a message that did
    /// not leave for a reason of its own.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Result<Result<Response, Unanswered>, DeliveryError> {
        let Message { method, url, headers, body } = message.clone();
        let client = match self {
            Self::Http(client) => client,
            Self::Simulated(network) => {
                let mut request = http::Request::new(body.unwrap_or_default());
                *request.uri_mut() = url.as_str().parse().expect("a URL is a URI");
                (*request.method_mut(), *request.headers_mut()) = (method, headers);
                let answer = network(request).await.map(|answer| Response {
                    status: answer.status().as_u16(),
                    headers: response::visible_headers(endpoint, answer.headers()),
                    body: answer.into_body().into(),
                });
                return Ok(answer.map_err(|broken| Unanswered {
                    why: Unreachable::Connection,
                    may_have_arrived: broken == Broken::Cut,
                }));
            }
        };
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let request = request.build().map_err(|_| DeliveryError::Url)?;
        match client.execute(request).await {
            Ok(response) => {
                let read = read(endpoint, response).await;
                Ok(read.map_err(|why| Unanswered { why, may_have_arrived: true }))
            }
            Err(error) if address::is_not_public(&error) => Err(DeliveryError::Address),
            Err(error) if error.is_builder() => Err(DeliveryError::Url),
            Err(error) => {
                let may_have_arrived = !error.is_connect();
                let why = connection_failed(&message.url, error);
                Ok(Err(Unanswered { why, may_have_arrived }))
            }
        }
    }
}

impl fmt::Debug for OutboundClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(client) => client.fmt(f),
            Self::Simulated(_) => f.write_str("Simulated"),
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
    if response::is_unsearchable(response.headers()) {
        let host = response.url().host_str();
        tracing::warn!(host, status, "delivery: compressed or partial body withheld");
        return Ok(Response { status, headers, body });
    }
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
