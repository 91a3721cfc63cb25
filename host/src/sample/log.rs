//! The calls that the app received, and the answers that it repeats by idempotency key.

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

use super::App;

const REMEMBERED: usize = 50_000;

/// One call of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Its place in the order of all calls, from 1.
    pub n: u64,
    /// The HTTP method.
    pub method: String,
    /// The path, with the query as it was sent.
    pub path: String,
    /// The body: JSON, a text that is none, or null.
    pub body: Value,
    /// The idempotency key.
    pub idempotency_key: Option<String>,
    /// The status of the answer, sent or not.
    pub status: u16,
    /// Whether a call with this key succeeded before: this one had no effect of its own.
    pub repeated: bool,
}

/// A request as far as the app cares.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) body: Bytes,
}

/// A whole answer.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The calls, the youngest last, and the successful ones by key.
#[derive(Default)]
pub(super) struct Log {
    calls: VecDeque<Call>,
    count: u64,
    by_key: HashMap<String, Known>,
}

/// A call that succeeded.
pub(super) struct Known {
    n: u64,
    asked: (Method, String, Bytes),
    pub(super) answer: Answer,
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/log", get(async |State(app): State<App>| Json(json!({"calls": app.log()}))))
}

impl Log {
    pub(super) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter()
    }

    /// The call that succeeded under this key.
    pub(super) fn known(&self, key: Option<&str>) -> Option<&Known> {
        self.by_key.get(key?)
    }

    /// Notes a call and its answer, and whether the call was carried out at all.
    pub(super) fn note(&mut self, asked: &Asked, answer: &Answer, carried_out: bool) {
        self.count += 1;
        let repeated = self.known(asked.key.as_deref()).is_some();
        let body = &asked.body;
        self.calls.push_back(Call {
            n: self.count,
            method: asked.method.to_string(),
            path: asked.path.clone(),
            body: match serde_json::from_slice(body) {
                Ok(json) => json,
                Err(_) if body.is_empty() => Value::Null,
                Err(_) => String::from_utf8_lossy(body).into(),
            },
            idempotency_key: asked.key.clone(),
            status: answer.status.as_u16(),
            repeated,
        });
        if let Some(key) =
            asked.key.clone().filter(|_| carried_out && !repeated && answer.status.is_success())
        {
            let asked = (asked.method.clone(), asked.path.clone(), asked.body.clone());
            self.by_key.insert(key, Known { n: self.count, asked, answer: answer.clone() });
        }
        if self.calls.len() > REMEMBERED {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(Call { n, idempotency_key: Some(key), .. }) = self.calls.pop_front() else {
            return;
        };
        if self.by_key.get(&key).is_some_and(|known| known.n == n) {
            self.by_key.remove(&key);
        }
    }
}

impl Known {
    /// Whether this is the very same request again.
    pub(super) fn is_of(&self, asked: &Asked) -> bool {
        let (method, path, body) = &self.asked;
        (method, path, body) == (&asked.method, &asked.path, &asked.body)
    }
}
