//! Rules for all connectors: those of `wit/` that a host enforces only when it sends a request, and
//! those that it cannot enforce.

use crate::connector::LogLine;
use crate::decision::{Outcome, Refusal, Request, Step};
use crate::delivery::{self, Placeholder, Secret};
use crate::kit::event_input::PASSWORD_PLACEHOLDER;

/// A rule that a decision breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BrokenRule {
    /// The host would not send this request.
    Request(String),
    /// The placeholder for the password is in a place that people can read.
    Secret(&'static str),
    /// The note of an outcome is empty.
    Note,
}

impl std::fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(why) => write!(f, "muster would not send this request: {why}"),
            Self::Secret(place) => write!(f, "it puts the password into {place}"),
            Self::Note => f.write_str("its note, which tells operators what was done, is empty"),
        }
    }
}

/// The rules that a decision breaks, with those that its log lines break.
pub(super) fn broken(answer: &Result<Step, Refusal>, log: &[LogLine]) -> Vec<BrokenRule> {
    let mut broken = match answer {
        Ok(Step::Call(request)) => of_request(request).into_iter().collect(),
        Ok(Step::Done(outcome)) => of_outcome(outcome),
        Err(refusal) => of_refusal(refusal),
    };
    if log.iter().any(|line| line.message.contains(PASSWORD_PLACEHOLDER)) {
        broken.push(BrokenRule::Secret("the log"));
    }
    broken
}

fn of_request(request: &Request) -> Option<BrokenRule> {
    let placeholder = Placeholder {
        text: PASSWORD_PLACEHOLDER.to_owned(),
        value: Secret::new("not-a-real-password"),
    };
    let exposes = |(name, value): &(String, String)| {
        name.contains(PASSWORD_PLACEHOLDER) || value.contains(PASSWORD_PLACEHOLDER)
    };
    if request.path.contains(PASSWORD_PLACEHOLDER) {
        return Some(BrokenRule::Secret("a request's path"));
    }
    if request.query.iter().any(exposes) {
        return Some(BrokenRule::Secret("a request's query"));
    }
    if request.headers.iter().any(exposes) {
        return Some(BrokenRule::Secret("a request's header"));
    }
    delivery::check(request, &[placeholder])
        .err()
        .map(|error| BrokenRule::Request(error.to_string()))
}

fn of_outcome(outcome: &Outcome) -> Vec<BrokenRule> {
    let mut broken = Vec::new();
    if outcome.note.trim().is_empty() {
        broken.push(BrokenRule::Note);
    }
    if outcome.note.contains(PASSWORD_PLACEHOLDER) {
        broken.push(BrokenRule::Secret("its note"));
    }
    let exposes = |text: &str| text.contains(PASSWORD_PLACEHOLDER);
    if outcome.account.as_ref().is_some_and(|it| exposes(&it.id) || exposes(&it.data)) {
        broken.push(BrokenRule::Secret("the account's id or data"));
    }
    broken
}

fn of_refusal(refusal: &Refusal) -> Vec<BrokenRule> {
    match refusal {
        Refusal::Rejected(text)
        | Refusal::Conflict(text)
        | Refusal::Forbidden(text)
        | Refusal::Unsupported(text)
        | Refusal::Misconfigured(text)
            if text.contains(PASSWORD_PLACEHOLDER) =>
        {
            vec![BrokenRule::Secret("a refusal")]
        }
        _ => Vec::new(),
    }
}
