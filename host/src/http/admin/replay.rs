//! Replays, told line by line while they run.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use tokio::sync::mpsc::Receiver;

use super::super::authorization::Operator;
use super::{Answered, Spec};
use crate::lifecycle::{Host, ReplaySpec, ReplayUpdate};

pub(super) async fn replay(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(app): Path<String>,
    Spec(spec): Spec<ReplaySpec>,
) -> Answered {
    let news = host.versions.replay(&app, spec).await?;
    let lines = stream::unfold(news, |mut news: Receiver<ReplayUpdate>| async move {
        let mut line = serde_json::to_string(&news.recv().await?).ok()?;
        line.push('\n');
        Some((Ok::<_, Infallible>(line), news))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let ndjson = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, ndjson);
    Ok(response)
}
