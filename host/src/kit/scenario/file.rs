//! A scenario file as it is written: YAML, or JSON, which is YAML too.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use crate::decision::{EventKind, Membership, Unreachable, Visibility};

/// A file, one of its scenarios, or a step of a scenario: each is told in the same words, and what
/// is said further out holds for all that is within.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Part {
    pub(super) name: Option<String>,
    pub(super) scenarios: Option<Vec<Spanned<Self>>>,
    pub(super) steps: Option<Vec<Spanned<Self>>>,
    // Given.
    pub(super) operation: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) now: Option<String>,
    pub(super) seed: Option<u64>,
    pub(super) settings: Option<Spanned<Map<String, Value>>>,
    pub(super) account: Option<Spanned<Value>>,
    pub(super) elsewhere: Option<u32>,
    // When.
    pub(super) event: Option<Spanned<EventKind>>,
    pub(super) user: Option<Spanned<Map<String, Value>>>,
    pub(super) group: Option<Spanned<Map<String, Value>>>,
    pub(super) before: Option<Map<String, Value>>,
    pub(super) changes: Option<Vec<String>>,
    pub(super) password: Option<bool>,
    pub(super) joined: Option<Vec<Spanned<MemberText>>>,
    pub(super) left: Option<Vec<Spanned<MemberText>>>,
    // Then.
    pub(super) calls: Option<Vec<Spanned<CallText>>>,
    pub(super) otherwise: Option<Spanned<Value>>,
    pub(super) then: Option<Spanned<Then>>,
}

/// Somebody who joins or leaves a group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberText {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) account: Option<AccountText>,
}

/// An account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountText {
    #[serde(deserialize_with = "text_or_number")]
    pub(super) id: String,
    pub(super) membership: Membership,
    #[serde(default = "nothing_noted")]
    pub(super) data: Value,
}

/// A request that is expected, and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallText {
    pub(super) request: Spanned<String>,
    pub(super) endpoint: Option<String>,
    pub(super) query: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<Value>,
    pub(super) answer: Spanned<Value>,
}

/// An answer that is more than a status.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerText {
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<Value>,
    /// The body in base64, where it is no text.
    pub(super) base64: Option<String>,
    /// A body of so many bytes that mean nothing.
    pub(super) bytes: Option<usize>,
}

/// What must come of a step. What is not named may be anything, but `visibility` is `present`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Then {
    pub(super) membership: Option<Membership>,
    #[serde(deserialize_with = "some_text_or_number")]
    pub(super) account: Option<String>,
    pub(super) data: Option<Value>,
    pub(super) visibility: Option<Visibility>,
    pub(super) note: Option<String>,
    pub(super) refused: Option<Refused>,
    pub(super) text: Option<String>,
    pub(super) seconds: Option<u32>,
}

/// A kind of refusal, in the order of `wit/types.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// Whichever it is.
    Any,
    /// `rejected`.
    Rejected,
    /// `conflict`.
    Conflict,
    /// `forbidden`.
    Forbidden,
    /// `unsupported`.
    Unsupported,
    /// `retry-later`.
    RetryLater,
    /// `misconfigured`.
    Misconfigured,
}

/// An answer as it is written: a status, a word for why there is none, or an object.
pub(super) fn answer(value: &Value) -> Result<Written, String> {
    match value {
        Value::Number(status) => match status.as_u64().and_then(|it| u16::try_from(it).ok()) {
            Some(status @ 100..=599) => Ok(Written::Answer(AnswerText::of(status))),
            _ => Err(format!("{status} is no HTTP status")),
        },
        Value::String(_) => match Unreachable::deserialize(value) {
            Ok(why) => Ok(Written::Unreachable(why)),
            Err(_) => Err(format!(
                "{value} is no answer; expected a status, timeout, connection, too-large, \
                 circuit-open, or an object of status, headers and body"
            )),
        },
        other => {
            let answer = AnswerText::deserialize(other).map_err(|error| error.to_string())?;
            let bodies = [answer.body.is_some(), answer.base64.is_some(), answer.bytes.is_some()];
            if bodies.into_iter().filter(|it| *it).count() > 1 {
                return Err("an answer has one of body, base64 and bytes".to_owned());
            }
            Ok(Written::Answer(answer))
        }
    }
}

/// What [`answer`] reads.
pub(super) enum Written {
    Answer(AnswerText),
    Unreachable(Unreachable),
}

impl AnswerText {
    fn of(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), body: None, base64: None, bytes: None }
    }
}

fn nothing_noted() -> Value {
    Value::Object(Map::new())
}

/// Ids are texts that often look like numbers.
fn text_or_number<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    match Value::deserialize(d)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(D::Error::custom(format!("{other} is no id; expected a text"))),
    }
}

fn some_text_or_number<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    text_or_number(d).map(Some)
}
