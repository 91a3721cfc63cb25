//! Health checks: `/health/live` and `/health/ready`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::response::{self, ApiError};
use crate::lifecycle::Host;
use crate::scim;

pub(super) fn routes() -> Router<Arc<Host>> {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready))
}

async fn live() -> Response {
    response::json(200, r#"{"status":"live"}"#.to_owned())
}

/// The host is ready if the database answers.
async fn ready(State(host): State<Arc<Host>>) -> Result<Response, ApiError> {
    match host.store.check().await {
        Ok(()) => Ok(response::json(200, r#"{"status":"ready"}"#.to_owned())),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "health: not ready");
            Err(scim::Error::new(503, "the database does not answer").retry_after(5).into())
        }
    }
}
