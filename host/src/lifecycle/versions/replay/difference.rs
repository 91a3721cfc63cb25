//! What differs between what was decided and what a candidate decides. Pure.
//!
//! What people read, such as a note, may be worded otherwise; JSON may be written otherwise.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::recorded::Expected;
use crate::connector::Failure;
use crate::decision::{Account, Membership, Outcome, Refusal, Request, Step, Visibility};
use crate::lifecycle::operation::fate::Obstacle;
use crate::lifecycle::operation::run::why;

/// Characters of an example that are told.
const TOLD: usize = 600;
/// How the journal begins where the host stopped a connector that wanted too much.
const STOPPED: &str = "the connector was stopped";

/// What kind of thing differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// The membership, what the identity provider sees, or the account.
    Outcome,
    /// What the app is asked.
    Requests,
    /// A no, where there was another answer.
    Refusal,
    /// The candidate crashes, or breaks a limit.
    Failure,
}

/// How a candidate's decision compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the same.
    Alike,
    /// It is the same in other words: those of then, and the candidate's.
    Reworded(String, String),
    /// It is another one.
    Different(Finding),
}

/// What differs in one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) kind: DifferenceKind,
    /// The same sentence wherever the same thing differs.
    pub(super) what: String,
    pub(super) recorded: String,
    pub(super) candidate: String,
}

impl Verdict {
    pub(super) fn is_alike(&self) -> bool {
        !matches!(self, Self::Different(_))
    }

    /// Where the candidate does not take events of this kind.
    pub(super) fn not_asked() -> Self {
        Self::Different(Finding {
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
    expected: Expected<'_>,
    answer: &Result<Result<Step, Refusal>, Failure>,
) -> Verdict {
    let found = |kind, what| Verdict::Different(finding(kind, what, expected, answer));
    match (expected, answer) {
        (Expected::Call(was), Ok(Ok(Step::Call(is)))) => match differing(was, is) {
            None => Verdict::Alike,
            Some(what) => found(DifferenceKind::Requests, format!("call {n}: {what}")),
        },
        (Expected::Call(_), Ok(Ok(Step::Done(outcome)))) => {
            let what = format!("call {n} is not made; {} without it", state(outcome));
            found(DifferenceKind::Requests, what)
        }
        (Expected::Done(was), Ok(Ok(Step::Done(is)))) => match otherwise(was, is) {
            Some(what) => found(DifferenceKind::Outcome, what),
            None if was.note == is.note => Verdict::Alike,
            None => Verdict::Reworded(told(&was.note), told(&is.note)),
        },
        (Expected::Stop(was), Ok(Ok(Step::Done(is)))) => {
            let what = format!("{} → {}", head(was), state(is));
            found(DifferenceKind::Outcome, what)
        }
        (Expected::Stop(was), Ok(Ok(Step::Call(_)))) if head(was) == STOPPED => Verdict::Alike,
        (_, Ok(Ok(Step::Call(_)))) => {
            found(DifferenceKind::Requests, format!("a call {n}, which was not made then"))
        }
        (_, Ok(Err(refusal))) => {
            let is = why(&Obstacle::Refused(refusal.clone()));
            stopped(expected, &is).unwrap_or_else(|| {
                let what = format!("{} → {}", label(n, expected), head(&is));
                found(DifferenceKind::Refusal, what)
            })
        }
        (_, Err(failure)) => {
            let is = why(&Obstacle::Failed(failure.clone()));
            stopped(expected, &is).unwrap_or_else(|| {
                let what = format!("{} → {}", label(n, expected), kind_of(failure));
                found(DifferenceKind::Failure, what)
            })
        }
    }
}

/// Whether it ended with the same no then.
fn stopped(expected: Expected<'_>, is: &str) -> Option<Verdict> {
    match expected {
        Expected::Stop(was) if was == is => Some(Verdict::Alike),
        Expected::Stop(was) if head(was) == head(is) => {
            Some(Verdict::Reworded(told(was), told(is)))
        }
        _ => None,
    }
}

/// The parts of a request that differ.
fn differing(was: &Request, is: &Request) -> Option<String> {
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

/// Whether these say the same, written otherwise.
fn same_json(was: &[u8], is: &[u8]) -> bool {
    let read = |text| serde_json::from_slice::<Value>(text).ok();
    read(was).zip(read(is)).is_some_and(|(was, is)| was == is)
}

/// What differs in an outcome beside its note.
fn otherwise(was: &Outcome, is: &Outcome) -> Option<String> {
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

/// Such as "active", or "absent, and gone".
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

/// What was wanted then, in a few words.
fn label(n: usize, expected: Expected<'_>) -> String {
    match expected {
        Expected::Call(_) => format!("call {n}"),
        Expected::Done(outcome) => state(outcome),
        Expected::Stop(why) => head(why).to_owned(),
    }
}

/// The kind of a no, without its reason.
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
    }
}

fn finding(
    kind: DifferenceKind,
    what: String,
    expected: Expected<'_>,
    answer: &Result<Result<Step, Refusal>, Failure>,
) -> Finding {
    let recorded = match expected {
        Expected::Call(request) => request_told(request),
        Expected::Done(outcome) => outcome_told(outcome),
        Expected::Stop(why) => told(why),
    };
    let candidate = match answer {
        Ok(Ok(Step::Call(request))) => request_told(request),
        Ok(Ok(Step::Done(outcome))) => outcome_told(outcome),
        Ok(Err(refusal)) => told(&why(&Obstacle::Refused(refusal.clone()))),
        Err(failure) => told(&failure.to_string()),
    };
    Finding { kind, what, recorded, candidate }
}

fn request_told(request: &Request) -> String {
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
    told(&text)
}

fn outcome_told(outcome: &Outcome) -> String {
    let account = outcome.account.as_ref();
    let account = account.map(|it| format!("account {} {}: ", it.id, it.data)).unwrap_or_default();
    told(&format!("{}; {account}{}", state(outcome), outcome.note))
}

fn told(text: &str) -> String {
    match text.char_indices().nth(TOLD) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
