//! The outside: what identity providers and operators reach over HTTP.
//!
//! Handlers take a request apart, make one call, and put the answer together.

mod admin;
mod answer;
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
mod precondition;
mod request_log;
mod search;
mod v1;

use std::future::Future;
use std::sync::Arc;

use axum::middleware;
use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::lifecycle::Host;

use connections::Connections;
pub use connections::Timeouts;

/// Everything that a host answers.
fn router(host: Arc<Host>, timeouts: Timeouts) -> Router {
    let negotiate = middleware::from_fn_with_state(Arc::clone(&host), media_type::negotiate);
    Router::new()
        .nest("/t/{tenant}/scim/v1", v1::spoken(scim_routes()))
        .nest("/t/{tenant}/scim/v2", scim_routes().layer(negotiate.clone()))
        .route("/t/{tenant}/scim/v2/", get(search::list_everything).layer(negotiate))
        .nest("/admin/v1", admin::routes(&host))
        .merge(health::routes())
        .fallback(answer::unknown_route)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(Extension(timeouts))
        .layer(middleware::from_fn(request_log::log))
        .with_state(host)
}

fn scim_routes() -> Router<Arc<Host>> {
    Router::new()
        .merge(discovery::routes())
        .merge(directory::routes())
        .merge(me::routes())
        .merge(search::routes())
        .fallback(directory::unknown_route)
        .method_not_allowed_fallback(answer::wrong_method)
}

/// Serves until `stop` is ready; then takes no more, finishes what was accepted, and closes the
/// host. What cannot be finished in time stands in the journal.
pub(crate) async fn serve(
    host: Arc<Host>,
    listener: TcpListener,
    timeouts: Timeouts,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let mut connections = Connections::of(router(Arc::clone(&host), timeouts), &timeouts);
    connections.accept(listener, stop).await;
    let by = Instant::now() + timeouts.stop;
    tracing::info!(within = ?timeouts.stop, "stopping: finishing what was accepted");
    connections.finish(by).await;
    host.close(by).await;
}
