//! Health checks: `/health/live` and `/health/ready`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::response::{self, ApiError};
use crate::lifecycle::Host;
use crate::panics;
use crate::scim;

pub(super) fn routes() -> Router<Arc<Host>> {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready))
}

async fn live() -> Response {
    response::json(200, r#"{"status":"live"}"#.to_owned())
}

/// The host is ready if the database answers and no loop in the background is interrupted.
async fn ready(State(host): State<Arc<Host>>) -> Result<Response, ApiError> {
    if let Some(name) = host.interrupted_loop() {
        let why = format!("internal error: {name} is interrupted, and begins again soon");
        return Err(scim::Error::new(503, why).retry_after(5).into());
    }
    match host.store.check().await {
        Ok(()) => {
            let panics = panics::count();
            Ok(response::json(200, json!({ "status": "ready", "panics": panics }).to_string()))
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "health: not ready");
            Err(scim::Error::new(503, "the database does not answer").retry_after(5).into())
        }
    }
}
