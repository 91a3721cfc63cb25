//! Outbound HTTP: carries a connector's request to an app, and brings back what came of it.
//!
//! The host alone holds addresses, credentials and secrets, and decides how long to try. This
//! module knows neither connectors nor the journal.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use crate::decision::{Request, Response, Unreachable};

mod address;
mod answer;
mod auth;
mod circuit;
mod client;
mod configuration;
mod endpoint;
mod message;
mod refused;
mod retry;
mod secret;
mod stand_in;
mod target;

pub use auth::Auth;
pub use configuration::EndpointConfiguration;
pub use endpoint::Endpoint;
pub use refused::DeliveryError;
pub use secret::Secret;
pub use stand_in::StandIn;

use circuit::{Circuits, Pass};
use client::{Client, Clients};
use message::Message;

/// The least time that another attempt needs to be worth making.
const ROOM: Duration = Duration::from_millis(100);

/// The outbound client: one for the whole host, since it keeps connections and circuits.
#[derive(Debug)]
pub struct Delivery {
    clients: Clients,
    circuits: Circuits,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Performed {
    /// The last attempt's answer, or why there is none.
    pub response: Result<Response, Unreachable>,
    /// How often it was sent: none if the circuit was open, or the deadline had passed.
    pub attempts: u32,
    /// How long it took, pauses included.
    pub elapsed: Duration,
}

impl Delivery {
    /// A client with no connections yet.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { clients: Clients::new()?, circuits: Circuits::default() })
    }

    /// Performs a request, again where that may help, until there is an answer or the deadline
    /// leaves no room for another attempt. Redirects are answers.
    ///
    /// The idempotency key must be the same whenever this request is made again. The error is for
    /// requests that no connector may make; nothing was sent then.
    pub async fn perform(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        idempotency_key: &str,
        stand_ins: &[StandIn],
        deadline: Instant,
    ) -> Result<Performed, DeliveryError> {
        let message = Message::compose(endpoint, request, idempotency_key, stand_ins)?;
        let client = self.clients.of(endpoint)?;
        let began = Instant::now();
        let (mut attempts, mut pauses) = (0, retry::pauses());
        let mut response = loop {
            if Instant::now() >= deadline {
                break Err(Unreachable::Timeout);
            }
            let Some(pass) = self.circuits.enter(endpoint.base_url.as_str(), Instant::now()) else {
                break Err(Unreachable::CircuitOpen);
            };
            attempts += 1;
            let response = attempt(pass, client, endpoint, &message, deadline).await?;
            let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(ROOM);
            match pauses.next().and_then(|pause| retry::wait(&response, pause)) {
                Some(wait) if wait < left => sleep(wait).await,
                _ => break response,
            }
        };
        if let Ok(response) = &mut response {
            answer::conceal(response, endpoint, stand_ins);
        }
        Ok(Performed { response, attempts, elapsed: began.elapsed() })
    }
}

/// Whether a request may be made at all, whatever address its endpoint has. Nothing is sent.
pub fn check(request: &Request, stand_ins: &[StandIn]) -> Result<(), DeliveryError> {
    static SOMEWHERE: LazyLock<Endpoint> = LazyLock::new(|| {
        Endpoint::load(&json!({ "base_url": "https://app.invalid" })).expect("it is an endpoint")
    });
    Message::compose(&SOMEWHERE, request, "key", stand_ins).map(drop)
}

async fn attempt(
    pass: Pass<'_>,
    client: &Client,
    endpoint: &Endpoint,
    message: &Message,
    deadline: Instant,
) -> Result<Result<Response, Unreachable>, DeliveryError> {
    let own_limit = Instant::now() + endpoint.timeout;
    let response = match timeout_at(own_limit.min(deadline), client.send(endpoint, message)).await {
        Ok(response) => response?,
        Err(_) => Err(Unreachable::Timeout),
    };
    let failed = match response {
        Ok(_) | Err(Unreachable::TooLarge) => {
            pass.answered();
            false
        }
        // An app is not to blame for the little time that somebody's deadline left it.
        Err(Unreachable::Timeout) if deadline < own_limit => false,
        Err(_) => pass.failed(Instant::now()),
    };
    if failed {
        let address = endpoint.base_url.as_str();
        tracing::warn!(address, "the app cannot be reached and is left alone for a while");
    }
    Ok(response)
}

#[cfg(test)]
mod tests;
