//! Request ids and the request log: one line for each request, also if its client leaves before the answer.
//!
//! The fields of the line are an allow-list. Bodies, tokens, filters and names of people are never
//! logged, nor is a request id that the client sent.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::response::ApiError;
use crate::lifecycle::Host;
use crate::panics;
use crate::request_id::RequestId;

/// The target of the line, by which a log filter names it. A filter matches every target that begins with
/// its own, so this is no beginning of `muster::request_id`, the target of the span that has the id.
const TARGET: &str = "muster::request_log";

/// The header that tells the client the id of its request.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs the request under a new id, returns the id in `X-Request-Id`, and logs method, route template,
/// tenant, status and duration.
pub(super) async fn log(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    let id = RequestId::new(&host.clock);
    let header = HeaderValue::from_str(id.as_str());
    let mut response = if tracing::enabled!(target: TARGET, tracing::Level::INFO) {
        let mut line = Line {
            id: id.clone(),
            began: Instant::now(),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            tenant: tenant_of_request(request.uri().path()).map(str::to_owned),
            status: None,
        };
        let response = id.scope(answer(next, request)).await;
        line.status = Some(response.status().as_u16());
        response
    } else {
        id.scope(answer(next, request)).await
    };
    if let Ok(header) = header {
        response.headers_mut().insert(X_REQUEST_ID, header);
    }
    response
}

/// The answer of the routes. One that panics is answered as an internal error, and its connection serves on.
async fn answer(next: Next, request: Request) -> Response {
    let answered = panics::contained(next.run(request)).await;
    answered.unwrap_or_else(|panicked| ApiError::from(panicked).into_response())
}

/// The line that is logged when a request ends, also if it ends without an answer.
struct Line {
    id: RequestId,
    began: Instant,
    method: Method,
    route: Option<MatchedPath>,
    tenant: Option<String>,
    /// None if the client left, or the host stopped, before there was an answer.
    status: Option<u16>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let message = match self.status {
            Some(_) => "http: request answered",
            None => "http: client left before the answer",
        };
        tracing::info!(
            target: TARGET,
            request = self.id.as_str(),
            method = %self.method,
            route = self.route.as_ref().map_or("", MatchedPath::as_str),
            tenant = self.tenant,
            status = self.status,
            micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            message
        );
    }
}

/// The tenant that a path names, of SCIM or of the admin API.
fn tenant_of_request(path: &str) -> Option<&str> {
    let of_admin = || path.strip_prefix("/admin/v1/tenants/")?.split('/').next();
    Some(tenant_in(path)).filter(|tenant| !tenant.is_empty()).or_else(of_admin)
}

/// The tenant that a path of SCIM names. A tenant's name is chosen by an operator and is no personal data.
pub(super) fn tenant_in(path: &str) -> &str {
    path.strip_prefix("/t/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use axum::{Router, middleware};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::{ServerOptions, connections::Connections};
    use super::*;
    use crate::clock::Clock;

    /// A server whose one route panics.
    async fn panicking_server() -> TcpStream {
        let route = get(async || -> Response { panic!("as the test wants it") });
        let log = middleware::from_fn(async |request, next| {
            RequestId::new(&Clock::system()).scope(answer(next, request)).await
        });
        let router = Router::new().route("/", route).layer(log);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut connections = Connections::new(router, &ServerOptions::default());
            connections.accept(listener, std::future::pending()).await;
        });
        TcpStream::connect(address).await.unwrap()
    }

    #[tokio::test]
    async fn a_route_that_panics_is_answered_500_and_its_connection_serves_on() {
        let mut connection = panicking_server().await;
        for _ in 0..2 {
            connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            while !answer.ends_with('}') {
                let byte = connection.read_u8().await.expect("the connection is not cut");
                answer.push(byte.into());
            }
            assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
            assert!(answer.contains("content-type: application/scim+json\r\n"), "{answer}");
            assert!(answer.contains("internal error (request "), "{answer}");
            assert!(!answer.contains("as the test wants it"), "{answer}");
        }
    }
}
