//! Expectations: a scenario's expected step and the actual one, described as two texts that can be
//! compared.
//!
//! A value that the scenario does not give is taken from the actual step, so that it makes no
//! difference.

use crate::connector::{Decided, Failure};
use crate::decision::{Outcome, Refusal, Request, Step as Next};
use crate::kit::scenario::{ExpectedCall, ExpectedEnding, ExpectedOutcome, RefusalKind};
use crate::kit::transcript;

/// Two descriptions, equal if the step is as expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedAndActual {
    /// What the scenario says.
    pub expected: String,
    /// What the connector did.
    pub actual: String,
}

impl ExpectedAndActual {
    /// A description that needs no comparison.
    pub(super) fn same(text: String) -> Self {
        Self { expected: text.clone(), actual: text }
    }

    /// Appends a further description.
    pub(super) fn add(&mut self, next: &Self) {
        self.expected += &next.expected;
        self.actual += &next.actual;
    }

    /// Whether they differ.
    pub fn differs(&self) -> bool {
        self.expected != self.actual
    }
}

/// Compares an actual request with the expected one.
pub(super) fn compare_call(expected: &ExpectedCall, actual: &Request) -> ExpectedAndActual {
    let named: Vec<&str> = expected.headers.keys().map(String::as_str).collect();
    let wanted = as_request(expected, &actual.endpoint);
    let endpoint = expected.endpoint.is_some();
    ExpectedAndActual {
        expected: transcript::request(&wanted, endpoint, &named),
        actual: transcript::request(actual, endpoint, &named),
    }
}

/// Describes a request that was expected and not made.
pub(super) fn missing_call(expected: &ExpectedCall) -> String {
    let named: Vec<&str> = expected.headers.keys().map(String::as_str).collect();
    let request = as_request(expected, "");
    transcript::request(&request, expected.endpoint.is_some(), &named)
}

fn as_request(call: &ExpectedCall, endpoint: &str) -> Request {
    Request {
        endpoint: call.endpoint.clone().unwrap_or_else(|| endpoint.to_owned()),
        method: call.method.clone(),
        path: call.path.clone(),
        query: call.query.clone(),
        headers: call.headers.clone().into_iter().collect(),
        body: call.body.clone(),
    }
}

/// Compares the actual ending of a step with the expected one.
pub(super) fn compare_ending(
    expected: Option<&ExpectedEnding>,
    actual: &Decided,
) -> ExpectedAndActual {
    match (&actual.answer, expected) {
        (Ok(Ok(Next::Done(outcome))), Some(ExpectedEnding::Done(wanted))) => {
            compare_outcomes(wanted, outcome)
        }
        (Ok(Err(refusal)), Some(ExpectedEnding::Refused { kind, text, seconds })) => {
            compare_refusals(*kind, text.as_deref(), *seconds, refusal)
        }
        (Ok(answer), None) => ExpectedAndActual::same(describe_decision(answer)),
        (Ok(answer), Some(wanted)) => ExpectedAndActual {
            expected: describe_ending(wanted),
            actual: describe_decision(answer),
        },
        (Err(failure), wanted) => {
            let expected =
                wanted.map_or_else(|| "an outcome or a refusal\n".to_owned(), describe_ending);
            ExpectedAndActual { expected, actual: describe_failure(failure) }
        }
    }
}

/// Describes an expected ending.
pub(super) fn describe_ending(wanted: &ExpectedEnding) -> String {
    match wanted {
        ExpectedEnding::Done(ExpectedOutcome { membership, account, data, visibility, note }) => {
            let mut lines = Vec::new();
            lines.push(match membership {
                Some(membership) => format!("done: {}", interface_word(membership)),
                None => "done".to_owned(),
            });
            if let Some(account) = account {
                lines.push(format!("account: {}", account.as_deref().unwrap_or("none")));
            }
            lines.extend(
                data.as_ref().map(|data| format!("data: {}", transcript::pretty(data.clone()))),
            );
            lines.push(format!("visibility: {}", interface_word(visibility)));
            lines.extend(note.as_ref().map(|note| format!("note: {note}")));
            lines.join("\n") + "\n"
        }
        ExpectedEnding::Refused { kind, text, seconds } => {
            let kind = match kind {
                RefusalKind::Any => "in any way".to_owned(),
                kind => kind.name().to_owned(),
            };
            describe_refusal(&kind, text.as_deref(), *seconds)
        }
    }
}

/// Describes a decision completely.
pub(super) fn describe_decision(answer: &Result<Next, Refusal>) -> String {
    match answer {
        Ok(Next::Done(outcome)) => describe_ending(&ExpectedEnding::Done(ExpectedOutcome {
            membership: Some(transcript::membership(outcome)),
            account: Some(outcome.account.as_ref().map(|it| it.id.clone())),
            data: None,
            visibility: outcome.visibility,
            note: Some(outcome.note.clone()),
        })),
        Ok(Next::Call(request)) => transcript::request(request, false, &[]),
        Err(Refusal::RetryLater(seconds)) => describe_refusal("retry-later", None, *seconds),
        Err(refusal) => {
            let (kind, text) = transcript::refusal(refusal);
            describe_refusal(kind, text, None)
        }
    }
}

pub(super) fn describe_failure(failure: &Failure) -> String {
    format!("failed: {failure}\n")
}

fn compare_outcomes(wanted: &ExpectedOutcome, outcome: &Outcome) -> ExpectedAndActual {
    let reached = Some(transcript::membership(outcome));
    let noted = || {
        let account = outcome.account.as_ref()?;
        serde_json::from_str(&account.data).ok()
    };
    let actual = ExpectedOutcome {
        membership: reached,
        account: (wanted.account.as_ref())
            .map(|_| outcome.account.as_ref().map(|it| it.id.clone())),
        data: wanted.data.as_ref().map(|_| noted().unwrap_or_default()),
        visibility: outcome.visibility,
        note: wanted.note.as_ref().map(|_| outcome.note.clone()),
    };
    let expected = ExpectedOutcome { membership: wanted.membership.or(reached), ..wanted.clone() };
    ExpectedAndActual {
        expected: describe_ending(&ExpectedEnding::Done(expected)),
        actual: describe_ending(&ExpectedEnding::Done(actual)),
    }
}

fn compare_refusals(
    kind: RefusalKind,
    text: Option<&str>,
    seconds: Option<u32>,
    actual: &Refusal,
) -> ExpectedAndActual {
    let (name, text_of_actual) = transcript::refusal(actual);
    let waits = match actual {
        Refusal::RetryLater(seconds) => *seconds,
        _ => None,
    };
    let wanted = if kind == RefusalKind::Any { name } else { kind.name() };
    // A refusal of another kind is described completely.
    let text_of_actual = text_of_actual.filter(|_| text.is_some() || wanted != name);
    ExpectedAndActual {
        expected: describe_refusal(wanted, text, seconds),
        actual: describe_refusal(name, text_of_actual, waits.filter(|_| seconds.is_some())),
    }
}

fn describe_refusal(kind: &str, text: Option<&str>, seconds: Option<u32>) -> String {
    let mut lines = vec![format!("refused: {kind}")];
    lines.extend(text.map(|text| format!("text: {text}")));
    lines.extend(seconds.map(|seconds| format!("seconds: {seconds}")));
    lines.join("\n") + "\n"
}

/// The interface's word for an enum's value.
pub(super) fn interface_word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

impl RefusalKind {
    /// The word for the kind in scenarios and in the interface.
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
