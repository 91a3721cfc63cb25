//! Connections: accepted until the host stops, within time limits, and then finished.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::serve::{Listener, ListenerExt};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_io_timeout::TimeoutWriter;
use tower::util::MapRequest;

use super::normalized_path;

/// How long the server waits for clients, and how long it takes to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a connection may be idle, or take to send the head of a request.
    pub head: Duration,
    /// How long the body of a request may take to arrive, and how long a client may read nothing of an answer.
    pub body: Duration,
    /// How long a host that is asked to stop may finish requests that it has accepted.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            // Proxies keep idle connections for 60 s. With more, a proxy does not send a request into
            // a connection that is being closed.
            head: Duration::from_secs(75),
            body: Duration::from_secs(30),
            // Kubernetes kills after 30 s; the rest is for the journal.
            stop: Duration::from_secs(15),
        }
    }
}

/// The routes, behind the paths that clients send.
type NormalizedPath = MapRequest<Router, fn(Request<Incoming>) -> Request<Incoming>>;

/// The open connections.
pub(super) struct Connections {
    server: http1::Builder,
    service: TowerToHyperService<NormalizedPath>,
    tasks: JoinSet<()>,
    graceful: GracefulShutdown,
    unread: Duration,
}

impl Connections {
    pub(super) fn new(router: Router, timeouts: &Timeouts) -> Self {
        let mut server = http1::Builder::new();
        // It also ends idle connections, which wait for the next head.
        server.timer(TokioTimer::new()).header_read_timeout(timeouts.head);
        Self {
            server,
            service: TowerToHyperService::new(MapRequest::new(router, normalized_path::normalize)),
            tasks: JoinSet::new(),
            graceful: GracefulShutdown::new(),
            unread: timeouts.body,
        }
    }

    /// Accepts and serves connections until `stop` is ready, then stops listening.
    pub(super) async fn accept(&mut self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut listener = listener.tap_io(|stream| {
            // Responses are small and must not wait for more data to send.
            drop(stream.set_nodelay(true));
        });
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                (stream, _) = listener.accept() => self.serve(stream),
                Some(_) = self.tasks.join_next() => {}
                () = &mut stop => return,
            }
        }
    }

    fn serve(&mut self, stream: TcpStream) {
        // A client that reads nothing keeps an answer in memory.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.unread));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = self.server.serve_connection(stream, self.service.clone());
        let connection = self.graceful.watch(connection);
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "http: connection failed");
            }
        });
    }

    /// Answers the requests that were accepted, and drops the connections that are left at the
    /// deadline.
    pub(super) async fn finish(self, deadline: Instant) {
        let Self { tasks, graceful, .. } = self;
        if timeout_at(deadline, graceful.shutdown()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "http: requests dropped at the deadline");
        }
    }
}
