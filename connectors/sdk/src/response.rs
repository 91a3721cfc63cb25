//! Responses of the app, and the refusal that each status becomes.

use serde::Deserialize;
use serde_json::Value;

use crate::Refusal;
use crate::bindings::muster::connector::types::{Exchange, Unreachable};

/// Characters of the app's message in a refusal.
const MESSAGE_LENGTH: usize = 300;

/// A response of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB, unless an operator sets another limit.
    pub body: Vec<u8>,
    /// The request's method and path, for refusals.
    request: String,
}

impl Response {
    /// The response, or a refusal if a connector cannot do anything about it.
    pub(crate) fn of(exchange: Exchange) -> Result<Self, Refusal> {
        let request = exchange.request.to_string();
        let response = match exchange.response {
            Ok(response) => response,
            Err(Unreachable::TooLarge) => {
                let text = format!("The app's answer to {request} is larger than muster takes.");
                return Err(Refusal::Misconfigured(text));
            }
            Err(Unreachable::Timeout | Unreachable::Connection | Unreachable::CircuitOpen) => {
                return Err(Refusal::RetryLater(None));
            }
        };
        let (status, headers, body) = (response.status, response.headers, response.body);
        let response = Self { status, headers, body, request };
        match response.status {
            401 => {
                Err(Refusal::Misconfigured(response.sentence("does not accept the credentials of")))
            }
            501 => Err(Refusal::Unsupported(response.sentence("does not support"))),
            // Some apps answer 403 when a secondary rate limit is exceeded.
            403 if response.header("retry-after").is_some() => Err(response.later()),
            408 | 425 | 429 | 500.. => Err(response.later()),
            _ => Ok(response),
        }
    }

    /// The response if its status is 2xx; otherwise the refusal that [`App::send`] describes.
    ///
    /// [`App::send`]: crate::App::send
    pub fn success(self) -> Result<Self, Refusal> {
        match self.status {
            200..=299 => Ok(self),
            300..=399 => Err(Refusal::Misconfigured(self.sentence("redirects"))),
            403 => Err(Refusal::Misconfigured(self.sentence("does not permit"))),
            409 => Err(Refusal::Conflict(self.sentence("sees a conflict in"))),
            _ => Err(Refusal::Rejected(self.sentence("refused"))),
        }
    }

    /// As [`success`](Self::success), but none for 404 and 410.
    pub fn found(self) -> Result<Option<Self>, Refusal> {
        if matches!(self.status, 404 | 410) { Ok(None) } else { self.success().map(Some) }
    }

    /// The body as JSON.
    ///
    /// Another body is [`Refusal::Misconfigured`]: the endpoint is not the app's API, or the
    /// connector does not fit its version. The operation stays open for the operator.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let status = self.status;
            let text =
                format!("The app's answer {status} to {} cannot be read: {error}.", self.request);
            Refusal::Misconfigured(text)
        })
    }

    /// The elements of the array in this field of the body. If `field` is empty, the body itself is
    /// the array.
    ///
    /// A body without this array is [`Refusal::Misconfigured`] rather than an empty list, since an
    /// empty list means that the app has no such entry.
    pub fn entries(&self, field: &str) -> Result<Vec<Value>, Refusal> {
        let mut body: Value = self.json()?;
        let list = if field.is_empty() { Some(&mut body) } else { body.get_mut(field) };
        match list.map(Value::take) {
            Some(Value::Array(entries)) => Ok(entries),
            _ => Err(Refusal::Misconfigured(format!(
                "The app's answer to {} has no list {field:?}.",
                self.request
            ))),
        }
    }

    /// Among the [entries](Self::entries) of `list`, the first whose `field` is `text`, ignoring
    /// ASCII case.
    ///
    /// Use it after a look-up by e-mail address: a search may also return similar addresses, and an
    /// account should be linked only for exactly this one.
    pub fn entry_with(
        &self,
        list: &str,
        field: &str,
        text: &str,
    ) -> Result<Option<Value>, Refusal> {
        let same = |entry: &Value| {
            entry[field].as_str().is_some_and(|value| value.eq_ignore_ascii_case(text))
        };
        Ok(self.entries(list)?.into_iter().find(same))
    }

    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn later(&self) -> Refusal {
        // RFC 9110 §10.2.3 also allows a date, but a connector has no clock to compare it with.
        Refusal::RetryLater(self.header("retry-after").and_then(|value| value.trim().parse().ok()))
    }

    fn sentence(&self, verb: &str) -> String {
        let message = app_message(&self.body);
        let colon = if message.is_empty() { "." } else { ": " };
        format!("The app {verb} {} ({}){colon}{message}", self.request, self.status)
    }
}

/// The id in a JSON object of the app, a string or a number, as text.
pub fn id_in(object: &Value, field: &str) -> Result<String, Refusal> {
    match object.get(field) {
        Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        _ => Err(Refusal::Misconfigured(format!("The app's answer has no id {field:?}."))),
    }
}

/// The app's message, shortened: the message in its JSON, or its text unless that is a web page.
fn app_message(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let message = match serde_json::from_str::<Value>(&text) {
        Ok(json) => message(&json).map(str::to_owned),
        Err(_) if text.trim_start().starts_with('<') => None,
        Err(_) => Some(text.into_owned()),
    };
    let words = message.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MESSAGE_LENGTH) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// The message in an error document. The field names are common ones, the most specific first.
fn message(json: &Value) -> Option<&str> {
    match json {
        Value::String(text) => Some(text),
        Value::Array(all) => all.first().and_then(message),
        Value::Object(object) => {
            ["message", "errorSummary", "detail", "error_description", "error", "errors", "title"]
                .into_iter()
                .filter_map(|name| object.get(name))
                .find_map(message)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;
    use crate::bindings::muster::connector::types;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Result<Response, Refusal> {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let response = types::Response { status, headers, body: body.as_bytes().to_vec() };
        Response::of(Exchange { request: Request::get("app", "/x"), response: Ok(response) })
    }

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &Refusal) {
        let refusal = answer(status, headers, body).and_then(Response::success).unwrap_err();
        assert_eq!(refusal, *expected);
    }

    #[test]
    fn every_status_becomes_its_refusal() {
        use Refusal::{Conflict, Misconfigured, Rejected, RetryLater, Unsupported};
        let retry = ("retry-after", "17");
        check(429, &[retry], "", &RetryLater(Some(17)));
        check(403, &[retry], "", &RetryLater(Some(17)));
        check(503, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "", &RetryLater(None));
        for status in [408, 425, 500, 502, 599] {
            check(status, &[], "oops", &RetryLater(None));
        }
        check(501, &[], "", &Unsupported("The app does not support GET /x (501).".into()));
        let text = "The app does not accept the credentials of GET /x (401): no";
        check(401, &[], "no", &Misconfigured(text.into()));
        check(403, &[], "no", &Misconfigured("The app does not permit GET /x (403): no".into()));
        check(302, &[], "", &Misconfigured("The app redirects GET /x (302).".into()));
        check(409, &[], "", &Conflict("The app sees a conflict in GET /x (409).".into()));
        check(404, &[], "", &Rejected("The app refused GET /x (404).".into()));
        check(422, &[], "bad", &Rejected("The app refused GET /x (422): bad".into()));
    }

    #[test]
    fn a_missing_response_is_retried_and_an_oversized_one_is_not() {
        let of = |unreachable| {
            let request = Request::get("app", "/x");
            Response::of(Exchange { request, response: Err(unreachable) }).unwrap_err()
        };
        for unreachable in [Unreachable::Timeout, Unreachable::Connection, Unreachable::CircuitOpen]
        {
            assert_eq!(of(unreachable), Refusal::RetryLater(None));
        }
        let text = "The app's answer to GET /x is larger than muster takes.".to_owned();
        assert_eq!(of(Unreachable::TooLarge), Refusal::Misconfigured(text));
    }

    #[test]
    fn the_apps_message_is_found_in_common_error_documents() {
        let check = |body: &str, expected: &str| {
            assert_eq!(app_message(body.as_bytes()), expected, "{body}");
        };
        check(r#"{"message":"taken"}"#, "taken");
        check(r#"{"error":{"code":7,"message":"taken"}}"#, "taken");
        check(r#"{"error":"taken"}"#, "taken");
        check(r#"{"errors":[{"detail":"taken"},{"detail":"other"}]}"#, "taken");
        check(r#"{"errorSummary":"taken","errorCode":"E1"}"#, "taken");
        check(r#"{"title":"Bad Request","detail":"taken"}"#, "taken");
        check(r#"{"code":7}"#, "");
        check("plain\n  words", "plain words");
        check("<html>Bad Gateway</html>", "");
        check("", "");
        assert_eq!(app_message("ü".repeat(400).as_bytes()), format!("{}…", "ü".repeat(300)));
    }

    #[test]
    fn an_entry_is_found_by_its_exact_text_in_any_case() {
        let body =
            r#"{"users":[{"id":8,"mail":"joann@x.example"},{"id":7,"mail":"Ann@x.example"}]}"#;
        let response = answer(200, &[], body).unwrap();
        let found = response.entry_with("users", "mail", "ann@x.example").unwrap();
        assert_eq!(found.unwrap()["id"], 7);
        assert_eq!(response.entry_with("users", "mail", "x.example"), Ok(None));
        assert!(response.entry_with("people", "mail", "ann@x.example").is_err());
    }

    #[test]
    fn found_is_none_for_404_and_410() {
        assert_eq!(answer(404, &[], "").unwrap().found(), Ok(None));
        assert_eq!(answer(410, &[], "").unwrap().found(), Ok(None));
        assert!(answer(200, &[], "").unwrap().found().unwrap().is_some());
        assert!(answer(400, &[], "").unwrap().found().is_err());
    }

    #[test]
    fn the_refusal_of_unexpected_json_names_the_request_and_the_error() {
        let response = answer(200, &[], r#"{"name":"Ann"}"#).unwrap();
        let id = response.json::<std::collections::BTreeMap<String, u64>>().unwrap_err();
        let Refusal::Misconfigured(text) = id else { panic!("{id:?}") };
        assert!(
            text.starts_with("The app's answer 200 to GET /x cannot be read: invalid type"),
            "{text}"
        );
    }
}
