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
mod head;
mod health;
mod log_interval;
mod me;
mod media_type;
mod normalized_path;
mod precondition;
mod representation;
mod request_limit;
mod request_log;
mod response;
mod search;
mod sign_in_guard;
mod source;
mod v1;

use std::future::Future;
use std::sync::Arc;

use axum::middleware;
use axum::{Extension, Router};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::lifecycle::Host;

use connections::Connections;
pub use connections::Timeouts;
pub(crate) use connections::connection_limit;
use sign_in_guard::SignInGuard;
pub use source::Proxies;

/// The options of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// How long the server waits.
    pub timeouts: Timeouts,
    /// The most open connections.
    pub connections: usize,
    /// The proxies in front of the host.
    pub proxies: Proxies,
    /// How many failed sign-ins of a source, or with a token id, are answered at once in a minute; 0: all.
    pub failed_sign_ins: u32,
}

impl Default for ServerOptions {
    /// Without limits.
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            connections: usize::MAX,
            proxies: Proxies::default(),
            failed_sign_ins: 0,
        }
    }
}

/// What the requests of a server share, beside the host.
struct Server {
    options: ServerOptions,
    sign_in_guard: SignInGuard,
}

impl Server {
    fn new(options: ServerOptions) -> Arc<Self> {
        let sign_in_guard = SignInGuard::new(options.failed_sign_ins);
        Arc::new(Self { options, sign_in_guard })
    }
}

/// What is served at an address, beside health checks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routes {
    Admin,
    All,
    Scim,
}

/// All routes of a host.
pub fn router(host: Arc<Host>, options: ServerOptions) -> Router {
    routes(host, Server::new(options), Routes::All)
}

fn routes(host: Arc<Host>, server: Arc<Server>, served: Routes) -> Router {
    let negotiate = middleware::from_fn_with_state(Arc::clone(&host), media_type::negotiate);
    let check_head = middleware::from_fn(head::check);
    let log = middleware::from_fn_with_state(Arc::clone(&host), request_log::log);
    let mut router = health::routes();
    if served != Routes::Admin {
        router = router
            .nest("/t/{tenant}/scim/v1", v1::routes(scim_routes()))
            .nest("/t/{tenant}/scim/v2", scim_routes().layer(negotiate));
    }
    if served != Routes::Scim {
        router = router.nest(admin::PREFIX, admin::routes(&host));
    }
    router
        .fallback(response::unknown_route)
        .method_not_allowed_fallback(response::wrong_method)
        .layer(Extension(server))
        .layer(check_head)
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
        .method_not_allowed_fallback(directory::wrong_method)
}

/// Where a host listens.
pub(crate) struct Listeners {
    /// For identity providers, and for operators if they have no listener of their own.
    pub(crate) main: TcpListener,
    /// For operators alone.
    pub(crate) admin: Option<TcpListener>,
}

/// Serves until `stop` is ready. Then accepts no more connections, finishes the requests that were
/// accepted, and closes the host. An operation that cannot be finished in time stays in the journal.
pub(crate) async fn serve(
    host: Arc<Host>,
    listeners: Listeners,
    options: ServerOptions,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let within = options.timeouts.stop;
    let served = match listeners.admin {
        None => vec![(listeners.main, Routes::All)],
        Some(admin) => vec![(listeners.main, Routes::Scim), (admin, Routes::Admin)],
    };
    let (server, stop) = (Server::new(options.clone()), stop.shared());
    let accept = served.into_iter().map(|(listener, served)| {
        let router = routes(Arc::clone(&host), Arc::clone(&server), served);
        let (mut connections, stop) = (Connections::new(router, &options), stop.clone());
        async move {
            connections.accept(listener, stop).await;
            connections
        }
    });
    let connections = join_all(accept).await;
    let deadline = Instant::now() + within;
    tracing::info!(?within, "http: stopping; finishing accepted requests");
    join_all(connections.into_iter().map(|it| it.finish(deadline))).await;
    host.close(deadline).await;
}
