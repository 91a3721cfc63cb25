//! What is found, by its kind, with the shortest example of each.

use std::collections::BTreeMap;

use super::case::{Case, Start};
use crate::decision::{Context, Event, EventKind, Exchange, Membership};
use crate::kit::recording::Recording;
use crate::kit::scenario::{Answer, Ending, Refused, Wanted};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It breaks what muster and connectors agree on, or what a customer was promised.
    Breach,
    /// Somebody should look at it.
    Remark,
}

/// What was found. The worst stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A leaver is reported as done though the app said no.
    LeaverStays,
    /// Somebody is reported as active though the app said no.
    JoinerMissing,
    /// Somebody who is not active is let in.
    LetIn,
    /// The password is put where people read it.
    Secret,
    /// The same arguments give another answer.
    Undetermined,
    /// The connector crashes.
    Crash,
    /// A decision takes too long.
    Time,
    /// A decision takes too much memory.
    Memory,
    /// A decision nests too deep.
    Stack,
    /// An answer is larger than may be.
    TooMuch,
    /// An answer breaks the interface's rules.
    Nonsense,
    /// A request that muster would not let leave.
    Request,
    /// More calls than an operation may make.
    Calls,
    /// The outcome is not what the lifecycle table promises.
    Table,
    /// A leaver is refused for good where it is worth another try.
    GivenUp,
    /// The same event again makes a second account.
    SecondAccount,
    /// The account is forgotten.
    Forgotten,
    /// The note is empty.
    Note,
    /// A leaver whom the app no longer knows is never done.
    NeverGone,
    /// Anybody but a leaver is refused for good where it is worth another try.
    Lost,
    /// A change is reported as done though the app said no to a part of it.
    Ignored,
    /// The same event again is refused.
    NotAgain,
    /// An event that the table does not list is acted upon, or fails.
    Unlisted,
    /// No plausible answer of the app leads to an outcome.
    NoWay,
}

impl Kind {
    /// One word, for scripts and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeaverStays => "leaver-stays",
            Self::JoinerMissing => "joiner-missing",
            Self::LetIn => "let-in",
            Self::Secret => "secret",
            Self::Undetermined => "undetermined",
            Self::Crash => "crash",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::TooMuch => "too-much",
            Self::Nonsense => "nonsense",
            Self::Request => "request",
            Self::Calls => "calls",
            Self::Table => "table",
            Self::GivenUp => "given-up",
            Self::SecondAccount => "second-account",
            Self::Forgotten => "forgotten",
            Self::Note => "note",
            Self::NeverGone => "never-gone",
            Self::Lost => "lost",
            Self::Ignored => "ignored",
            Self::NotAgain => "not-again",
            Self::Unlisted => "unlisted",
            Self::NoWay => "no-way",
        }
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        if self < Self::NeverGone { Severity::Breach } else { Severity::Remark }
    }
}

/// What was seen on one path.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) kind: Kind,
    pub(super) sentence: String,
    /// What the connector was asked with, where it is not as the case has it.
    pub(super) context: Option<Context>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) answers: Vec<&'static str>,
    /// What would have been right, where that is known.
    pub(super) right: Option<Right>,
}

/// What would have been right.
#[derive(Clone, Debug)]
pub(super) enum Right {
    Refused,
    Later,
    Reached(Membership),
    Account(String),
}

/// Something found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// What the connector did, and why that is wrong.
    pub sentence: String,
    /// The event.
    pub event: EventKind,
    /// What was special about it; mostly nothing.
    pub variant: &'static str,
    /// Where the person or group started.
    pub start: Start,
    /// The requests of the shortest example, each with the name of its answer.
    pub path: Vec<(String, &'static str)>,
    /// On how many paths it was seen.
    pub times: usize,
    seen: Seen,
    context: Context,
    about: Event,
}

impl Finding {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// The shortest example as a scenario, which holds once the connector is repaired.
    pub fn recording(&self, endpoints: bool) -> Recording {
        let done = |wanted| Some(Ending::Done(wanted));
        let ending = match &self.seen.right {
            None => None,
            Some(Right::Refused) => {
                Some(Ending::Refused { kind: Refused::Any, text: None, seconds: None })
            }
            Some(Right::Later) => {
                Some(Ending::Refused { kind: Refused::RetryLater, text: None, seconds: None })
            }
            Some(Right::Reached(membership)) => {
                done(Wanted { membership: Some(*membership), ..Wanted::default() })
            }
            Some(Right::Account(id)) => {
                done(Wanted { account: Some(Some(id.clone())), ..Wanted::default() })
            }
        };
        let (mut exchanges, mut otherwise) = (self.seen.exchanges.clone(), None::<Answer>);
        if self.kind == Kind::Calls {
            otherwise = exchanges.pop().map(|last| last.response);
            exchanges.clear();
        }
        Recording {
            name: format!("{}: {}", self.kind.name(), self.place()),
            about: format!("Found by `muster connector check`: {}", self.sentence),
            context: self.seen.context.clone().unwrap_or_else(|| self.context.clone()),
            event: self.about.clone(),
            exchanges,
            otherwise,
            ending,
            endpoints,
        }
    }

    /// Such as `deactivate, elsewhere too, of an active account`.
    pub fn place(&self) -> String {
        let variant = if self.variant.is_empty() { "" } else { ", " };
        format!("{}{variant}{}, {}", self.event.name(), self.variant, self.start.sentence())
    }
}

/// Findings under way: the shortest example of each kind for each event.
#[derive(Default)]
pub(super) struct Findings(BTreeMap<(Kind, EventKind), Finding>);

impl Findings {
    pub(super) fn add(&mut self, case: &Case, seen: Vec<Seen>) {
        for seen in seen {
            let known = self.0.get_mut(&(seen.kind, case.event.kind));
            let shorter = |known: &Finding| seen.exchanges.len() < known.seen.exchanges.len();
            match known {
                Some(known) if !shorter(known) => known.times += 1,
                known => {
                    let times = known.map_or(0, |known| known.times) + 1;
                    let finding = Finding::of(case, seen, times);
                    self.0.insert((finding.kind, finding.event), finding);
                }
            }
        }
    }

    pub(super) fn sorted(self) -> Vec<Finding> {
        self.0.into_values().collect()
    }
}

impl Finding {
    fn of(case: &Case, seen: Seen, times: usize) -> Self {
        let requests =
            seen.exchanges.iter().map(|it| format!("{} {}", it.request.method, it.request.path));
        Self {
            kind: seen.kind,
            sentence: seen.sentence.clone(),
            event: case.event.kind,
            variant: case.variant,
            start: case.start,
            path: requests.zip(seen.answers.iter().copied()).collect(),
            times,
            context: (*case.context).clone(),
            about: (*case.event).clone(),
            seen,
        }
    }
}
