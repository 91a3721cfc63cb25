//! Delivery against a real server.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;

mod app;
mod rules;
mod unreliable_apps;

use app::{ScriptedApp, ScriptedReply, answer};

fn rules() -> OutboundRules {
    OutboundRules::default().with_loopback()
}

/// An endpoint at a local server, with further keys of its configuration.
fn endpoint(base_url: &str, further: &Value) -> Endpoint {
    let mut configuration = json!({"base_url": base_url, "private_addresses": true});
    for (key, value) in further.as_object().expect("an object") {
        configuration[key] = value.clone();
    }
    Endpoint::load(&configuration, &rules()).unwrap()
}

fn request(method: &str, path: &str) -> Request {
    Request {
        endpoint: "api".into(),
        method: method.into(),
        path: path.into(),
        query: vec![],
        headers: vec![],
        body: None,
    }
}

fn with_json(request: Request, body: &Value) -> Request {
    let headers = vec![("content-type".into(), "application/json".into())];
    Request { headers, body: Some(body.to_string().into_bytes()), ..request }
}

fn soon(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// A call without placeholders.
fn call<'a>(endpoint: &'a Endpoint, request: &'a Request) -> OutboundCall<'a> {
    let (tenant, idempotency_key, placeholders) = ("acme", "op-1", &[]);
    OutboundCall { tenant, endpoint, request, idempotency_key, placeholders }
}

/// Performs one request within ten seconds.
async fn perform(endpoint: &Endpoint, request: &Request) -> DeliveryReport {
    let delivery = Delivery::new(&rules()).unwrap();
    delivery.perform(&call(endpoint, request), soon(10)).await.unwrap()
}

async fn refusal(endpoint: &Endpoint, request: &Request) -> DeliveryError {
    let delivery = Delivery::new(&rules()).unwrap();
    delivery.perform(&call(endpoint, request), soon(10)).await.unwrap_err()
}
