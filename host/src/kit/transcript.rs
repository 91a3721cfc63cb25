//! Requests, responses and endings as text for people, which two runs can be compared by.

use std::fmt::Write as _;

use serde_json::Value;

use crate::decision::{Outcome, Refusal, Request, Unreachable};
use crate::kit::scenario::AppAnswer;

/// A request. A JSON body has its keys sorted.
pub(super) fn request(request: &Request, endpoint: bool, headers: &[&str]) -> String {
    let mut text = String::new();
    if endpoint {
        let _ = write!(text, "{}: ", request.endpoint);
    }
    let _ = write!(text, "{} {}", request.method, request.path);
    for (n, (name, value)) in request.query.iter().enumerate() {
        let _ = write!(text, "{}{name}={value}", if n == 0 { '?' } else { '&' });
    }
    text.push('\n');
    for wanted in headers {
        for (name, value) in
            request.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(wanted))
        {
            let _ = writeln!(text, "    {}: {value}", name.to_lowercase());
        }
    }
    if let Some(bytes) = &request.body {
        body(&mut text, bytes);
    }
    text
}

/// The app's response in one line.
pub(super) fn answer(answer: &AppAnswer) -> String {
    match answer {
        Ok(response) => format!("  ← {}\n", response.status),
        Err(why) => format!("  ← {}\n", unreachable(*why)),
    }
}

/// The word for why there is no response.
pub(super) fn unreachable(why: Unreachable) -> &'static str {
    match why {
        Unreachable::Timeout => "timeout",
        Unreachable::Connection => "connection",
        Unreachable::TooLarge => "too-large",
        Unreachable::CircuitOpen => "circuit-open",
    }
}

/// The membership after an outcome.
pub(super) fn membership(outcome: &Outcome) -> crate::decision::Membership {
    outcome.account.as_ref().map_or(crate::decision::Membership::Absent, |it| it.membership)
}

/// The interface's word for the kind of a refusal, and the refusal's text.
pub(super) fn refusal(refusal: &Refusal) -> (&'static str, Option<&str>) {
    match refusal {
        Refusal::Rejected(text) => ("rejected", Some(text)),
        Refusal::Conflict(text) => ("conflict", Some(text)),
        Refusal::Forbidden(text) => ("forbidden", Some(text)),
        Refusal::Unsupported(text) => ("unsupported", Some(text)),
        Refusal::RetryLater(_) => ("retry-later", None),
        Refusal::Misconfigured(text) => ("misconfigured", Some(text)),
    }
}

/// A JSON value over several lines, with its keys sorted.
pub(super) fn pretty(mut value: Value) -> String {
    value.sort_all_objects();
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

fn body(text: &mut String, bytes: &[u8]) {
    /// The most bytes that are shown. A longer body is described by its length.
    const SHOWN: usize = 8 * 1024;
    let shown = match serde_json::from_slice::<Value>(bytes) {
        _ if bytes.len() > SHOWN => format!("({} bytes)", bytes.len()),
        Ok(json) => pretty(json),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    for line in shown.lines() {
        let _ = writeln!(text, "    {line}");
    }
}
