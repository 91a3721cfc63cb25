//! A scenario file as written: YAML, of which JSON is a subset.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use crate::decision::{EventKind, Membership, Unreachable, Visibility};

/// A file, one of its scenarios, or a step of a scenario. All three have the same keys, and the
/// values of an outer part apply to the parts within it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScenarioPart {
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

/// A member who joins or leaves a group.
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
    #[serde(default = "no_data")]
    pub(super) data: Value,
}

/// An expected request, and its response.
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

/// A response with more than a status.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerText {
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<Value>,
    /// The body in base64, if it is not text.
    pub(super) base64: Option<String>,
    /// A body of this many bytes without meaning.
    pub(super) bytes: Option<usize>,
}

/// The expected ending of a step. A value that is not given is not compared, except that
/// `visibility` is `present`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Then {
    pub(super) membership: Option<Membership>,
    #[serde(deserialize_with = "some_text_or_number")]
    pub(super) account: Option<String>,
    pub(super) data: Option<Value>,
    pub(super) visibility: Option<Visibility>,
    pub(super) note: Option<String>,
    pub(super) refused: Option<RefusalKind>,
    pub(super) text: Option<String>,
    pub(super) seconds: Option<u32>,
}

/// A kind of refusal, in the order of `wit/types.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// Any kind.
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

/// Reads a response: a status, a word for why there is none, or an object.
pub(super) fn answer(value: &Value) -> Result<WrittenAnswer, String> {
    match value {
        Value::Number(status) => match status.as_u64().and_then(|it| u16::try_from(it).ok()) {
            Some(status @ 100..=599) => Ok(WrittenAnswer::Answer(AnswerText::of(status))),
            _ => Err(format!("{status} is not an HTTP status")),
        },
        Value::String(_) => match Unreachable::deserialize(value) {
            Ok(why) => Ok(WrittenAnswer::Unreachable(why)),
            Err(_) => Err(format!(
                "{value} is not an answer; expected a status, timeout, connection, too-large, \
                 circuit-open, or an object of status, headers and body"
            )),
        },
        other => {
            let answer = AnswerText::deserialize(other).map_err(|error| error.to_string())?;
            let bodies = [answer.body.is_some(), answer.base64.is_some(), answer.bytes.is_some()];
            if bodies.into_iter().filter(|it| *it).count() > 1 {
                return Err("an answer has only one of body, base64 and bytes".to_owned());
            }
            Ok(WrittenAnswer::Answer(answer))
        }
    }
}

/// A response as written in a file.
pub(super) enum WrittenAnswer {
    Answer(AnswerText),
    Unreachable(Unreachable),
}

impl AnswerText {
    fn of(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), body: None, base64: None, bytes: None }
    }
}

fn no_data() -> Value {
    Value::Object(Map::new())
}

/// Reads an id: a text, or a number, which many ids look like.
fn text_or_number<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    match Value::deserialize(d)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(D::Error::custom(format!("{other} is not an id; expected a text"))),
    }
}

fn some_text_or_number<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    text_or_number(d).map(Some)
}
