//! Faults: what a test or a demonstration tells the app to do wrong.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::Value;

use super::{App, Problem};

/// What goes wrong with the next calls that match.
///
/// With a status, the call is not carried out, and the fault is the answer. Without one it is
/// carried out, and what follows, late or never, is its own answer: the caller cannot know.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// How matching calls begin: method, a space, path; `PUT /organizations`, for instance.
    #[serde(rename = "match")]
    pub pattern: String,
    /// How many calls it is for.
    #[serde(default = "once")]
    pub times: u32,
    /// The answer's status.
    pub status: Option<u16>,
    /// The answer's headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The answer's body, JSON; a text is sent as it is.
    pub body: Option<Value>,
    /// How long the answer is kept back.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether the connection breaks in the place of an answer.
    #[serde(default)]
    pub cut: bool,
}

/// The faults that are still to come.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

fn once() -> u32 {
    1
}

pub(super) fn routes() -> Router<App> {
    Router::new().route("/faults", post(add).delete(clear))
}

async fn add(State(app): State<App>, Json(fault): Json<Fault>) -> Result<StatusCode, Problem> {
    if fault.status.is_some() {
        fault.answer().ok_or_else(|| Problem::unprocessable("no such status or header exists"))?;
    }
    app.fail(fault);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear(State(app): State<App>) -> StatusCode {
    app.heal();
    StatusCode::NO_CONTENT
}

impl Faults {
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Fault {
    /// A fault that breaks the connection after the next matching call is carried out.
    pub fn cut(pattern: impl Into<String>) -> Self {
        Self { cut: true, ..Self::none(pattern.into()) }
    }

    /// A fault that answers the next matching calls with a status, and does not carry them out.
    pub fn status(pattern: impl Into<String>, status: u16, times: u32) -> Self {
        Self { status: Some(status), times, ..Self::none(pattern.into()) }
    }

    fn none(pattern: String) -> Self {
        let headers = BTreeMap::new();
        Self { pattern, times: 1, status: None, headers, body: None, delay_ms: 0, cut: false }
    }

    /// The answer in the place of the call's own; none if the call is carried out.
    pub(super) fn answer(&self) -> Option<Response> {
        let status = StatusCode::from_u16(self.status?).ok().filter(|it| it.as_u16() >= 200)?;
        let mut response = match &self.body {
            None => Problem::new(status, "a fault, as ordered").into_response(),
            Some(Value::String(text)) => (status, text.clone()).into_response(),
            Some(body) => (status, Json(body)).into_response(),
        };
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().ok()?;
            response.headers_mut().insert(name, HeaderValue::from_str(value).ok()?);
        }
        Some(response)
    }
}

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// The fault for a call, one time less of it left.
    pub(super) fn take(&mut self, call: &str) -> Option<Fault> {
        let due = |fault: &Fault| fault.times > 0 && call.starts_with(&fault.pattern);
        let fault = self.0.iter_mut().find(|fault| due(fault))?;
        fault.times -= 1;
        let taken = fault.clone();
        self.0.retain(|fault| fault.times > 0);
        Some(taken)
    }
}
