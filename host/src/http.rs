//! The outside: what identity providers and operators reach over HTTP.
//!
//! Handlers take a request apart, make one call, and put the answer together.

mod admin;
mod answer;
mod authorization;
mod body;
mod directory;
mod discovery;
mod health;
mod query;
mod request_log;

use std::future::Future;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::middleware;
use tokio::net::TcpListener;

use crate::lifecycle::Host;

/// Everything that a host answers.
pub(crate) fn router(host: Arc<Host>) -> Router {
    Router::new()
        .nest("/t/{tenant}/scim/v2", scim_routes())
        .nest("/admin/v1", admin::routes())
        .merge(health::routes())
        .fallback(answer::unknown_route)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(middleware::from_fn(request_log::log))
        .with_state(host)
}

fn scim_routes() -> Router<Arc<Host>> {
    Router::new()
        .merge(discovery::routes())
        .merge(directory::routes())
        .fallback(directory::unknown_route)
        .method_not_allowed_fallback(answer::wrong_method)
}

/// Serves until `stop` is ready; then takes no more, and finishes what was accepted.
pub(crate) async fn serve(
    host: Arc<Host>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let listener = axum::serve::ListenerExt::tap_io(listener, |connection| {
        // Answers are small and wait for nothing.
        drop(connection.set_nodelay(true));
    });
    axum::serve(listener, router(host)).with_graceful_shutdown(stop).await.context("serving")
}
