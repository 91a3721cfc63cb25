//! What holds for every connector, whatever its app: the rules of `wit/` that a host enforces only
//! when a request leaves, and those that it cannot enforce.

use crate::connector::LogLine;
use crate::decision::{Outcome, Refusal, Request, Step};
use crate::delivery::{self, Secret, StandIn};
use crate::kit::person::STAND_IN;

/// A rule that an answer breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The host would not let this request leave.
    Request(String),
    /// The stand-in for the password is where people would read it.
    Secret(&'static str),
    /// An outcome says nothing to people.
    Note,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(why) => write!(f, "muster would not let this request leave: {why}"),
            Self::Secret(place) => write!(f, "it puts the password into {place}"),
            Self::Note => f.write_str("its note is empty, and tells nobody what was done"),
        }
    }
}

/// The rules that an answer breaks, with what was logged on the way to it.
pub(super) fn broken(answer: &Result<Step, Refusal>, log: &[LogLine]) -> Vec<Broken> {
    let mut broken = match answer {
        Ok(Step::Call(request)) => of_request(request).into_iter().collect(),
        Ok(Step::Done(outcome)) => of_outcome(outcome),
        Err(refusal) => of_refusal(refusal),
    };
    if log.iter().any(|line| line.message.contains(STAND_IN)) {
        broken.push(Broken::Secret("the log"));
    }
    broken
}

fn of_request(request: &Request) -> Option<Broken> {
    let stand_in =
        StandIn { stand_in: STAND_IN.to_owned(), value: Secret::new("not-a-real-password") };
    let seen =
        |(name, value): &(String, String)| name.contains(STAND_IN) || value.contains(STAND_IN);
    if request.path.contains(STAND_IN) {
        return Some(Broken::Secret("a request's path"));
    }
    if request.query.iter().any(seen) {
        return Some(Broken::Secret("a request's query"));
    }
    if request.headers.iter().any(seen) {
        return Some(Broken::Secret("a request's header"));
    }
    delivery::check(request, &[stand_in]).err().map(|error| Broken::Request(error.to_string()))
}

fn of_outcome(outcome: &Outcome) -> Vec<Broken> {
    let mut broken = Vec::new();
    if outcome.note.trim().is_empty() {
        broken.push(Broken::Note);
    }
    if outcome.note.contains(STAND_IN) {
        broken.push(Broken::Secret("its note"));
    }
    let seen = |text: &str| text.contains(STAND_IN);
    if outcome.account.as_ref().is_some_and(|it| seen(&it.id) || seen(&it.data)) {
        broken.push(Broken::Secret("the account's id or data"));
    }
    broken
}

fn of_refusal(refusal: &Refusal) -> Vec<Broken> {
    match refusal {
        Refusal::Rejected(text)
        | Refusal::Conflict(text)
        | Refusal::Forbidden(text)
        | Refusal::Unsupported(text)
        | Refusal::Misconfigured(text)
            if text.contains(STAND_IN) =>
        {
            vec![Broken::Secret("a refusal")]
        }
        _ => Vec::new(),
    }
}
