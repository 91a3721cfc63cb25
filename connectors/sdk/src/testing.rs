//! Native tests of a connector's decisions, as tables and without mocks.
//!
//! A decision is a pure function. A test passes a [`context`], an event about a [`person`] or a
//! [`group`], and the app's responses, and checks the requests and the outcome.
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
//!         Ok(Outcome::new(Account::new(id, Membership::Active), "Entered."))
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

mod fixtures;
mod manifest;

pub use fixtures::{TestContext, TestGroup, TestPerson, context, group, person};
pub use manifest::{defaults, manifest};

pub use crate::bindings::muster::connector::types::Unreachable;

/// The app's response to a request, or the reason why there is none.
pub type Answer = Result<types::Response, Unreachable>;

/// The calls of an operation: `wit/lifecycle.wit`, `decide`.
const CALLS: usize = 256;

thread_local! {
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// Collects a log line.
pub(crate) fn record(level: Level, message: &str) {
    LOG.with_borrow_mut(|log| log.push((level, message.to_owned())));
}

/// A response with this status and body.
pub fn reply(status: u16, body: impl AsRef<[u8]>) -> Answer {
    Ok(types::Response { status, headers: Vec::new(), body: body.as_ref().to_vec() })
}

/// A response with this status, one header (its name in lower case), and no body.
pub fn reply_with(status: u16, header: &str, value: &str) -> Answer {
    let headers = vec![(header.to_owned(), value.to_owned())];
    Ok(types::Response { status, headers, body: Vec::new() })
}

/// A played operation.
#[derive(Clone, Debug)]
pub struct Played {
    /// The requests to the app, in order.
    pub requests: Vec<Request>,
    /// The outcome or the refusal.
    pub result: Result<Outcome, Refusal>,
    /// The log of the last decision.
    pub log: Vec<(Level, String)>,
}

/// Plays an operation to its end as a host does. `answer` is the app: it returns the response to
/// each request.
///
/// Then it repeats every decision.
///
/// # Panics
///
/// If a repeated decision differs, since a connector is a pure function, and after 256 calls.
#[track_caller]
pub fn play<C: Connector>(
    connector: &C,
    context: &TestContext,
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
        assert_eq!(again, expected, "repeated after {known} calls, the decision differs");
    }
    let requests = exchanges.into_iter().map(|exchange| exchange.request).collect();
    Played { requests, result, log }
}

/// Plays an operation with exactly these requests and responses, and returns its result.
///
/// A request is written in the format of [`line()`].
///
/// # Panics
///
/// If the connector makes another request, more requests, or fewer.
#[track_caller]
pub fn script(
    connector: &impl Connector,
    context: &TestContext,
    event: &Event,
    exchanges: &[(&str, Answer)],
) -> Result<Outcome, Refusal> {
    let mut next = exchanges.iter();
    let played = play(connector, context, event, |request| {
        let asked = line(request);
        let (expected, answer) =
            next.next().unwrap_or_else(|| panic!("unexpected request: {asked}"));
        assert_eq!(asked, *expected);
        answer.clone()
    });
    if let Some((line, _)) = next.next() {
        panic!("missing request: {line}; the result is {:?}", played.result);
    }
    played.result
}

/// A request in one line: method, path, unencoded query, body. The names in a JSON body are sorted.
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

/// The same value with its names sorted, independent of `serde_json`'s features.
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
