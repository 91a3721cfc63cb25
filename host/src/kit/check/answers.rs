//! Every way in which an app answers, whatever it is asked.

use crate::decision::{Response, Unreachable};
use crate::kit::scenario::Answer;

/// The largest body that a connector is given (wit/types.wit).
const ENORMOUS: usize = 1024 * 1024;

/// An answer, by the name that it has in the matrix.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) answer: Answer,
    /// Whether an app in good health would answer so.
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

/// What an app may answer to anything, beside what is plausible.
pub(super) fn anything() -> Vec<Named> {
    let named = |name, answer| Named { name, answer, plausible: false };
    let said = |status: u16, said: &str| {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status, headers, body: format!(r#"{{"message":"{said}"}}"#).into_bytes() })
    };
    let wait = |status| {
        let headers = vec![("retry-after".to_owned(), "9".to_owned())];
        Ok(Response { status, headers, body: Vec::new() })
    };
    let body = |body: Vec<u8>| Ok(Response { status: 200, headers: Vec::new(), body });
    vec![
        named("404", said(404, "there is no such thing")),
        named("500", said(500, "something broke")),
        named("409", said(409, "there is one already")),
        named("403", said(403, "you may not")),
        named("timeout", Err(Unreachable::Timeout)),
        named("429", wait(429)),
        named("503", wait(503)),
        named("connection", Err(Unreachable::Connection)),
        named("400", said(400, "that makes no sense")),
        named("422", said(422, "no seats are left")),
        named("401", said(401, "who are you?")),
        named("412", said(412, "it has changed meanwhile")),
        named("too-large", Err(Unreachable::TooLarge)),
        named("circuit-open", Err(Unreachable::CircuitOpen)),
        named("empty body", body(Vec::new())),
        named("garbage", body(b"\x00\xff<html>{\"id\":".to_vec())),
        named("enormous body", body(vec![b'x'; ENORMOUS])),
    ]
}

/// Whether the app did what it was asked.
pub(super) fn accepted(answer: &Answer) -> bool {
    matches!(answer, Ok(response) if (200..300).contains(&response.status))
}

/// Whether what was asked about is not there, which is what a leaver wants.
pub(super) fn gone(answer: &Answer) -> bool {
    matches!(answer, Ok(response) if matches!(response.status, 404 | 410))
}

/// Whether the app may say something else in a while.
pub(super) fn passing(answer: &Answer) -> bool {
    match answer {
        Ok(response) => matches!(response.status, 429 | 500 | 503),
        Err(why) => *why != Unreachable::TooLarge,
    }
}
