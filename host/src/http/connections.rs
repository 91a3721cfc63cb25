//! Connections: accepted until the host stops, within a limit and time limits, and then finished.
//!
//! If there are as many as the limit, an idle one is closed for a new one (`open.rs`). The files that are left
//! to the host are for the database, the compilers and calls to apps.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_io_timeout::TimeoutWriter;
use tower::Service;

use activity::{Activity, AnswerBody};
use open::OpenConnections;

use super::ServerOptions;
use super::log_interval::LogInterval;
use super::source::Peer;
use super::{normalized_path, response};

mod activity;
mod open;

/// Bytes of the head of a request. Beyond: 431.
const LONGEST_HEAD: usize = 64 << 10;
/// The pause before the next try to accept a connection, if the system refuses.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The most connections without a setting.
const CONNECTIONS: u64 = 10_000;
/// The fewest files that are left to the host, if the process may open twice as many.
const RESERVED_FILES: u64 = 128;

/// How long the server waits for clients, and how long it takes to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a new connection may take to send the head of its first request.
    pub first_head: Duration,
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
            first_head: Duration::from_secs(10),
            // Proxies keep idle connections for 60 s. With more, a proxy does not send a request into
            // a connection that is being closed.
            head: Duration::from_secs(75),
            body: Duration::from_secs(30),
            // Kubernetes kills after 30 s; the rest is for the journal.
            stop: Duration::from_secs(15),
        }
    }
}

/// Lets the process open as many files as the system allows, and returns how many connections that is good
/// for: three quarters, or fewer if the setting says so.
pub(crate) fn connection_limit(setting: Option<usize>) -> io::Result<usize> {
    let files = rlimit::increase_nofile_limit(u64::MAX)?;
    let most = most_connections(files);
    let setting = setting.map_or(CONNECTIONS, |setting| setting as u64);
    Ok(usize::try_from(setting.min(most)).unwrap_or(usize::MAX))
}

fn most_connections(files: u64) -> u64 {
    let reserved = (files / 4).max(RESERVED_FILES.min(files / 2));
    (files - reserved).max(1)
}

/// The open connections.
pub(super) struct Connections {
    server: http1::Builder,
    router: Router,
    first_head: Duration,
    open: OpenConnections,
    full: LogInterval,
    tasks: JoinSet<()>,
    graceful: GracefulShutdown,
    unread: Duration,
}

impl Connections {
    pub(super) fn new(router: Router, options: &ServerOptions) -> Self {
        let mut server = http1::Builder::new();
        // It also ends idle connections, which wait for the next head.
        server.timer(TokioTimer::new()).header_read_timeout(options.timeouts.head);
        server.max_buf_size(LONGEST_HEAD);
        Self {
            server,
            router,
            first_head: options.timeouts.first_head,
            open: OpenConnections::new(options.connections, options.proxies.clone()),
            full: LogInterval::default(),
            tasks: JoinSet::new(),
            graceful: GracefulShutdown::new(),
            unread: options.timeouts.body,
        }
    }

    /// Accepts and serves connections until `stop` is ready, then stops listening.
    pub(super) async fn accept(&mut self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer),
                    Err(error) => self.not_accepted(&error).await,
                },
                Some(ended) = self.tasks.join_next_with_id() => {
                    self.open.remove(ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
                () = &mut stop => return,
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        match self.open.make_room(peer.ip()) {
            Ok(0) => {}
            Ok(_) => self.warn(),
            // Dropped, and so closed.
            Err(_) => return self.warn(),
        }
        // Responses are small and must not wait for more data to send.
        drop(stream.set_nodelay(true));
        self.serve(stream, peer);
    }

    /// One line a minute, also if many connections come.
    fn warn(&mut self) {
        if let Some(connections) = self.full.count(Instant::now()) {
            let limit = self.open.limit();
            tracing::warn!(
                limit,
                connections,
                "http: connection limit reached; idle connections are closed for new ones"
            );
        }
    }

    /// A client that left already is no reason to wait. If the files have run out, one is freed.
    async fn not_accepted(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        self.open.close_idle(None);
        if self.full.count(Instant::now()).is_some() {
            tracing::warn!(%error, "http: connections cannot be accepted");
        }
        sleep(ACCEPT_PAUSE).await;
    }

    fn serve(&mut self, stream: TcpStream, peer: SocketAddr) {
        let activity = Arc::new(Activity::new());
        let (router, asked) = (self.router.clone(), Arc::clone(&activity));
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = normalized_path::normalize(request);
            request.extensions_mut().insert(Peer(peer));
            let busy = asked.request_came();
            let answer = router.clone().call(request);
            async move {
                // The connection was idle, and is being closed for another one.
                let Some(busy) = busy else { return std::future::pending().await };
                let mut answer = answer.await?;
                response::finish(&mut answer);
                Ok::<_, Infallible>(answer.map(|body| AnswerBody::new(body, busy)))
            }
        });
        // A client that reads nothing keeps an answer in memory.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.unread));
        let connection = self.server.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = self.graceful.watch(connection);
        let (silent, first_head) = (Arc::clone(&activity), self.first_head);
        let task = self.tasks.spawn(async move {
            tokio::select! {
                biased;
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "http: connection failed");
                },
                () = silent.without_a_request_for(first_head) => {}
            }
        });
        self.open.insert(task, peer.ip(), activity);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_to_the_host() {
        assert_eq!([20, 256, 1024, 100_000].map(most_connections), [10, 128, 768, 75_000]);
    }
}
