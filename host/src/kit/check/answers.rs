//! The responses of an app that fit any request.

use crate::decision::{Response, Unreachable};
use crate::kit::scenario::AppAnswer;

/// The largest body that a connector receives, in bytes (wit/types.wit).
const ENORMOUS: usize = 1024 * 1024;

/// A response, and its name in the matrix.
#[derive(Clone, Debug)]
pub(super) struct NamedAnswer {
    pub(super) name: &'static str,
    pub(super) answer: AppAnswer,
    /// Whether a healthy app could respond so.
    pub(super) plausible: bool,
}

/// All names, in the order of the matrix.
pub(super) const NAMES: [&str; 20] = [
    "200",
    "201",
    "204",
    "400",
    "401",
    "403",
    "404",
    "409",
    "412",
    "422",
    "429",
    "500",
    "503",
    "timeout",
    "connection",
    "too-large",
    "circuit-open",
    "empty body",
    "garbage",
    "enormous body",
];

/// The responses that an app may give to any request, beside the plausible ones.
pub(super) fn unexpected() -> Vec<NamedAnswer> {
    let named = |name, answer| NamedAnswer { name, answer, plausible: false };
    let message = |status: u16, text: &str| {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status, headers, body: format!(r#"{{"message":"{text}"}}"#).into_bytes() })
    };
    let wait = |status| {
        let headers = vec![("retry-after".to_owned(), "9".to_owned())];
        Ok(Response { status, headers, body: Vec::new() })
    };
    let body = |body: Vec<u8>| Ok(Response { status: 200, headers: Vec::new(), body });
    vec![
        named("404", message(404, "there is no such thing")),
        named("500", message(500, "something broke")),
        named("409", message(409, "there is one already")),
        named("403", message(403, "you may not")),
        named("timeout", Err(Unreachable::Timeout)),
        named("429", wait(429)),
        named("503", wait(503)),
        named("connection", Err(Unreachable::Connection)),
        named("400", message(400, "that makes no sense")),
        named("422", message(422, "no seats are left")),
        named("401", message(401, "who are you?")),
        named("412", message(412, "it was changed in the meantime")),
        named("too-large", Err(Unreachable::TooLarge)),
        named("circuit-open", Err(Unreachable::CircuitOpen)),
        named("empty body", body(Vec::new())),
        named("garbage", body(b"\x00\xff<html>{\"id\":".to_vec())),
        named("enormous body", body(vec![b'x'; ENORMOUS])),
    ]
}

/// Whether the app did what was requested.
pub(super) fn is_success(answer: &AppAnswer) -> bool {
    matches!(answer, Ok(response) if (200..300).contains(&response.status))
}

/// Whether the requested object does not exist, which is a success for a leaver.
pub(super) fn is_gone(answer: &AppAnswer) -> bool {
    matches!(answer, Ok(response) if matches!(response.status, 404 | 410))
}

/// Whether the app may respond differently to a retry.
pub(super) fn is_temporary(answer: &AppAnswer) -> bool {
    match answer {
        Ok(response) => matches!(response.status, 429 | 500 | 503),
        Err(why) => *why != Unreachable::TooLarge,
    }
}
