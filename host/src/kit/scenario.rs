//! Scenarios: given, when, then, in files.
//!
//! `connectors/SCENARIOS.md` is the format for authors.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value};
use serde_saphyr::Location;

use crate::decision::{Account, EventKind, Membership, Response, Unreachable, Visibility};

mod asked;
mod file;
mod inherit;

pub use file::Refused;

/// A scenario: steps that follow one another, each beginning where the one before ended.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// The file, as it was named.
    pub file: Arc<str>,
    /// The line in which it begins.
    pub line: u64,
    /// At least one.
    pub steps: Vec<Step>,
}

/// One event, and what shall come of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, where it has one of its own.
    pub name: Option<String>,
    /// The line in which it begins.
    pub line: u64,
    /// What is known beside the event.
    pub given: Given,
    /// What happens.
    pub event: EventKind,
    /// The attributes of user or group that this step sets; null takes one away.
    pub resource: Map<String, Value>,
    /// What of them was different before, as far as it is said.
    pub before: Option<Map<String, Value>>,
    /// What changed, where it is said.
    pub changes: Option<Vec<String>>,
    /// Whether a password is set.
    pub password: bool,
    /// Who joins the group.
    pub joined: Vec<Somebody>,
    /// Who leaves it.
    pub left: Vec<Somebody>,
    /// The requests that are expected, in order.
    pub calls: Vec<Call>,
    /// What any further request is answered; without it, there must be none.
    pub otherwise: Option<Answer>,
    /// What shall come of it; without it, anything but a failure will do.
    pub then: Option<Ending>,
}

/// What is known beside an event.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The operation's id.
    pub operation: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// When it happens.
    pub now: Option<String>,
    /// Its randomness.
    pub seed: Option<u64>,
    /// The settings, and the line where they are.
    pub settings: Option<(u64, Map<String, Value>)>,
    /// The account; none where the step goes on with what the one before left.
    pub account: Option<Option<Account>>,
    /// In how many other tenants the account is a member.
    pub elsewhere: Option<u32>,
}

/// Somebody who joins or leaves a group.
#[derive(Clone, Debug)]
pub struct Somebody {
    /// The SCIM id.
    pub id: String,
    /// The `userName`, or a nested group's `displayName`.
    pub name: String,
    /// Their account.
    pub account: Option<Account>,
}

/// What comes back for a request.
pub type Answer = Result<Response, Unreachable>;

/// A request that is expected, and its answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// The line of the request.
    pub line: u64,
    /// The endpoint, where the connector has several.
    pub endpoint: Option<String>,
    /// The method.
    pub method: String,
    /// The path, percent-encoded.
    pub path: String,
    /// The query, not encoded.
    pub query: Vec<(String, String)>,
    /// Headers that must be there; others may be.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The answer.
    pub answer: Answer,
}

/// What shall come of a step.
#[derive(Clone, Debug)]
pub enum Ending {
    /// An outcome.
    Done(Wanted),
    /// A refusal.
    Refused {
        /// Of which kind.
        kind: Refused,
        /// What it says.
        text: Option<String>,
        /// After how many seconds to come back.
        seconds: Option<u32>,
    },
}

/// An outcome, as far as it is said.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The state reached; without an account, a person is absent.
    pub membership: Option<Membership>,
    /// The account's id, or none.
    pub account: Option<Option<String>>,
    /// The connector's notes.
    pub data: Option<Value>,
    /// What the identity provider sees.
    pub visibility: Visibility,
    /// The note.
    pub note: Option<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        let visibility = Visibility::Present;
        Self { membership: None, account: None, data: None, visibility, note: None }
    }
}

/// What is wrong with a scenario file, and where.
#[derive(Clone, Debug)]
pub struct FileError(String);

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FileError {}

/// A text with its name, so that errors can show where in it they are.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    /// Such as `a.yaml:3:12: no such event` with the line below it.
    fn error(&self, at: Location, what: impl std::fmt::Display) -> FileError {
        let (line, column) = (at.line(), at.column());
        if line == 0 {
            return FileError(format!("{}: {what}", self.file));
        }
        let mut text = format!("{}:{line}:{column}: {what}", self.file);
        let number = usize::try_from(line).unwrap_or_default();
        if let Some(shown) = number.checked_sub(1).and_then(|n| self.text.lines().nth(n)) {
            let margin = " ".repeat(line.to_string().len());
            let indent = " ".repeat(usize::try_from(column).unwrap_or(1).saturating_sub(1));
            let _ = write!(text, "\n  {line} | {shown}\n  {margin} | {indent}^");
        }
        FileError(text)
    }
}

/// Reads the scenarios of a file, which is called so in errors and reports.
pub fn read(file: &str, text: &str) -> Result<Vec<Scenario>, FileError> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let source = Source { file, text };
    let read = serde_saphyr::from_str_with_options(text, options);
    let whole: file::Part = read.map_err(|error| {
        let said = error.to_string();
        let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
        match error.location() {
            Some(at) => source.error(at, what),
            None => FileError(format!("{file}: {what}")),
        }
    })?;
    inherit::scenarios(&source, &whole)
}

#[cfg(test)]
mod tests;
