//! Handling a call: the token, faults, the idempotency key and the log.

use std::{io, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION, header::WWW_AUTHENTICATE},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use tokio::time::sleep;

use super::{
    Problem, SampleApp,
    log::{ReceivedCall, RecordedAnswer},
    problem::in_json,
};

const LARGEST_BODY: usize = 1 << 20;

/// Requires the token, and turns every error into JSON.
pub(super) async fn require_token(
    State(app): State<SampleApp>,
    request: Request,
    next: Next,
) -> Response {
    if !has_token(&app, request.headers()) {
        return unauthorized();
    }
    in_json(next.run(request).await).await
}

/// Handles one call of the API.
pub(super) async fn handle(State(app): State<SampleApp>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "more than 1 MiB").into_response();
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let key = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let received = ReceivedCall {
        method: parts.method.clone(),
        path: path.to_owned(),
        key: key.map(str::to_owned),
        body: body.clone(),
    };
    // Calls are handled one at a time, so that the second of two with the same key gets the
    // response to the first.
    let turn = app.turn.lock().await;
    let open = has_token(&app, &parts.headers);
    let call = format!("{} {path}", received.method);
    let fault = open.then(|| app.world().faults.take(&call, &body)).flatten();
    let carried_out = open && fault.as_ref().is_none_or(|fault| fault.carries_out());
    let mut in_its_place = fault.as_ref().and_then(|fault| fault.answer());
    let response = if !open {
        unauthorized()
    } else if let Some(response) = in_its_place.take_if(|_| !carried_out) {
        response
    } else if let Some(response) = repeated_response(&app, &received) {
        response
    } else {
        in_json(next.run(Request::from_parts(parts, Body::from(body))).await).await
    };
    let answer = complete(response).await;
    app.world().log.note(&received, &answer, carried_out);
    drop(turn);
    let Some(fault) = fault else { return answer.into_response() };
    sleep(Duration::from_millis(fault.delay_ms)).await;
    match in_its_place {
        _ if fault.cut => broken_response(),
        Some(response) => response,
        None => answer.into_response(),
    }
}

fn has_token(app: &SampleApp, headers: &HeaderMap) -> bool {
    app.accepts(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()))
}

fn unauthorized() -> Response {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "a bearer token is needed");
    ([(WWW_AUTHENTICATE, "Bearer")], problem).into_response()
}

/// The response to a call with the key of an earlier one: the same response, without another
/// effect. A call that only reads is handled again.
fn repeated_response(app: &SampleApp, received: &ReceivedCall) -> Option<Response> {
    let world = app.world();
    let known = world.log.known(received.key.as_deref())?;
    if !known.is_of(received) {
        let message = "the idempotency key belongs to another request";
        return Some(Problem::unprocessable(message).into_response());
    }
    (!received.method.is_safe()).then(|| known.answer.clone().into_response())
}

async fn complete(response: Response) -> RecordedAnswer {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    RecordedAnswer { status: parts.status, headers: parts.headers, body }
}

/// A response that ends before it begins.
fn broken_response() -> Response {
    let broken = io::Error::from(io::ErrorKind::ConnectionAborted);
    Body::from_stream(stream::iter([Err::<Vec<u8>, _>(broken)])).into_response()
}

impl IntoResponse for RecordedAnswer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
