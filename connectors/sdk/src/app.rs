//! The app as a decision sees it: the recorded responses, and the next request.

use std::fmt::Write;
use std::vec;

use crate::bindings::muster::connector::types::Exchange;
use crate::{Request, Response, Stop};

/// The app: takes requests and returns responses.
///
/// There is no connection behind it. Each request is compared with the journal of the operation. If
/// the journal has a response, it is returned at once. If not, the method ends there (by `?`);
/// muster performs the request, records the response, and calls the method again from its
/// beginning. So a method reads as straight-line code, and continues after a crash between any two
/// of its calls.
///
/// # Panics
///
/// [`send`](Self::send) and [`ask`](Self::ask) panic if the request differs from the recorded one,
/// with a sentence such as `asked for PUT /x where the journal has POST /y`. The method is then not
/// a pure function of its arguments, or it was changed, and the recorded responses do not belong to
/// its requests. muster fails this one operation with that sentence. It is not a refusal, since the
/// cause is neither the app nor its settings.
pub struct App {
    recorded: vec::IntoIter<Exchange>,
    asked: usize,
    wanted: Option<Request>,
}

impl App {
    pub(crate) fn new(exchanges: Vec<Exchange>) -> Self {
        Self { recorded: exchanges.into_iter(), asked: 0, wanted: None }
    }

    /// Performs a request that must succeed, and returns its 2xx response.
    ///
    /// | response | refusal |
    /// |---|---|
    /// | none; 408, 425, 429, 500 and above; 403 with `Retry-After` | [`RetryLater`](crate::Refusal::RetryLater), with the seconds of `Retry-After` if given |
    /// | larger than 1 MiB, or than the limit that the operator sets; 3xx | [`Misconfigured`](crate::Refusal::Misconfigured) |
    /// | 401, 403 | `Misconfigured` |
    /// | 409 | [`Conflict`](crate::Refusal::Conflict) |
    /// | 501 | [`Unsupported`](crate::Refusal::Unsupported) |
    /// | any other 4xx | [`Rejected`](crate::Refusal::Rejected) |
    ///
    /// Each text names the request and quotes the app: `message`, `error`, `detail`, `errorSummary`
    /// or `title` of its JSON, or its plain text.
    ///
    /// 403 is `Misconfigured` because nearly always the credentials lack a permission. The operator
    /// can grant it, and the operation continues. A 403 to the identity provider would make it
    /// believe that *its* token is wrong, and stop provisioning for all users. If the app answers
    /// 403 about one user, use [`ask`](Self::ask) and refuse with
    /// [`Forbidden`](crate::Refusal::Forbidden).
    pub fn send(&mut self, request: Request) -> Result<Response, Stop> {
        Ok(self.ask(request)?.success()?)
    }

    /// Performs a request and returns its response with a status of 2xx, 3xx or 4xx that is about the request.
    ///
    /// As in [`send`](Self::send), an app that cannot be reached or asks to wait (408, 425, 429, 403 with
    /// `Retry-After`), 401 and 501 end
    /// the decision with a refusal, since the connector cannot do anything about them.
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

    /// The request without a recorded response; none if the decision is complete.
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

/// The parts that differ, without their values, which may be personal data.
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
    fn a_divergence_is_described_in_one_sentence_without_values() {
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
    fn a_replay_with_another_request_panics() {
        let (first, recorded) = (Request::get("app", "/"), Request::post("app", "/y"));
        let mut app = App::new(vec![exchange(first.clone()), exchange(recorded)]);
        app.ask(first).unwrap();
        let _ = app.ask(Request::put("app", "/x"));
    }

    #[test]
    #[should_panic(expected = "ended after 1 calls where the journal has 2")]
    fn a_replay_that_ends_early_panics() {
        let first = Request::get("app", "/");
        let mut app = App::new(vec![exchange(first.clone()), exchange(first.clone())]);
        app.ask(first).unwrap();
        app.finish();
    }

    #[test]
    fn a_request_is_made_even_if_the_method_ignores_its_stop() {
        let mut app = App::new(Vec::new());
        let (first, second) = (Request::get("app", "/1"), Request::get("app", "/2"));
        assert_eq!(app.ask(first.clone()).unwrap_err(), Stop::WAIT);
        assert_eq!(app.ask(second).unwrap_err(), Stop::WAIT);
        assert_eq!(app.finish(), Some(first));
    }
}
