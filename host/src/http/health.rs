//! Whether the host lives, and whether it can serve.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::answer::{self, Refused};
use crate::lifecycle::Host;
use crate::scim;

pub(super) fn routes() -> Router<Arc<Host>> {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready))
}

async fn live() -> Response {
    answer::json(200, r#"{"status":"live"}"#.to_owned())
}

/// Ready means that the database answers.
async fn ready(State(host): State<Arc<Host>>) -> Result<Response, Refused> {
    match host.store.check().await {
        Ok(_) => Ok(answer::json(200, r#"{"status":"ready"}"#.to_owned())),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "not ready");
            Err(scim::Error::new(503, "the database does not answer").retry_after(5).into())
        }
    }
}
