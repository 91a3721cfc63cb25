//! Scenarios: files with a given state, an event, and the expected requests and ending.
//!
//! `connectors/SCENARIOS.md` describes the format for authors.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value};
use serde_saphyr::Location;

use crate::decision::{Account, EventKind, Membership, Response, Unreachable, Visibility};

mod file;
mod inherit;
mod request_line;

pub use file::RefusalKind;

/// A scenario: steps, each of which begins with the state that the one before left.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name.
    pub name: String,
    /// The file's name, as the caller gave it.
    pub file: Arc<str>,
    /// The line at which it begins.
    pub line: u64,
    /// The steps, at least one.
    pub steps: Vec<ScenarioStep>,
}

/// One event and its expected effects.
#[derive(Clone, Debug)]
pub struct ScenarioStep {
    /// The step's name, if it has one.
    pub name: Option<String>,
    /// The line at which it begins.
    pub line: u64,
    /// The given context.
    pub given: GivenContext,
    /// The kind of event.
    pub event: EventKind,
    /// The attributes of the user or group that this step sets; null removes one.
    pub resource: Map<String, Value>,
    /// The attributes that were different before, if the step gives them.
    pub before: Option<Map<String, Value>>,
    /// The names of the changed attributes, if the step gives them.
    pub changes: Option<Vec<String>>,
    /// Whether the event sets a password.
    pub password: bool,
    /// The members who join the group.
    pub joined: Vec<ScenarioMember>,
    /// The members who leave the group.
    pub left: Vec<ScenarioMember>,
    /// The expected requests, in order.
    pub calls: Vec<ExpectedCall>,
    /// The response to any further request; without it, a further request is a failure.
    pub otherwise: Option<AppAnswer>,
    /// The expected ending; without it, any ending except a failure passes.
    pub then: Option<ExpectedEnding>,
}

/// The given context of a step. A value that is not given has a default.
#[derive(Clone, Debug, Default)]
pub struct GivenContext {
    /// The operation's id.
    pub operation: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The time of the event.
    pub now: Option<String>,
    /// The seed of the connector's randomness.
    pub seed: Option<u64>,
    /// The settings, and their line.
    pub settings: Option<(u64, Map<String, Value>)>,
    /// The account before the event; the outer none continues with the account that the step before
    /// left.
    pub account: Option<Option<Account>>,
    /// The number of other tenants that the account is a member of.
    pub elsewhere: Option<u32>,
}

/// A member who joins or leaves a group.
#[derive(Clone, Debug)]
pub struct ScenarioMember {
    /// The SCIM id.
    pub id: String,
    /// The `userName`, or a nested group's `displayName`.
    pub name: String,
    /// The member's account, if it has one.
    pub account: Option<Account>,
}

/// An app's response to a request, or why there is none.
pub type AppAnswer = Result<Response, Unreachable>;

/// An expected request, and its response.
#[derive(Clone, Debug)]
pub struct ExpectedCall {
    /// The line at which it begins.
    pub line: u64,
    /// The endpoint, if the scenario names it.
    pub endpoint: Option<String>,
    /// The method.
    pub method: String,
    /// The path, percent-encoded.
    pub path: String,
    /// The query, not percent-encoded.
    pub query: Vec<(String, String)>,
    /// The headers that the request must have; it may have others.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The response.
    pub answer: AppAnswer,
}

/// The expected ending of a step.
#[derive(Clone, Debug)]
pub enum ExpectedEnding {
    /// An outcome.
    Done(ExpectedOutcome),
    /// A refusal.
    Refused {
        /// The kind of refusal.
        kind: RefusalKind,
        /// The text of the refusal.
        text: Option<String>,
        /// The seconds after which to retry.
        seconds: Option<u32>,
    },
}

/// An expected outcome. A value that is not given is not compared.
#[derive(Clone, Debug)]
pub struct ExpectedOutcome {
    /// The membership; without an account it is `absent`.
    pub membership: Option<Membership>,
    /// The account's id; the inner none expects no account.
    pub account: Option<Option<String>>,
    /// The connector's data in the account.
    pub data: Option<Value>,
    /// What the identity provider sees afterwards.
    pub visibility: Visibility,
    /// The note.
    pub note: Option<String>,
}

impl Default for ExpectedOutcome {
    fn default() -> Self {
        let visibility = Visibility::Present;
        Self { membership: None, account: None, data: None, visibility, note: None }
    }
}

/// An error in a scenario file, with its position.
#[derive(Clone, Debug)]
pub struct FileError(String);

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FileError {}

/// A file's text and name, for errors that show a line.
struct SourceText<'a> {
    file: &'a str,
    text: &'a str,
}

impl SourceText<'_> {
    /// An error such as `a.yaml:3:12: no such event`, with the line below it.
    fn error(&self, at: Location, message: impl std::fmt::Display) -> FileError {
        let (line, column) = (at.line(), at.column());
        if line == 0 {
            return FileError(format!("{}: {message}", self.file));
        }
        let mut text = format!("{}:{line}:{column}: {message}", self.file);
        let number = usize::try_from(line).unwrap_or_default();
        if let Some(shown) = number.checked_sub(1).and_then(|n| self.text.lines().nth(n)) {
            let margin = " ".repeat(line.to_string().len());
            let indent = " ".repeat(usize::try_from(column).unwrap_or(1).saturating_sub(1));
            let _ = write!(text, "\n  {line} | {shown}\n  {margin} | {indent}^");
        }
        FileError(text)
    }
}

/// Reads the scenarios of a file. Errors and reports use this name for it.
pub fn read(file: &str, text: &str) -> Result<Vec<Scenario>, FileError> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let source = SourceText { file, text };
    let read = serde_saphyr::from_str_with_options(text, options);
    let whole: file::ScenarioPart = read.map_err(|error| {
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        match error.location() {
            Some(at) => source.error(at, message),
            None => FileError(format!("{file}: {message}")),
        }
    })?;
    inherit::scenarios(&source, &whole)
}

#[cfg(test)]
mod tests;
