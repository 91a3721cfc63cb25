//! One line for each request, made of an allow-list: never bodies, tokens, filters or names.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

/// Logs method, route template, tenant, status and duration.
pub(super) async fn log(request: Request, next: Next) -> Response {
    if !tracing::enabled!(tracing::Level::INFO) {
        return next.run(request).await;
    }
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let tenant = tenant(request.uri().path()).to_owned();
    let response = next.run(request).await;
    tracing::info!(
        target: "muster::request",
        %method,
        route = route.as_ref().map_or("", MatchedPath::as_str),
        tenant,
        status = response.status().as_u16(),
        micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    );
    response
}

/// A tenant's name is an operator's own word, and no personal datum.
pub(super) fn tenant(path: &str) -> &str {
    path.strip_prefix("/t/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
}
