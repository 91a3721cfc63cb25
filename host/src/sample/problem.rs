//! The app's errors: always JSON, `{"error": …, "message": …}`.

use axum::{
    Json,
    body::to_bytes,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// An error, with a sentence for the developer of the client.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    message: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let reason = self.status.canonical_reason().unwrap_or("error");
        let error = reason.to_lowercase().replace([' ', '-'], "_");
        (self.status, Json(json!({"error": error, "message": self.message}))).into_response()
    }
}

/// Turns the framework's errors, which are plain text, into JSON: wrong methods, malformed bodies.
pub(super) async fn in_json(response: Response) -> Response {
    let json = HeaderValue::from_static("application/json");
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if !refused || response.headers().get(CONTENT_TYPE) == Some(&json) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, 4096).await.unwrap_or_default();
    let reason = parts.status.canonical_reason().unwrap_or("error");
    let message = if text.is_empty() { reason.into() } else { String::from_utf8_lossy(&text) };
    let (own, body) = Problem::new(parts.status, message).into_response().into_parts();
    parts.headers.extend(own.headers);
    parts.headers.remove("content-length");
    Response::from_parts(parts, body)
}
