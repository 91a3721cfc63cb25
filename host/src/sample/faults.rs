//! Faults: failures that a test or a demonstration orders.

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

use super::{Problem, SampleApp};

/// A failure of the next matching calls.
///
/// With a status, the fault is the response to the call, which is not carried out unless the fault says
/// so. Without a status, the call is carried out, and its own response is late or lost, so that the
/// client cannot know its effect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The beginning of matching calls: method, a space, and path, such as `PUT /organizations`.
    #[serde(rename = "match")]
    pub pattern: String,
    /// A text in the body of matching calls; none if the body does not matter.
    pub containing: Option<String>,
    /// The number of calls that fail.
    #[serde(default = "once")]
    pub times: u32,
    /// The status of the response.
    pub status: Option<u16>,
    /// Whether the call is carried out although the response has this status: the app fails after the
    /// effect, or a gateway before it does.
    #[serde(default)]
    pub carried_out: bool,
    /// The headers of the response.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body of the response, as JSON; a string is sent as text.
    pub body: Option<Value>,
    /// The delay before the response.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether the connection breaks instead of a response.
    #[serde(default)]
    pub cut: bool,
}

/// The faults that have not happened yet.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

fn once() -> u32 {
    1
}

pub(super) fn routes() -> Router<SampleApp> {
    Router::new().route("/faults", post(add).delete(clear))
}

async fn add(
    State(app): State<SampleApp>,
    Json(fault): Json<Fault>,
) -> Result<StatusCode, Problem> {
    if fault.status.is_some() {
        fault.answer().ok_or_else(|| Problem::unprocessable("no such status or header exists"))?;
    }
    app.fail(fault);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear(State(app): State<SampleApp>) -> StatusCode {
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

    /// A fault that responds to the next matching calls with a status, and does not carry them out.
    pub fn status(pattern: impl Into<String>, status: u16, times: u32) -> Self {
        Self { status: Some(status), times, ..Self::none(pattern.into()) }
    }

    /// A fault that carries the next matching call out, and responds to it with this status.
    pub fn status_after(pattern: impl Into<String>, status: u16) -> Self {
        Self { carried_out: true, ..Self::status(pattern, status, 1) }
    }

    /// No fault: the next matching calls succeed, before those that later faults match.
    pub fn pass(pattern: impl Into<String>, times: u32) -> Self {
        Self { times, ..Self::none(pattern.into()) }
    }

    fn none(pattern: String) -> Self {
        let (containing, headers) = (None, BTreeMap::new());
        let (status, carried_out, body, delay_ms, cut) = (None, false, None, 0, false);
        Self { pattern, containing, times: 1, status, carried_out, headers, body, delay_ms, cut }
    }

    fn matches(&self, call: &str, body: &[u8]) -> bool {
        let contains = |text: &String| String::from_utf8_lossy(body).contains(text.as_str());
        call.starts_with(&self.pattern) && self.containing.as_ref().is_none_or(contains)
    }

    /// Whether the call is carried out.
    pub(super) fn carries_out(&self) -> bool {
        self.status.is_none() || self.carried_out
    }

    /// The response in place of the call's own; none if that one is sent, or lost.
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

    /// Takes one occurrence of the fault for a call, if there is one.
    pub(super) fn take(&mut self, call: &str, body: &[u8]) -> Option<Fault> {
        let due = |fault: &Fault| fault.times > 0 && fault.matches(call, body);
        let fault = self.0.iter_mut().find(|fault| due(fault))?;
        fault.times -= 1;
        let taken = fault.clone();
        self.0.retain(|fault| fault.times > 0);
        Some(taken)
    }
}
