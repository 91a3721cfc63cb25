//! What every call goes through: the token, ordered faults, the idempotency key and the log.

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
    App, Problem,
    log::{Answer, Asked},
    problem::in_json,
};

const LARGEST_BODY: usize = 1 << 20;

/// Asks for the token, and answers in JSON whatever happens.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if !is_open(&app, request.headers()) {
        return closed();
    }
    in_json(next.run(request).await).await
}

/// Holds one conversation of the API.
pub(super) async fn hold(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "more than 1 MiB").into_response();
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let key = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let asked = Asked {
        method: parts.method.clone(),
        path: path.to_owned(),
        key: key.map(str::to_owned),
        body: body.clone(),
    };
    // One call is carried out at a time, so the second of two with the same key meets the first's
    // answer.
    let turn = app.turn.lock().await;
    let open = is_open(&app, &parts.headers);
    let call = format!("{} {path}", asked.method);
    let fault = open.then(|| app.world().faults.take(&call)).flatten();
    let carried_out = open && fault.as_ref().is_none_or(|fault| fault.status.is_none());
    let response = if !open {
        closed()
    } else if let Some(response) = fault.as_ref().and_then(|fault| fault.answer()) {
        response
    } else if let Some(response) = again(&app, &asked) {
        response
    } else {
        in_json(next.run(Request::from_parts(parts, Body::from(body))).await).await
    };
    let answer = whole(response).await;
    app.world().log.note(&asked, &answer, carried_out);
    drop(turn);
    let Some(fault) = fault else { return answer.into_response() };
    sleep(Duration::from_millis(fault.delay_ms)).await;
    if fault.cut { cut() } else { answer.into_response() }
}

fn is_open(app: &App, headers: &HeaderMap) -> bool {
    app.opens(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()))
}

fn closed() -> Response {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "a bearer token is needed");
    ([(WWW_AUTHENTICATE, "Bearer")], problem).into_response()
}

/// What a call with the key of an earlier one is answered: the same, without another effect. What
/// only reads is done again.
fn again(app: &App, asked: &Asked) -> Option<Response> {
    let world = app.world();
    let known = world.log.known(asked.key.as_deref())?;
    if !known.is_of(asked) {
        let message = "the idempotency key belongs to another request";
        return Some(Problem::unprocessable(message).into_response());
    }
    (!asked.method.is_safe()).then(|| known.answer.clone().into_response())
}

async fn whole(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// An answer that breaks off before it begins.
fn cut() -> Response {
    let broken = io::Error::from(io::ErrorKind::ConnectionAborted);
    Body::from_stream(stream::iter([Err::<Vec<u8>, _>(broken)])).into_response()
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
