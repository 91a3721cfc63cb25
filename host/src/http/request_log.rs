//! Request ids and the request log: one line for each request, also if its client leaves before the answer.
//!
//! The fields of the line are an allow-list. Bodies, tokens, filters and names of people are never
//! logged, nor is a request id that the client sent.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::lifecycle::Host;
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
        let response = id.scope(next.run(request)).await;
        line.status = Some(response.status().as_u16());
        response
    } else {
        id.scope(next.run(request)).await
    };
    if let Ok(header) = header {
        response.headers_mut().insert(X_REQUEST_ID, header);
    }
    response
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
