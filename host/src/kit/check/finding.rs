//! Findings by their kind, each with its shortest example.

use std::collections::BTreeMap;

use super::case::{Case, StartState};
use crate::decision::{Context, Event, EventKind, Exchange, Membership};
use crate::kit::recording::Recording;
use crate::kit::scenario::{AppAnswer, ExpectedEnding, ExpectedOutcome, RefusalKind};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Breaks the contract between muster and connectors, or a promise to customers.
    Breach,
    /// The author should look at it.
    Remark,
}

/// The kinds of findings, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A leaver is reported as done although the app refused.
    LeaverStays,
    /// A person is reported as active although the app refused.
    JoinerMissing,
    /// A user who is not active becomes a member.
    LetIn,
    /// The password is in a place that people can read.
    Secret,
    /// The same arguments lead to another decision.
    Undetermined,
    /// The connector crashes.
    Crash,
    /// A decision takes too long.
    Time,
    /// A decision takes too much memory.
    Memory,
    /// A decision exceeds the stack.
    Stack,
    /// A decision is too large.
    TooMuch,
    /// A decision breaks the interface's rules.
    Nonsense,
    /// A request that muster would not send.
    Request,
    /// More calls than an operation may make.
    Calls,
    /// The outcome differs from the lifecycle table.
    Table,
    /// A leaver is refused for good although a retry may succeed.
    GivenUp,
    /// A leaver's profile is changed before access is taken away.
    ProfileFirst,
    /// A leaver without a known account is refused.
    NoAccount,
    /// The profile or password of an account that is not the tenant's own is changed, or it is deleted.
    Rewrites,
    /// The same event, sent again, makes a second account.
    SecondAccount,
    /// The same event, sent again, leads to another state.
    OtherEnd,
    /// The same event, sent again, is refused.
    NotAgain,
    /// The outcome drops an account that exists.
    Forgotten,
    /// The note is empty.
    Note,
    /// A leaver whom the app does not know is refused.
    NeverGone,
    /// A leaver without a known account is reported as done, and was not looked for.
    NotLookedFor,
    /// An event other than a leaver's is refused for good although a retry may succeed.
    Lost,
    /// A change is reported as done although the app refused a part of it.
    Ignored,
    /// An event that the table does not list leads to an outcome or fails.
    Unlisted,
    /// A request has a header that an operator must allow.
    NeedsLeave,
    /// No plausible response of the app leads to an outcome.
    NoWay,
}

impl FindingKind {
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
            Self::ProfileFirst => "profile-first",
            Self::NoAccount => "no-account",
            Self::Rewrites => "rewrites",
            Self::SecondAccount => "second-account",
            Self::OtherEnd => "other-end",
            Self::NotAgain => "not-again",
            Self::Forgotten => "forgotten",
            Self::Note => "note",
            Self::NeverGone => "never-gone",
            Self::NotLookedFor => "not-looked-for",
            Self::Lost => "lost",
            Self::Ignored => "ignored",
            Self::Unlisted => "unlisted",
            Self::NeedsLeave => "needs-leave",
            Self::NoWay => "no-way",
        }
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        if self < Self::NeverGone { Severity::Breach } else { Severity::Remark }
    }
}

/// An observation on one path.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub(super) kind: FindingKind,
    pub(super) sentence: String,
    /// The connector's context, if it differs from the case's.
    pub(super) context: Option<Context>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) answers: Vec<&'static str>,
    /// The correct result, if it is known.
    pub(super) right: Option<CorrectResult>,
}

/// The result that would have been correct.
#[derive(Clone, Debug)]
pub(super) enum CorrectResult {
    Refused,
    Later,
    Reached(Membership),
    Account(String),
}

/// A finding.
#[derive(Clone, Debug)]
pub struct CheckFinding {
    /// The kind.
    pub kind: FindingKind,
    /// What the connector did, and why it is wrong.
    pub sentence: String,
    /// The event.
    pub event: EventKind,
    /// What distinguishes the case from others of its event; mostly nothing.
    pub variant: &'static str,
    /// The state of the person or group before the event.
    pub start: StartState,
    /// The requests of the shortest example, each with the name of its response.
    pub path: Vec<(String, &'static str)>,
    /// The number of paths on which it was observed.
    pub times: usize,
    observation: Observation,
    context: Context,
    about: Event,
}

impl CheckFinding {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// The shortest example as a scenario, which passes when the connector is repaired.
    pub fn recording(&self, endpoints: bool) -> Recording {
        let done = |wanted| Some(ExpectedEnding::Done(wanted));
        let ending = match &self.observation.right {
            None => None,
            Some(CorrectResult::Refused) => {
                Some(ExpectedEnding::Refused { kind: RefusalKind::Any, text: None, seconds: None })
            }
            Some(CorrectResult::Later) => Some(ExpectedEnding::Refused {
                kind: RefusalKind::RetryLater,
                text: None,
                seconds: None,
            }),
            Some(CorrectResult::Reached(membership)) => done(ExpectedOutcome {
                membership: Some(*membership),
                ..ExpectedOutcome::default()
            }),
            Some(CorrectResult::Account(id)) => done(ExpectedOutcome {
                account: Some(Some(id.clone())),
                ..ExpectedOutcome::default()
            }),
        };
        let (mut exchanges, mut otherwise) =
            (self.observation.exchanges.clone(), None::<AppAnswer>);
        if self.kind == FindingKind::Calls {
            otherwise = exchanges.pop().map(|last| last.response);
            exchanges.clear();
        }
        Recording {
            name: format!("{}: {}", self.kind.name(), self.place()),
            about: format!("Found by `muster connector check`: {}", self.sentence),
            context: self.observation.context.clone().unwrap_or_else(|| self.context.clone()),
            event: self.about.clone(),
            exchanges,
            otherwise,
            ending,
            endpoints,
        }
    }

    /// The case in words, such as `deactivate, elsewhere too, with an active account`.
    pub fn place(&self) -> String {
        let variant = if self.variant.is_empty() { "" } else { ", " };
        format!("{}{variant}{}, {}", self.event.name(), self.variant, self.start.sentence())
    }
}

/// The findings so far: for each kind and event the shortest example.
#[derive(Default)]
pub(super) struct Findings(BTreeMap<(FindingKind, EventKind), CheckFinding>);

impl Findings {
    pub(super) fn add(&mut self, case: &Case, observations: Vec<Observation>) {
        for observation in observations {
            let known = self.0.get_mut(&(observation.kind, case.event.kind));
            let shorter = |known: &CheckFinding| {
                observation.exchanges.len() < known.observation.exchanges.len()
            };
            match known {
                Some(known) if !shorter(known) => known.times += 1,
                known => {
                    let times = known.map_or(0, |known| known.times) + 1;
                    let finding = CheckFinding::of(case, observation, times);
                    self.0.insert((finding.kind, finding.event), finding);
                }
            }
        }
    }

    pub(super) fn sorted(self) -> Vec<CheckFinding> {
        self.0.into_values().collect()
    }
}

impl CheckFinding {
    fn of(case: &Case, observation: Observation, times: usize) -> Self {
        let requests = observation
            .exchanges
            .iter()
            .map(|it| format!("{} {}", it.request.method, it.request.path));
        Self {
            kind: observation.kind,
            sentence: observation.sentence.clone(),
            event: case.event.kind,
            variant: case.variant,
            start: case.start,
            path: requests.zip(observation.answers.iter().copied()).collect(),
            times,
            context: (*case.context).clone(),
            about: (*case.event).clone(),
            observation,
        }
    }
}
