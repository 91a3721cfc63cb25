//! Outbound HTTP: sends a connector's request to an app, and returns the app's response.
//!
//! A request is checked, completed with the endpoint's address and credentials, and sent with retries
//! until a deadline. Addresses, credentials and secrets never reach the sandbox. This module knows
//! neither connectors nor the journal.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use crate::decision::{Request, Response, Unreachable};

mod address;
mod auth;
mod circuit;
mod client;
mod configuration;
mod connector_headers;
mod echo;
mod endpoint;
mod error;
mod message;
mod placeholder;
mod request_url;
mod response;
mod retry;
mod rules;
mod secret;

pub use auth::Auth;
pub use client::{Broken, SimulatedNetwork};
pub use configuration::{EndpointConfiguration, conceal, keep_concealed};
pub use endpoint::Endpoint;
pub use error::DeliveryError;
pub use placeholder::Placeholder;
pub use retry::requested_wait;
pub use rules::{OutboundRules, SECRET_FILES, SECRET_VARIABLES};
pub use secret::Secret;

use circuit::{Circuits, OpenedFor, SendPermit};
use client::{OutboundClient, OutboundClients, Unanswered};
use message::Message;

/// The least time before the deadline that another attempt is made with.
const LEAST_ATTEMPT: Duration = Duration::from_millis(100);

/// The outbound client. A host has one, which keeps the connections and the circuit breakers.
#[derive(Debug)]
pub struct Delivery {
    clients: OutboundClients,
    circuits: Circuits,
}

/// A connector's request to an app, with what the host adds to it.
#[derive(Clone, Copy, Debug)]
pub struct OutboundCall<'a> {
    /// The tenant for which it is made.
    pub tenant: &'a str,
    /// The endpoint that the request names.
    pub endpoint: &'a Endpoint,
    /// The request.
    pub request: &'a Request,
    /// The same whenever the same request is sent again.
    pub idempotency_key: &'a str,
    /// The placeholders that the request may hold.
    pub placeholders: &'a [Placeholder],
}

/// The result of a request, over all its attempts.
#[derive(Clone, Debug)]
pub struct DeliveryReport {
    /// The response to the last attempt, or why there is none.
    pub response: Result<Response, Unreachable>,
    /// How each attempt ended: none if the circuit was open, or the deadline had passed.
    pub attempts: Vec<AttemptEnd>,
    /// How long the attempts took, with the pauses between them.
    pub elapsed: Duration,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// There was no connection, so that nothing reached the app.
    NotArrived,
    /// It may have reached the app and got no response: the app may still act on it.
    Unanswered,
    /// It got a response that is too large to be read.
    Unread,
    /// It got a response of this status.
    Answered(u16),
}

impl AttemptEnd {
    fn of(sent: &Result<Response, Unanswered>) -> Self {
        match sent {
            Ok(response) => Self::Answered(response.status),
            Err(Unanswered { why: Unreachable::TooLarge, .. }) => Self::Unread,
            Err(Unanswered { may_have_arrived: false, .. }) => Self::NotArrived,
            Err(_) => Self::Unanswered,
        }
    }
}

impl Delivery {
    /// A client with no connections yet.
    pub fn new(rules: &OutboundRules) -> anyhow::Result<Self> {
        Ok(Self {
            clients: OutboundClients::new(&rules.private_addresses)?,
            circuits: Circuits::default(),
        })
    }

    /// A client whose requests go to the app of a simulation.
    pub fn simulated(network: &SimulatedNetwork) -> Self {
        Self { clients: OutboundClients::simulated(network), circuits: Circuits::default() }
    }

    /// Sends a request, and retries it if that may help, until there is a final response or the
    /// deadline leaves no time for another attempt. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// A request that no connector may make, or that cannot be sent. Nothing was sent then, and it
    /// says nothing about the app: no circuit counts it.
    pub async fn perform(
        &self,
        call: &OutboundCall<'_>,
        deadline: Instant,
    ) -> Result<DeliveryReport, DeliveryError> {
        let OutboundCall { tenant, endpoint, placeholders, .. } = *call;
        let message = Message::compose(call)?;
        let client = self.clients.of(endpoint)?;
        let began = Instant::now();
        let (mut attempts, mut pauses) = (Vec::new(), retry::pauses());
        let mut response = loop {
            if Instant::now() >= deadline {
                break Err(Unreachable::Timeout);
            }
            let address = endpoint.base_url.as_str();
            let Some(permit) = self.circuits.enter(address, tenant, Instant::now()) else {
                break Err(Unreachable::CircuitOpen);
            };
            let sent = match attempt(permit, client, call, &message, deadline).await {
                Ok(sent) => sent,
                Err(error) if attempts.is_empty() => return Err(error),
                // The app has another address by now, and the report tells of the attempts before.
                Err(_) => break Err(Unreachable::Connection),
            };
            attempts.push(AttemptEnd::of(&sent));
            let response = sent.map_err(|unanswered| unanswered.why);
            let left =
                deadline.saturating_duration_since(Instant::now()).saturating_sub(LEAST_ATTEMPT);
            match pauses.next().and_then(|pause| retry::wait(&response, pause)) {
                Some(wait) if wait < left => sleep(wait).await,
                _ => break response,
            }
        };
        if let Ok(response) = &mut response {
            response::conceal(response, endpoint, placeholders);
        }
        Ok(DeliveryReport { response, attempts, elapsed: began.elapsed() })
    }
}

/// Checks whether a connector may make a request, for an endpoint of any address whose operator allows
/// nothing further. Nothing is sent. That a header needs the operator's leave is the last error to be
/// found.
pub fn check(request: &Request, placeholders: &[Placeholder]) -> Result<(), DeliveryError> {
    static EXAMPLE: LazyLock<Endpoint> = LazyLock::new(|| {
        Endpoint::load(&json!({ "base_url": "https://app.invalid" }), &OutboundRules::default())
            .expect("the example is a valid endpoint")
    });
    let (tenant, idempotency_key) = ("tenant", "key");
    let endpoint = &EXAMPLE;
    let call = OutboundCall { tenant, endpoint, request, idempotency_key, placeholders };
    Message::compose(&call).map(drop)
}

async fn attempt(
    permit: SendPermit<'_>,
    client: &OutboundClient,
    call: &OutboundCall<'_>,
    message: &Message,
    deadline: Instant,
) -> Result<Result<Response, Unanswered>, DeliveryError> {
    let OutboundCall { tenant, endpoint, .. } = *call;
    let timeout = Instant::now() + endpoint.timeout;
    let response = match timeout_at(timeout.min(deadline), client.send(endpoint, message)).await {
        Ok(response) => response?,
        Err(_) => Err(Unanswered { why: Unreachable::Timeout, may_have_arrived: true }),
    };
    let opened = match &response {
        Ok(_) | Err(Unanswered { why: Unreachable::TooLarge, .. }) => {
            permit.answered();
            None
        }
        // A deadline shorter than the endpoint's timeout says nothing about the app.
        Err(Unanswered { why: Unreachable::Timeout, .. }) if deadline < timeout => None,
        Err(_) => permit.failed(Instant::now()),
    };
    let address = endpoint.base_url.as_str();
    match opened {
        None => {}
        Some(OpenedFor::Tenant) => {
            tracing::warn!(address, tenant, "delivery: circuit opened for one tenant");
        }
        Some(OpenedFor::All) => {
            tracing::warn!(address, "delivery: circuit opened for all tenants, app unreachable");
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests;
