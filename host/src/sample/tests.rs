//! Tests of the app through its router, and through a socket if the connection matters.

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

mod call;
mod resources;

const TOKEN: &str = "sample-token";

/// Sends one call with the token and an idempotency key; null is no body.
async fn send(
    app: &SampleApp,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Value,
) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("authorization", format!("Bearer {TOKEN}"));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let request = match body {
        Value::Null => request.body(Body::empty()),
        body => request.header("content-type", "application/json").body(body.to_string().into()),
    };
    answer(app, request.unwrap()).await
}

async fn answer(app: &SampleApp, request: Request<Body>) -> (u16, Value) {
    let response = router(app.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    (status, body)
}

async fn call(app: &SampleApp, method: &str, path: &str, body: Value) -> (u16, Value) {
    send(app, method, path, None, body).await
}

async fn get(app: &SampleApp, path: &str) -> Value {
    let (status, body) = call(app, "GET", path, Value::Null).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// Sends one call and returns its status.
async fn status(app: &SampleApp, method: &str, path: &str, body: Value) -> u16 {
    call(app, method, path, body).await.0
}

/// Creates an object and returns its id.
async fn created(app: &SampleApp, path: &str, body: Value) -> String {
    let (status, body) = call(app, "POST", path, body).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}
