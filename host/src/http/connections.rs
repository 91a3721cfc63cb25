//! Connections: accepted, given so much time and no more, and finished when the host stops.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::serve::{Listener, ListenerExt};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// How long clients are waited for, and how long a host takes to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a connection may be idle, or take to send the head of a request.
    pub head: Duration,
    /// How long the body of a request may take to arrive.
    pub body: Duration,
    /// How long a host that is asked to stop finishes what it has accepted.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            // Proxies keep idle connections for 60 s: none shall send into one that is closing.
            head: Duration::from_secs(75),
            body: Duration::from_secs(30),
            // Kubernetes kills after 30 s, and what is not finished wants to be written.
            stop: Duration::from_secs(15),
        }
    }
}

/// Those that are open.
pub(super) struct Connections {
    server: http1::Builder,
    service: TowerToHyperService<Router>,
    tasks: JoinSet<()>,
    farewell: GracefulShutdown,
}

impl Connections {
    pub(super) fn of(router: Router, timeouts: &Timeouts) -> Self {
        let mut server = http1::Builder::new();
        // The time of an idle connection runs as well: it waits for a head.
        server.timer(TokioTimer::new()).header_read_timeout(timeouts.head);
        Self {
            server,
            service: TowerToHyperService::new(router),
            tasks: JoinSet::new(),
            farewell: GracefulShutdown::new(),
        }
    }

    /// Serves whoever comes, until `stop` is ready. Then nobody can come any more.
    pub(super) async fn accept(&mut self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut listener = listener.tap_io(|stream| {
            // Answers are small and wait for nothing.
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
        let connection = self.server.serve_connection(TokioIo::new(stream), self.service.clone());
        let connection = self.farewell.watch(connection);
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }

    /// Lets every request that has come be answered, and breaks off what takes longer.
    pub(super) async fn finish(self, by: Instant) {
        let Self { tasks, farewell, .. } = self;
        if timeout_at(by, farewell.shutdown()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "some requests were not answered in time");
        }
    }
}
