//! What was asked and what came of it, as text that people read and compare.

use std::fmt::Write as _;

use serde_json::Value;

use crate::decision::{Outcome, Refusal, Request, Unreachable};
use crate::kit::scenario::Answer;

/// A request, its body as JSON with its names sorted where it is JSON.
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

/// What the app answered, in one line.
pub(super) fn answer(answer: &Answer) -> String {
    match answer {
        Ok(response) => format!("  ← {}\n", response.status),
        Err(why) => format!("  ← {}\n", unreachable(*why)),
    }
}

/// The word for why there is no answer.
pub(super) fn unreachable(why: Unreachable) -> &'static str {
    match why {
        Unreachable::Timeout => "timeout",
        Unreachable::Connection => "connection",
        Unreachable::TooLarge => "too-large",
        Unreachable::CircuitOpen => "circuit-open",
    }
}

/// The state that an outcome leaves somebody in.
pub(super) fn membership(outcome: &Outcome) -> crate::decision::Membership {
    outcome.account.as_ref().map_or(crate::decision::Membership::Absent, |it| it.membership)
}

/// The kind of a refusal, in the words of the interface.
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

/// A JSON text with its names sorted, over several lines.
pub(super) fn pretty(mut value: Value) -> String {
    value.sort_all_objects();
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

fn body(text: &mut String, bytes: &[u8]) {
    /// What is longer is told by its length alone.
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
