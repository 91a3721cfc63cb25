//! Replays: progress and report, one JSON text a line, while the replay runs.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use tokio::sync::mpsc::Receiver;

use super::super::authorization::AdminCaller;
use super::Answered;
use super::request::JsonBody;
use crate::admin_api::AppPath;
use crate::lifecycle::{Host, ReplaySpec, ReplayUpdate};

/// Try a connector version on the decisions that the journal has of an app.
///
/// The version is given the recorded questions, with the recorded responses of the app. The app is
/// not called and nothing is changed. The body has one JSON text on each line (NDJSON): `progress`
/// any number of times, then once `report` or `failed`.
#[utoipa::path(
    post,
    path = "/apps/{app}/replay",
    operation_id = "replay",
    tag = "Connectors",
    params(AppPath),
    request_body = ReplaySpec,
    responses(
        (
            status = 200,
            description = "Lines, each of them a JSON text of this schema.",
            body = ReplayUpdate,
            content_type = "application/x-ndjson"
        ),
        (status = 404, description = "There is no such app or connector."),
        (status = 409, description = "The connector is retired or cannot be loaded."),
        (status = 422, description = "The tenant does not exist or is another app's, or `since` is not a moment."),
    )
)]
pub(super) async fn replay(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(AppPath { app }): Path<AppPath>,
    JsonBody(spec): JsonBody<ReplaySpec>,
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
