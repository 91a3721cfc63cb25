//! Tests of a connector's decisions: `cargo test`, tables, no mocks.
//!
//! A decision is a function, so a test gives it a [`context`], an event about a [`person`] or a
//! [`group`], and the app's answers, and looks at what it asked for and what came of it.
//!
//! ```
//! use muster_connector::testing::{context, person, reply, script};
//! use muster_connector::{
//!     Account, App, Connector, Context, Decision, EventKind, Membership, NoSettings, Outcome,
//!     Request, UserEvent, id_in,
//! };
//!
//! struct Guestbook;
//!
//! impl Connector for Guestbook {
//!     type Settings = NoSettings;
//!
//!     fn create(&self, app: &mut App, _: &Context, event: &UserEvent) -> Decision {
//!         let body = serde_json::json!({ "name": event.user.user_name });
//!         let guest = app.send(Request::post("app", "/guests").json(&body))?;
//!         let id = id_in(&guest.json()?, "id")?;
//!         Ok(Outcome::new(Account::new(id, Membership::Active), "Wrote them down."))
//!     }
//! }
//!
//! let outcome = script(
//!     &Guestbook,
//!     &context(),
//!     &person("ann").event(EventKind::Create),
//!     &[(r#"POST /guests {"name":"ann"}"#, reply(201, r#"{"id":7}"#))],
//! );
//! assert_eq!(outcome.unwrap().account.unwrap().id, "7");
//! ```

use std::cell::RefCell;
use std::fmt::Write;
use std::mem;

use serde_json::Value;

use crate::bindings::muster::connector::types::{self, Event, Exchange, Step};
use crate::decide::decide;
use crate::log::Level;
use crate::{Connector, Outcome, Refusal, Request};

mod given;
mod manifest;

pub use given::{About, AboutGroup, Given, context, group, person};
pub use manifest::{defaults, manifest};

pub use crate::bindings::muster::connector::types::Unreachable;

/// What the app answers to one request.
pub type Answer = Result<types::Response, Unreachable>;

/// How many calls one operation may make: `wit/lifecycle.wit`, `decide`.
const CALLS: usize = 256;

thread_local! {
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// Where log lines go natively.
pub(crate) fn record(level: Level, message: &str) {
    LOG.with_borrow_mut(|log| log.push((level, message.to_owned())));
}

/// An answer with this status and body.
pub fn reply(status: u16, body: impl AsRef<[u8]>) -> Answer {
    Ok(types::Response { status, headers: Vec::new(), body: body.as_ref().to_vec() })
}

/// An answer with this status, one header (its name in lower case), and no body.
pub fn reply_with(status: u16, header: &str, value: &str) -> Answer {
    let headers = vec![(header.to_owned(), value.to_owned())];
    Ok(types::Response { status, headers, body: Vec::new() })
}

/// How an operation went.
#[derive(Clone, Debug)]
pub struct Played {
    /// What the app was asked, in order.
    pub requests: Vec<Request>,
    /// What came of it.
    pub result: Result<Outcome, Refusal>,
    /// What the last decision logged.
    pub log: Vec<(Level, String)>,
}

/// Plays an operation to its end, as muster would, with the app's answers made up by `answer`.
///
/// Then it plays every part of it again, and panics where the connector decides otherwise than the
/// first time: a connector is a pure function. It panics also after 256 calls.
#[track_caller]
pub fn play<C: Connector>(
    connector: &C,
    context: &Given,
    event: &Event,
    mut answer: impl FnMut(&Request) -> Answer,
) -> Played {
    let step = |exchanges: &[Exchange]| {
        decide(connector, context.raw(), event.clone(), exchanges.to_vec())
    };
    let mut exchanges = Vec::new();
    let (result, log) = loop {
        LOG.take();
        match step(&exchanges) {
            Ok(Step::Call(request)) => {
                assert!(exchanges.len() < CALLS, "more than {CALLS} calls");
                let response = answer(&request);
                exchanges.push(Exchange { request, response });
            }
            Ok(Step::Done(outcome)) => break (Ok(outcome), LOG.take()),
            Err(refusal) => break (Err(refusal), LOG.take()),
        }
    };
    for known in 0..=exchanges.len() {
        let expected = match exchanges.get(known) {
            Some(next) => Ok(Step::Call(next.request.clone())),
            None => result.clone().map(Step::Done),
        };
        let again = step(&exchanges[..known]);
        assert_eq!(again, expected, "asked again after {known} calls, it decides otherwise");
    }
    let requests = exchanges.into_iter().map(|exchange| exchange.request).collect();
    Played { requests, result, log }
}

/// Plays an operation in which the app is asked exactly this, and answers so.
///
/// A request is written as [`line()`] writes it. Panics when another one is made, or fewer.
#[track_caller]
pub fn script(
    connector: &impl Connector,
    context: &Given,
    event: &Event,
    exchanges: &[(&str, Answer)],
) -> Result<Outcome, Refusal> {
    let mut next = exchanges.iter();
    let played = play(connector, context, event, |request| {
        let asked = line(request);
        let (expected, answer) = next.next().unwrap_or_else(|| panic!("one call more: {asked}"));
        assert_eq!(asked, *expected);
        answer.clone()
    });
    if let Some((line, _)) = next.next() {
        panic!("never asked: {line}, but ended with {:?}", played.result);
    }
    played.result
}

/// A request in one line: method, path, query not encoded, body; JSON with its names sorted.
///
/// `GET /users?email=ann@example.com`, `POST /users {"email":"ann@example.com","name":"Ann"}`
pub fn line(request: &Request) -> String {
    let mut line = request.to_string();
    for (n, (name, value)) in request.query.iter().enumerate() {
        let _ = write!(line, "{}{name}={value}", if n == 0 { '?' } else { '&' });
    }
    if let Some(body) = &request.body {
        let text = String::from_utf8_lossy(body);
        let json = serde_json::from_str(&text).map(|json| sorted(json).to_string());
        let _ = write!(line, " {}", json.unwrap_or_else(|_| text.into_owned()));
    }
    line
}

/// The same value with its names sorted, whatever order `serde_json` was built to keep.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        Value::Object(mut object) => {
            object.sort_keys();
            object.values_mut().for_each(|value| *value = sorted(mem::take(value)));
            Value::Object(object)
        }
        value => value,
    }
}
