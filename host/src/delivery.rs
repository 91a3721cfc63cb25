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
mod endpoint;
mod error;
mod message;
mod placeholder;
mod request_url;
mod response;
mod retry;
mod secret;

pub use auth::Auth;
pub use client::{Broken, SimulatedNetwork};
pub use configuration::{CONCEALED, EndpointConfiguration};
pub use endpoint::Endpoint;
pub use error::DeliveryError;
pub use placeholder::Placeholder;
pub use retry::requested_wait;
pub use secret::Secret;

use circuit::{Circuits, SendPermit};
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

/// The result of a request, over all its attempts.
#[derive(Clone, Debug)]
pub struct DeliveryReport {
    /// The response to the last attempt, or why there is none.
    pub response: Result<Response, Unreachable>,
    /// How often the request was sent: 0 if the circuit was open, or the deadline had passed.
    pub attempts: u32,
    /// How long the attempts took, with the pauses between them.
    pub elapsed: Duration,
    /// Whether an attempt may have reached the app.
    pub may_have_arrived: bool,
    /// Whether an attempt that may have reached the app got no response: the app may still act on it
    /// after this report.
    pub may_arrive_late: bool,
}

impl Delivery {
    /// A client with no connections yet.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { clients: OutboundClients::new()?, circuits: Circuits::default() })
    }

    /// A client whose requests go to the app of a simulation.
    pub fn simulated(network: &SimulatedNetwork) -> Self {
        Self { clients: OutboundClients::simulated(network), circuits: Circuits::default() }
    }

    /// Sends a request, and retries it if that may help, until there is a final response or the
    /// deadline leaves no time for another attempt. Redirects are not followed.
    ///
    /// The idempotency key must be the same whenever the same request is sent again.
    ///
    /// # Errors
    ///
    /// A request that no connector may make; nothing was sent then.
    pub async fn perform(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        idempotency_key: &str,
        placeholders: &[Placeholder],
        deadline: Instant,
    ) -> Result<DeliveryReport, DeliveryError> {
        let message = Message::compose(endpoint, request, idempotency_key, placeholders)?;
        let client = self.clients.of(endpoint)?;
        let began = Instant::now();
        let (mut attempts, mut pauses) = (0, retry::pauses());
        let (mut may_have_arrived, mut may_arrive_late) = (false, false);
        let mut response = loop {
            if Instant::now() >= deadline {
                break Err(Unreachable::Timeout);
            }
            let Some(permit) = self.circuits.enter(endpoint.base_url.as_str(), Instant::now())
            else {
                break Err(Unreachable::CircuitOpen);
            };
            attempts += 1;
            let sent = attempt(permit, client, endpoint, &message, deadline).await?;
            let arrived = sent.as_ref().map_or_else(|it| it.may_have_arrived, |_| true);
            may_have_arrived |= arrived;
            may_arrive_late |=
                arrived && matches!(&sent, Err(it) if it.why != Unreachable::TooLarge);
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
        Ok(DeliveryReport {
            response,
            attempts,
            elapsed: began.elapsed(),
            may_have_arrived,
            may_arrive_late,
        })
    }
}

/// Checks whether a connector may make a request, for an endpoint of any address. Nothing is sent.
pub fn check(request: &Request, placeholders: &[Placeholder]) -> Result<(), DeliveryError> {
    static EXAMPLE: LazyLock<Endpoint> = LazyLock::new(|| {
        Endpoint::load(&json!({ "base_url": "https://app.invalid" }))
            .expect("the example is a valid endpoint")
    });
    Message::compose(&EXAMPLE, request, "key", placeholders).map(drop)
}

async fn attempt(
    permit: SendPermit<'_>,
    client: &OutboundClient,
    endpoint: &Endpoint,
    message: &Message,
    deadline: Instant,
) -> Result<Result<Response, Unanswered>, DeliveryError> {
    let timeout = Instant::now() + endpoint.timeout;
    let response = match timeout_at(timeout.min(deadline), client.send(endpoint, message)).await {
        Ok(response) => response?,
        Err(_) => Err(Unanswered { why: Unreachable::Timeout, may_have_arrived: true }),
    };
    let failed = match &response {
        Ok(_) | Err(Unanswered { why: Unreachable::TooLarge, .. }) => {
            permit.answered();
            false
        }
        // A deadline shorter than the endpoint's timeout says nothing about the app.
        Err(Unanswered { why: Unreachable::Timeout, .. }) if deadline < timeout => false,
        Err(_) => permit.failed(Instant::now()),
    };
    if failed {
        let address = endpoint.base_url.as_str();
        tracing::warn!(address, "delivery: circuit opened, app unreachable");
    }
    Ok(response)
}

#[cfg(test)]
mod tests;
