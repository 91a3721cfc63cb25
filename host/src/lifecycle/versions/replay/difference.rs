//! The difference between a recorded decision and a candidate's. Pure.
//!
//! Texts that people read, such as a note, may be worded differently, and JSON formatted
//! differently.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::recorded::ExpectedStep;
use crate::connector::Failure;
use crate::decision::{Account, Membership, Outcome, Refusal, Request, Step, Visibility};
use crate::lifecycle::operation::disposition::FailureCause;
use crate::lifecycle::operation::why;

/// The most characters of an example.
const EXCERPT: usize = 600;
/// The beginning of the journal's reason if the host stopped a connector at a limit.
const STOPPED: &str = "the connector was stopped";

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplayDifferenceKind)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// The membership, the visibility to the identity provider, or the account.
    Outcome,
    /// The requests to the app.
    Requests,
    /// The candidate refuses, and the recorded decision differs.
    Refusal,
    /// The candidate crashes, or exceeds a limit.
    Failure,
}

/// A candidate's decision compared with the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DecisionComparison {
    /// Both are the same.
    Alike,
    /// Both are the same in other words: the recorded ones, and the candidate's.
    Reworded(String, String),
    /// They differ.
    Different(DecisionDifference),
}

/// A difference in one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DecisionDifference {
    pub(super) kind: DifferenceKind,
    /// The difference in words, which are the same in all decisions that differ so.
    pub(super) what: String,
    pub(super) recorded: String,
    pub(super) candidate: String,
}

impl DecisionComparison {
    pub(super) fn is_alike(&self) -> bool {
        !matches!(self, Self::Different(_))
    }

    /// The difference if the candidate does not get events of this kind.
    pub(super) fn not_asked() -> Self {
        Self::Different(DecisionDifference {
            kind: DifferenceKind::Outcome,
            what: "not asked: the candidate takes no groups".to_owned(),
            recorded: "decided".to_owned(),
            candidate: "not asked".to_owned(),
        })
    }
}

/// Compares step `n`, counted from 1.
pub(super) fn compare(
    n: usize,
    expected: ExpectedStep<'_>,
    answer: &Result<Result<Step, Refusal>, Failure>,
) -> DecisionComparison {
    let different =
        |kind, what| DecisionComparison::Different(difference(kind, what, expected, answer));
    match (expected, answer) {
        (ExpectedStep::Call(was), Ok(Ok(Step::Call(is)))) => match request_difference(was, is) {
            None => DecisionComparison::Alike,
            Some(what) => different(DifferenceKind::Requests, format!("call {n}: {what}")),
        },
        (ExpectedStep::Call(_), Ok(Ok(Step::Done(outcome)))) => {
            let what = format!("call {n} is not made; {} without it", state(outcome));
            different(DifferenceKind::Requests, what)
        }
        (ExpectedStep::Done(was), Ok(Ok(Step::Done(is)))) => match outcome_difference(was, is) {
            Some(what) => different(DifferenceKind::Outcome, what),
            None if was.note == is.note => DecisionComparison::Alike,
            None => DecisionComparison::Reworded(excerpt(&was.note), excerpt(&is.note)),
        },
        (ExpectedStep::Stop(was), Ok(Ok(Step::Done(is)))) => {
            let what = format!("{} → {}", head(was), state(is));
            different(DifferenceKind::Outcome, what)
        }
        (ExpectedStep::Stop(was), Ok(Ok(Step::Call(_)))) if head(was) == STOPPED => {
            DecisionComparison::Alike
        }
        (_, Ok(Ok(Step::Call(_)))) => {
            different(DifferenceKind::Requests, format!("a call {n}, which was not made then"))
        }
        (_, Ok(Err(refusal))) => {
            let is = why(&FailureCause::Refused(refusal.clone()));
            same_stop(expected, &is).unwrap_or_else(|| {
                let what = format!("{} → {}", label(n, expected), head(&is));
                different(DifferenceKind::Refusal, what)
            })
        }
        (_, Err(failure)) => {
            let is = why(&FailureCause::Failed(failure.clone()));
            same_stop(expected, &is).unwrap_or_else(|| {
                let what = format!("{} → {}", label(n, expected), kind_of(failure));
                different(DifferenceKind::Failure, what)
            })
        }
    }
}

/// The comparison if the recorded decision ended with the same refusal or failure.
fn same_stop(expected: ExpectedStep<'_>, is: &str) -> Option<DecisionComparison> {
    match expected {
        ExpectedStep::Stop(was) if was == is => Some(DecisionComparison::Alike),
        ExpectedStep::Stop(was) if head(was) == head(is) => {
            Some(DecisionComparison::Reworded(excerpt(was), excerpt(is)))
        }
        _ => None,
    }
}

/// The difference of two requests, in words.
fn request_difference(was: &Request, is: &Request) -> Option<String> {
    if was == is {
        return None;
    }
    if was.method != is.method {
        return Some(format!("{} instead of {}", is.method, was.method));
    }
    if was.endpoint != is.endpoint {
        return Some(format!("endpoint {} instead of {}", is.endpoint, was.endpoint));
    }
    let parts = [
        ("path", was.path == is.path),
        ("query", was.query == is.query),
        ("headers", was.headers == is.headers),
        ("body", same_body(was.body.as_deref(), is.body.as_deref())),
    ];
    let parts: Vec<&str> = parts.iter().filter(|(_, same)| !same).map(|(part, _)| *part).collect();
    (!parts.is_empty()).then(|| format!("other {}", parts.join(" and ")))
}

fn same_body(was: Option<&[u8]>, is: Option<&[u8]>) -> bool {
    was == is || was.zip(is).is_some_and(|(was, is)| same_json(was, is))
}

/// Whether two texts are the same JSON value.
fn same_json(was: &[u8], is: &[u8]) -> bool {
    let read = |text| serde_json::from_slice::<Value>(text).ok();
    read(was).zip(read(is)).is_some_and(|(was, is)| was == is)
}

/// The difference of two outcomes apart from their notes, in words.
fn outcome_difference(was: &Outcome, is: &Outcome) -> Option<String> {
    if membership(was) != membership(is) || was.visibility != is.visibility {
        return Some(format!("{} → {}", state(was), state(is)));
    }
    let (was, is): (&Account, &Account) = was.account.as_ref().zip(is.account.as_ref())?;
    if was.id != is.id {
        return Some("another id of the account".to_owned());
    }
    let same = was.data == is.data || same_json(was.data.as_bytes(), is.data.as_bytes());
    (!same).then(|| "other data kept with the account".to_owned())
}

fn membership(outcome: &Outcome) -> Option<Membership> {
    outcome.account.as_ref().map(|account| account.membership)
}

/// The state of an outcome, such as "active", or "absent, and gone".
fn state(outcome: &Outcome) -> String {
    let membership = match membership(outcome) {
        Some(Membership::Active) => "active",
        Some(Membership::Suspended) => "suspended",
        Some(Membership::Absent) => "absent",
        None => "no account",
    };
    match outcome.visibility {
        Visibility::Present => membership.to_owned(),
        Visibility::Gone => format!("{membership}, and gone"),
    }
}

/// The recorded step, in a few words.
fn label(n: usize, expected: ExpectedStep<'_>) -> String {
    match expected {
        ExpectedStep::Call(_) => format!("call {n}"),
        ExpectedStep::Done(outcome) => state(outcome),
        ExpectedStep::Stop(why) => head(why).to_owned(),
    }
}

/// The kind of a refusal or failure, without its reason.
fn head(why: &str) -> &str {
    why.split_once(": ").map_or(why, |(head, _)| head)
}

fn kind_of(failure: &Failure) -> &'static str {
    match failure {
        Failure::Deadline => "computes longer than it may",
        Failure::Memory => "takes more memory than it may",
        Failure::Stack => "nests its calls deeper than its stack",
        Failure::Trap(_) => "crashes",
        Failure::TooMuch(_) => "returns more than it may",
        Failure::InvalidAnswer(_) => "breaks the interface's rules",
        Failure::Secret(_) => "tells the placeholder for a password",
    }
}

fn difference(
    kind: DifferenceKind,
    what: String,
    expected: ExpectedStep<'_>,
    answer: &Result<Result<Step, Refusal>, Failure>,
) -> DecisionDifference {
    let recorded = match expected {
        ExpectedStep::Call(request) => request_text(request),
        ExpectedStep::Done(outcome) => outcome_text(outcome),
        ExpectedStep::Stop(why) => excerpt(why),
    };
    let candidate = match answer {
        Ok(Ok(Step::Call(request))) => request_text(request),
        Ok(Ok(Step::Done(outcome))) => outcome_text(outcome),
        Ok(Err(refusal)) => excerpt(&why(&FailureCause::Refused(refusal.clone()))),
        Err(failure) => excerpt(&failure.to_string()),
    };
    DecisionDifference { kind, what, recorded, candidate }
}

fn request_text(request: &Request) -> String {
    let Request { endpoint, method, path, query, headers, body } = request;
    let mut text = format!("{method} {path} at {endpoint}");
    for (name, value) in query {
        text += &format!(" {name}={value}");
    }
    for (name, value) in headers {
        text += &format!(" {name}: {value}");
    }
    if let Some(body) = body {
        text += &format!(" {}", String::from_utf8_lossy(body));
    }
    excerpt(&text)
}

fn outcome_text(outcome: &Outcome) -> String {
    let account = outcome.account.as_ref();
    let account = account.map(|it| format!("account {} {}: ", it.id, it.data)).unwrap_or_default();
    excerpt(&format!("{}; {account}{}", state(outcome), outcome.note))
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
