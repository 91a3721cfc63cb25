//! The log of calls, and the responses that are repeated by idempotency key.

use std::collections::{HashMap, VecDeque};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    routing::get,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::SampleApp;

const REMEMBERED: usize = 50_000;

/// One call of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedCall {
    /// The call's number, from 1.
    pub n: u64,
    /// The HTTP method.
    pub method: String,
    /// The path, with the query as it was sent.
    pub path: String,
    /// The body: JSON, another text, or null.
    pub body: Value,
    /// The idempotency key.
    pub idempotency_key: Option<String>,
    /// The status of the response, whether it was sent or not.
    pub status: u16,
    /// Whether a call with this key succeeded before, so that this one had no effect.
    pub repeated: bool,
}

/// The parts of a request that the app uses.
pub(super) struct ReceivedCall {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) body: Bytes,
}

/// A complete response.
#[derive(Clone)]
pub(super) struct RecordedAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The calls, the newest last, and the successful ones by key.
#[derive(Default)]
pub(super) struct CallLog {
    calls: VecDeque<RecordedCall>,
    count: u64,
    by_key: HashMap<String, SucceededCall>,
}

/// A call that succeeded.
pub(super) struct SucceededCall {
    n: u64,
    received: (Method, String, Bytes),
    pub(super) answer: RecordedAnswer,
}

pub(super) fn routes() -> Router<SampleApp> {
    Router::new()
        .route("/log", get(async |State(app): State<SampleApp>| Json(json!({"calls": app.log()}))))
}

impl CallLog {
    pub(super) fn calls(&self) -> impl Iterator<Item = &RecordedCall> {
        self.calls.iter()
    }

    /// The call that succeeded with this key.
    pub(super) fn known(&self, key: Option<&str>) -> Option<&SucceededCall> {
        self.by_key.get(key?)
    }

    /// Records a call and its response, and whether the call was carried out.
    pub(super) fn note(
        &mut self,
        received: &ReceivedCall,
        answer: &RecordedAnswer,
        carried_out: bool,
    ) {
        self.count += 1;
        let repeated = self.known(received.key.as_deref()).is_some();
        let body = &received.body;
        self.calls.push_back(RecordedCall {
            n: self.count,
            method: received.method.to_string(),
            path: received.path.clone(),
            body: match serde_json::from_slice(body) {
                Ok(json) => json,
                Err(_) if body.is_empty() => Value::Null,
                Err(_) => String::from_utf8_lossy(body).into(),
            },
            idempotency_key: received.key.clone(),
            status: answer.status.as_u16(),
            repeated,
        });
        if let Some(key) =
            received.key.clone().filter(|_| carried_out && !repeated && answer.status.is_success())
        {
            let received = (received.method.clone(), received.path.clone(), received.body.clone());
            self.by_key
                .insert(key, SucceededCall { n: self.count, received, answer: answer.clone() });
        }
        if self.calls.len() > REMEMBERED {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(RecordedCall { n, idempotency_key: Some(key), .. }) = self.calls.pop_front()
        else {
            return;
        };
        if self.by_key.get(&key).is_some_and(|known| known.n == n) {
            self.by_key.remove(&key);
        }
    }
}

impl SucceededCall {
    /// Whether this is the same request again.
    pub(super) fn is_of(&self, received: &ReceivedCall) -> bool {
        let (method, path, body) = &self.received;
        (method, path, body) == (&received.method, &received.path, &received.body)
    }
}
