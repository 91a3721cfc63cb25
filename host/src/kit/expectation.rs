//! What is expected, told as what happened is told, so that the two can be compared.
//!
//! What a scenario does not say is taken from what happened: it is no difference.

use crate::connector::{Decided, Failure};
use crate::decision::{Outcome, Refusal, Request, Step as Next};
use crate::kit::scenario::{Call, Ending, Refused, Wanted};
use crate::kit::transcript;

/// Two texts that are the same where everything is as expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// What the scenario says.
    pub expected: String,
    /// What the connector did.
    pub actual: String,
}

impl Expected {
    /// What is as expected.
    pub(super) fn same(text: String) -> Self {
        Self { expected: text.clone(), actual: text }
    }

    /// Puts what comes next below.
    pub(super) fn add(&mut self, next: &Self) {
        self.expected += &next.expected;
        self.actual += &next.actual;
    }

    /// Whether they differ.
    pub fn differs(&self) -> bool {
        self.expected != self.actual
    }
}

/// A request that was made, against the one that was expected.
pub(super) fn call(expected: &Call, actual: &Request) -> Expected {
    let named: Vec<&str> = expected.headers.keys().map(String::as_str).collect();
    let wanted = as_request(expected, &actual.endpoint);
    let endpoint = expected.endpoint.is_some();
    Expected {
        expected: transcript::request(&wanted, endpoint, &named),
        actual: transcript::request(actual, endpoint, &named),
    }
}

/// A request that was expected and not made.
pub(super) fn never_made(expected: &Call) -> String {
    let named: Vec<&str> = expected.headers.keys().map(String::as_str).collect();
    let request = as_request(expected, "");
    transcript::request(&request, expected.endpoint.is_some(), &named)
}

fn as_request(call: &Call, endpoint: &str) -> Request {
    Request {
        endpoint: call.endpoint.clone().unwrap_or_else(|| endpoint.to_owned()),
        method: call.method.clone(),
        path: call.path.clone(),
        query: call.query.clone(),
        headers: call.headers.clone().into_iter().collect(),
        body: call.body.clone(),
    }
}

/// How a step ended, against how it should have.
pub(super) fn ending(expected: Option<&Ending>, actual: &Decided) -> Expected {
    match (&actual.answer, expected) {
        (Ok(Ok(Next::Done(outcome))), Some(Ending::Done(wanted))) => outcomes(wanted, outcome),
        (Ok(Err(refusal)), Some(Ending::Refused { kind, text, seconds })) => {
            refusals(*kind, text.as_deref(), *seconds, refusal)
        }
        (Ok(answer), None) => Expected::same(told(answer)),
        (Ok(answer), Some(wanted)) => Expected { expected: wished(wanted), actual: told(answer) },
        (Err(failure), wanted) => {
            let expected = wanted.map_or_else(|| "an outcome or a refusal\n".to_owned(), wished);
            Expected { expected, actual: failed(failure) }
        }
    }
}

/// How a step that was stopped should have ended.
pub(super) fn wished(wanted: &Ending) -> String {
    match wanted {
        Ending::Done(Wanted { membership, account, data, visibility, note }) => {
            let mut lines = Vec::new();
            lines.push(match membership {
                Some(membership) => format!("done: {}", word(membership)),
                None => "done".to_owned(),
            });
            if let Some(account) = account {
                lines.push(format!("account: {}", account.as_deref().unwrap_or("none")));
            }
            lines.extend(
                data.as_ref().map(|data| format!("data: {}", transcript::pretty(data.clone()))),
            );
            lines.push(format!("visibility: {}", word(visibility)));
            lines.extend(note.as_ref().map(|note| format!("note: {note}")));
            lines.join("\n") + "\n"
        }
        Ending::Refused { kind, text, seconds } => {
            let kind = match kind {
                Refused::Any => "in any way".to_owned(),
                kind => kind.name().to_owned(),
            };
            refused(&kind, text.as_deref(), *seconds)
        }
    }
}

/// What the connector decided, whole.
pub(super) fn told(answer: &Result<Next, Refusal>) -> String {
    match answer {
        Ok(Next::Done(outcome)) => wished(&Ending::Done(Wanted {
            membership: Some(transcript::membership(outcome)),
            account: Some(outcome.account.as_ref().map(|it| it.id.clone())),
            data: None,
            visibility: outcome.visibility,
            note: Some(outcome.note.clone()),
        })),
        Ok(Next::Call(request)) => transcript::request(request, false, &[]),
        Err(Refusal::RetryLater(seconds)) => refused("retry-later", None, *seconds),
        Err(refusal) => {
            let (kind, text) = transcript::refusal(refusal);
            refused(kind, text, None)
        }
    }
}

pub(super) fn failed(failure: &Failure) -> String {
    format!("failed: {failure}\n")
}

fn outcomes(wanted: &Wanted, outcome: &Outcome) -> Expected {
    let reached = Some(transcript::membership(outcome));
    let noted = || {
        let account = outcome.account.as_ref()?;
        serde_json::from_str(&account.data).ok()
    };
    let actual = Wanted {
        membership: reached,
        account: (wanted.account.as_ref())
            .map(|_| outcome.account.as_ref().map(|it| it.id.clone())),
        data: wanted.data.as_ref().map(|_| noted().unwrap_or_default()),
        visibility: outcome.visibility,
        note: wanted.note.as_ref().map(|_| outcome.note.clone()),
    };
    let expected = Wanted { membership: wanted.membership.or(reached), ..wanted.clone() };
    Expected { expected: wished(&Ending::Done(expected)), actual: wished(&Ending::Done(actual)) }
}

fn refusals(kind: Refused, text: Option<&str>, seconds: Option<u32>, actual: &Refusal) -> Expected {
    let (name, said) = transcript::refusal(actual);
    let waits = match actual {
        Refusal::RetryLater(seconds) => *seconds,
        _ => None,
    };
    let wanted = if kind == Refused::Any { name } else { kind.name() };
    // A refusal of another kind is told whole.
    let said = said.filter(|_| text.is_some() || wanted != name);
    Expected {
        expected: refused(wanted, text, seconds),
        actual: refused(name, said, waits.filter(|_| seconds.is_some())),
    }
}

fn refused(kind: &str, text: Option<&str>, seconds: Option<u32>) -> String {
    let mut lines = vec![format!("refused: {kind}")];
    lines.extend(text.map(|text| format!("text: {text}")));
    lines.extend(seconds.map(|seconds| format!("seconds: {seconds}")));
    lines.join("\n") + "\n"
}

/// The word in the interface for one of its plain values.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

impl Refused {
    /// The word in the interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::RetryLater => "retry-later",
            Self::Misconfigured => "misconfigured",
        }
    }
}
