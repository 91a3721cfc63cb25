//! The HTTP server: SCIM for identity providers, the admin API for operators, and health checks.
//!
//! A handler extracts a request, makes one call into [`lifecycle`](crate::lifecycle) or the store, and
//! renders the response. Every response carries the id of its request.

mod admin;
mod authorization;
mod body;
mod bulk;
mod connections;
mod content_digest;
mod directory;
mod discovery;
mod health;
mod me;
mod media_type;
mod normalized_path;
mod precondition;
mod representation;
mod request_log;
mod response;
mod search;
mod v1;

use std::future::Future;
use std::sync::Arc;

use axum::middleware;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::lifecycle::Host;

use connections::Connections;
pub use connections::Timeouts;

/// All routes of a host.
pub fn router(host: Arc<Host>, timeouts: Timeouts) -> Router {
    let negotiate = middleware::from_fn_with_state(Arc::clone(&host), media_type::negotiate);
    let log = middleware::from_fn_with_state(Arc::clone(&host), request_log::log);
    Router::new()
        .nest("/t/{tenant}/scim/v1", v1::routes(scim_routes()))
        .nest("/t/{tenant}/scim/v2", scim_routes().layer(negotiate))
        .nest("/admin/v1", admin::routes(&host))
        .merge(health::routes())
        .fallback(response::unknown_route)
        .method_not_allowed_fallback(response::wrong_method)
        .layer(Extension(timeouts))
        .layer(log)
        .with_state(host)
}

fn scim_routes() -> Router<Arc<Host>> {
    Router::new()
        .merge(discovery::routes())
        .merge(directory::routes())
        .merge(me::routes())
        .merge(search::routes())
        .fallback(directory::unknown_route)
        .method_not_allowed_fallback(response::wrong_method)
}

/// Serves until `stop` is ready. Then accepts no more connections, finishes the requests that were
/// accepted, and closes the host. An operation that cannot be finished in time stays in the journal.
pub(crate) async fn serve(
    host: Arc<Host>,
    listener: TcpListener,
    timeouts: Timeouts,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let mut connections = Connections::new(router(Arc::clone(&host), timeouts), &timeouts);
    connections.accept(listener, stop).await;
    let deadline = Instant::now() + timeouts.stop;
    tracing::info!(within = ?timeouts.stop, "http: stopping; finishing accepted requests");
    connections.finish(deadline).await;
    host.close(deadline).await;
}
