//! The app, as a decision sees it: what it answered so far, and what it is to be asked next.

use std::fmt::Write;
use std::vec;

use crate::bindings::muster::connector::types::Exchange;
use crate::{Request, Response, Stop};

/// The app: give it a request, and go on with the answer.
///
/// There is no connection behind it. Each request is compared with what the journal recorded for
/// this operation: where the journal has the answer, it is returned at once; where it does not, the
/// method ends there (that is what `?` does), muster performs the request, writes the answer down,
/// and asks the connector again from the beginning. So a method reads as straight-line code, and
/// survives a crash between any two of its calls.
///
/// # Panics
///
/// A method that asks for something other than what the journal recorded at the same place is no
/// pure function of its arguments, or has changed since. It must not go on, since the next answers
/// belong to other questions: [`send`](Self::send) and [`ask`](Self::ask) panic with a sentence such
/// as `asked for PUT /x where the journal has POST /y`. muster fails this one operation with that
/// sentence; no refusal fits, because neither the app nor its settings nor the admin is at fault.
pub struct App {
    recorded: vec::IntoIter<Exchange>,
    asked: usize,
    wanted: Option<Request>,
}

impl App {
    pub(crate) fn new(exchanges: Vec<Exchange>) -> Self {
        Self { recorded: exchanges.into_iter(), asked: 0, wanted: None }
    }

    /// Performs a request that has to succeed, and returns its answer of the 200s.
    ///
    /// | the app | becomes |
    /// |---|---|
    /// | no answer; 408, 425, 429, 500 and above; 403 with `Retry-After` | [`RetryLater`](crate::Refusal::RetryLater), with `Retry-After` where it is in seconds |
    /// | an answer beyond 1 MiB, or the limit that the operator sets; 3xx | [`Misconfigured`](crate::Refusal::Misconfigured) |
    /// | 401, 403 | `Misconfigured` |
    /// | 409 | [`Conflict`](crate::Refusal::Conflict) |
    /// | 501 | [`Unsupported`](crate::Refusal::Unsupported) |
    /// | any other 4xx | [`Rejected`](crate::Refusal::Rejected) |
    ///
    /// Each text names the request and what the app said: `message`, `error`, `detail`,
    /// `errorSummary` or `title` of its JSON, or its plain text.
    ///
    /// Why 403 is `Misconfigured`: nearly always the credentials lack a permission. The operator can
    /// mend that and the operation then goes on, whereas a 403 of muster's own would make an identity
    /// provider believe that *its* token is wrong, and stop for everybody. A connector that knows its
    /// app to answer 403 about one person asks with [`ask`](Self::ask) and refuses with
    /// [`Forbidden`](crate::Refusal::Forbidden).
    pub fn send(&mut self, request: Request) -> Result<Response, Stop> {
        Ok(self.ask(request)?.success()?)
    }

    /// Performs a request and returns the answer to be looked at, whatever its status.
    ///
    /// Only what the connector can do nothing about stops it, as in [`send`](Self::send): an app
    /// that cannot be reached or asks to wait, and 401. So what remains is 2xx, 3xx and 4xx.
    pub fn ask(&mut self, request: Request) -> Result<Response, Stop> {
        if self.wanted.is_some() {
            return Err(Stop::WAIT);
        }
        let Some(exchange) = self.recorded.next() else {
            self.wanted = Some(request);
            return Err(Stop::WAIT);
        };
        self.asked += 1;
        if exchange.request != request {
            panic!("call {}: {}", self.asked, divergence(&request, &exchange.request));
        }
        Ok(Response::of(exchange)?)
    }

    /// The request that nothing is recorded for; none when the decision got to its end.
    pub(crate) fn finish(self) -> Option<Request> {
        let left = self.recorded.len();
        assert!(
            left == 0,
            "ended after {} calls where the journal has {}",
            self.asked,
            self.asked + left
        );
        self.wanted
    }
}

/// What differs, without the values: they may hold personal data.
fn divergence(asked: &Request, recorded: &Request) -> String {
    let mut text = format!("asked for {asked} where the journal has {recorded}");
    if (&asked.method, &asked.path) == (&recorded.method, &recorded.path) {
        let parts = [
            ("endpoint", asked.endpoint != recorded.endpoint),
            ("query", asked.query != recorded.query),
            ("set of headers", asked.headers != recorded.headers),
            ("body", asked.body != recorded.body),
        ];
        for (part, _) in parts.into_iter().filter(|(_, differs)| *differs) {
            let _ = write!(text, ", with another {part}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::muster::connector::types;

    fn exchange(request: Request) -> Exchange {
        let response = types::Response { status: 200, headers: Vec::new(), body: Vec::new() };
        Exchange { request, response: Ok(response) }
    }

    #[track_caller]
    fn diverges(asked: &Request, recorded: &Request, expected: &str) {
        assert_eq!(divergence(asked, recorded), expected);
    }

    #[test]
    fn a_divergence_is_told_in_one_sentence_without_values() {
        let recorded = Request::post("app", "/y").query("secret", "1");
        let (x, y) = (Request::put("app", "/x"), Request::post("app", "/y"));
        diverges(&x, &recorded, "asked for PUT /x where the journal has POST /y");
        let other = "asked for POST /y where the journal has POST /y, with another query";
        diverges(&y, &recorded, other);
        let all = y.json(&7);
        let other = format!("{other}, with another set of headers, with another body");
        diverges(&all, &recorded, &other);
    }

    #[test]
    #[should_panic(expected = "call 2: asked for PUT /x where the journal has POST /y")]
    fn a_replay_that_asks_for_something_else_does_not_go_on() {
        let (first, recorded) = (Request::get("app", "/"), Request::post("app", "/y"));
        let mut app = App::new(vec![exchange(first.clone()), exchange(recorded)]);
        app.ask(first).unwrap();
        let _ = app.ask(Request::put("app", "/x"));
    }

    #[test]
    #[should_panic(expected = "ended after 1 calls where the journal has 2")]
    fn a_replay_that_ends_early_is_no_answer() {
        let first = Request::get("app", "/");
        let mut app = App::new(vec![exchange(first.clone()), exchange(first.clone())]);
        app.ask(first).unwrap();
        app.finish();
    }

    #[test]
    fn a_call_that_was_asked_for_is_made_though_the_author_dropped_it() {
        let mut app = App::new(Vec::new());
        let (first, second) = (Request::get("app", "/1"), Request::get("app", "/2"));
        assert_eq!(app.ask(first.clone()).unwrap_err(), Stop::WAIT);
        assert_eq!(app.ask(second).unwrap_err(), Stop::WAIT);
        assert_eq!(app.finish(), Some(first));
    }
}
