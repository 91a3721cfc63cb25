//! Exploring a case: first with plausible responses only, then with one other response, then with
//! two, up to a number of decisions.

use std::collections::VecDeque;
use std::sync::Arc;

use super::answers::{self, NamedAnswer};
use super::app::{GuessedApp, RememberedEvent};
use super::case::{Case, StartState};
use super::finding::{CorrectResult, FindingKind, Observation};
use super::matrix::DecisionKind;
use super::{contract, listed};
use crate::connector::{Connector, Decided, Failure, Question, Runtime};
use crate::decision::{Account, Context, EventKind, Exchange, Outcome, Refusal, Request, Step};
use crate::kit::expectation::interface_word;
use crate::kit::rules::{self, BrokenRule};
use crate::kit::transcript;
use crate::limits::AppLimits;

/// The most decisions to an outcome with plausible responses.
const DECISIONS_TO_OUTCOME: usize = 600;
/// The most decisions to an outcome after another response.
const DECISIONS_AFTER_DETOUR: usize = 24;
/// The slow failures after which a case is abandoned.
const SLOW_FAILURES: usize = 3;

/// The connector, its limits, and the app.
pub(super) struct Explorer<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) limits: AppLimits,
    pub(super) connector: &'a Arc<Connector>,
    pub(super) app: &'a GuessedApp,
    pub(super) decisions: usize,
}

/// The result of a case.
pub(super) struct CaseResult {
    pub(super) observations: Vec<Observation>,
    /// The state reached with plausible responses.
    pub(super) row: String,
    /// The kind of decision after each response.
    pub(super) tried: Vec<(&'static str, DecisionKind)>,
    pub(super) asked: usize,
}

/// A sequence of requests and responses.
#[derive(Clone, Default)]
pub(super) struct CasePath {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) names: Vec<&'static str>,
    /// Whether each response is plausible.
    pub(super) plausible: Vec<bool>,
}

/// The ending of a path.
pub(super) type PathEnd = Result<Result<Outcome, Refusal>, Failure>;

impl CasePath {
    fn truncate(&mut self, calls: usize) {
        self.exchanges.truncate(calls);
        self.names.truncate(calls);
        self.plausible.truncate(calls);
    }

    fn push(&mut self, request: Request, named: NamedAnswer) {
        self.exchanges.push(Exchange { request, response: named.answer });
        self.names.push(named.name);
        self.plausible.push(named.plausible);
    }
}

impl Explorer<'_> {
    /// The outcome that the connector reaches with plausible responses.
    pub(super) async fn reach(&self, case: &Case) -> Option<Outcome> {
        match CaseWalk::of(self, case).settle(CasePath::default(), DECISIONS_TO_OUTCOME).await? {
            (_, Ok(Ok(outcome))) => Some(outcome),
            _ => None,
        }
    }

    pub(super) async fn explore(&self, case: &Case) -> CaseResult {
        let mut walk = CaseWalk::of(self, case);
        let listed = listed(&self.connector.manifest, case);
        let happy = walk.settle(CasePath::default(), DECISIONS_TO_OUTCOME).await;
        let row = happy.as_ref().map_or_else(|| "?".to_owned(), |(_, end)| reached(end));
        if let Some((path, end)) = happy {
            walk.check_reachable(&path, &end);
            if listed {
                walk.check_without_account(&path, &end);
            }
            if listed && case.deep {
                walk.try_other_answers(path.clone()).await;
                if let Ok(Ok(outcome)) = &end {
                    walk.repeat_event(&path, outcome, &outcome.account).await;
                    if outcome.account != case.context.account {
                        walk.repeat_event(&path, outcome, &case.context.account).await;
                    }
                }
            }
        }
        if !listed {
            walk.observations = unlisted(case, &row, walk.observations);
        }
        CaseResult { observations: walk.observations, row, tried: walk.tried, asked: walk.asked }
    }
}

/// The exploration of one case.
struct CaseWalk<'a> {
    explorer: &'a Explorer<'a>,
    case: &'a Case,
    context: Arc<Context>,
    /// What the app remembers, when the event is sent again.
    remembered: Option<RememberedEvent>,
    observations: Vec<Observation>,
    tried: Vec<(&'static str, DecisionKind)>,
    asked: usize,
    slow_failures: usize,
    stopped: bool,
}

impl<'a> CaseWalk<'a> {
    fn of(explorer: &'a Explorer<'a>, case: &'a Case) -> Self {
        Self {
            explorer,
            case,
            context: Arc::clone(&case.context),
            remembered: None,
            observations: Vec::new(),
            tried: Vec::new(),
            asked: 0,
            slow_failures: 0,
            stopped: false,
        }
    }

    /// Continues with plausible responses until there is an outcome. If none of them leads to one,
    /// returns the first ending.
    async fn settle(
        &mut self,
        mut path: CasePath,
        mut decisions: usize,
    ) -> Option<(CasePath, PathEnd)> {
        let mut pending: Vec<(usize, Request, NamedAnswer)> = Vec::new();
        let mut first: Option<(CasePath, PathEnd)> = None;
        while decisions > 0 && !self.stopped {
            decisions -= 1;
            let end = match self.ask(&path).await {
                Ok(Ok(Step::Call(request)))
                    if path.exchanges.len() < self.explorer.limits.calls =>
                {
                    let (app, remembered) = (self.explorer.app, self.remembered.as_ref());
                    let answers = app.plausible(&request, &path.exchanges, remembered);
                    let options = answers.into_iter().rev();
                    pending.extend(
                        options.map(|named| (path.exchanges.len(), request.clone(), named)),
                    );
                    None
                }
                Ok(Ok(Step::Call(_))) => {
                    let calls = self.explorer.limits.calls;
                    let sentence =
                        format!("it makes more than {calls} calls, the limit for an operation");
                    self.observe(FindingKind::Calls, sentence, &path, None);
                    self.stopped = true;
                    None
                }
                Ok(Ok(Step::Done(outcome))) => Some(Ok(Ok(outcome))),
                Ok(Err(refusal)) => Some(Ok(Err(refusal))),
                Err(failure) => Some(Err(failure)),
            };
            if let Some(end) = end {
                self.check_contract(&path, &end);
                if matches!(end, Ok(Ok(_))) {
                    return Some((path, end));
                }
                first.get_or_insert_with(|| (path.clone(), end));
            }
            let Some((calls, request, named)) = pending.pop() else { break };
            path.truncate(calls);
            path.push(request, named);
        }
        first
    }

    /// Tries other responses: each kind at each request of a path, then at the requests after that.
    async fn try_other_answers(&mut self, happy: CasePath) {
        let mut queue = VecDeque::from([(happy, 0)]);
        while let Some((path, from)) = queue.pop_front() {
            for at in from..path.exchanges.len() {
                let request = &path.exchanges[at].request;
                let plausible = self.explorer.app.plausible(request, &path.exchanges[..at], None);
                for named in answers::unexpected().into_iter().chain(plausible) {
                    if self.stopped || self.asked >= self.explorer.decisions {
                        return;
                    }
                    if named.answer == path.exchanges[at].response {
                        continue;
                    }
                    let mut other = path.clone();
                    other.truncate(at);
                    other.push(request.clone(), named);
                    if let Some((ended, _)) = self.settle(other, DECISIONS_AFTER_DETOUR).await {
                        queue.push_back((ended, at + 1));
                    }
                }
            }
        }
    }

    /// Sends the same event again, with the account of the first outcome, or with the one from before
    /// the event: the first outcome may have been lost.
    async fn repeat_event(&mut self, way: &CasePath, first: &Outcome, account: &Option<Account>) {
        let mut context = (*self.case.context).clone();
        context.operation = "operation-2".to_owned();
        context.account.clone_from(account);
        if context.before.is_some() {
            context.before = Some(self.case.event.resource.clone());
        }
        self.context = Arc::new(context);
        self.stopped = false;
        let made = way.exchanges.iter().filter(|it| it.request.method == "POST");
        self.remembered = Some(RememberedEvent {
            made: made.map(|it| it.request.path.clone()).collect(),
            id: first.account.as_ref().map(|it| it.id.clone()),
        });
        let Some((path, end)) = self.settle(CasePath::default(), DECISIONS_TO_OUTCOME).await else {
            return;
        };
        match end {
            Ok(Ok(second)) => self.compare_ends(first, &second, &path),
            Ok(Err(refusal)) => {
                let kind = transcript::refusal(&refusal).0;
                let sentence = format!(
                    "when the same event is sent again, after it was done, it refuses: {kind}"
                );
                self.observe(FindingKind::NotAgain, sentence, &path, None);
            }
            Err(_) => {}
        }
    }

    /// Compares the outcomes of the same event, sent twice.
    fn compare_ends(&mut self, first: &Outcome, second: &Outcome, path: &CasePath) {
        let again = "when the same event is sent again, after it was done,";
        let (one, other) = (transcript::membership(first), transcript::membership(second));
        if let (Some(one), Some(other)) = (&first.account, &second.account)
            && one.id != other.id
        {
            let (made, other) = (&one.id, &other.id);
            let sentence = format!("{again} it makes another account, {other:?} beside {made:?}");
            let right = CorrectResult::Account(made.clone());
            self.observe(FindingKind::SecondAccount, sentence, path, Some(right));
        } else if one != other {
            let (first, second) = (interface_word(&one), interface_word(&other));
            let sentence = format!("{again} it reaches `{second}`, and `{first}` the first time");
            self.observe(FindingKind::OtherEnd, sentence, path, Some(CorrectResult::Reached(one)));
        }
    }

    /// Asks twice: the host asks again after a crash, and in a replay.
    async fn ask(&mut self, path: &CasePath) -> Result<Result<Step, Refusal>, Failure> {
        let question = Question {
            context: Arc::clone(&self.context),
            event: Arc::clone(&self.case.event),
            exchanges: path.exchanges.clone().into(),
        };
        let Explorer { runtime, connector, limits, .. } = self.explorer;
        let decided = runtime.decide(connector, question.clone(), limits.decision).await;
        self.asked += 1;
        let is_slow = matches!(decided.answer, Err(Failure::Deadline | Failure::Memory));
        if self.case.deep && !is_slow {
            let again = runtime.decide(connector, question, limits.decision).await;
            self.asked += 1;
            if again.answer != decided.answer {
                let sentence = "asked again with the same context, event and answers, it decides \
                            differently";
                self.observe(FindingKind::Undetermined, sentence.to_owned(), path, None);
            }
        }
        self.note(path, &decided);
        decided.answer
    }

    /// Records the observations that are possible for any decision.
    fn note(&mut self, path: &CasePath, decided: &Decided) {
        if let Some(name) = path.names.last() {
            self.tried.push((name, kind_of(&decided.answer)));
        }
        match &decided.answer {
            Ok(answer) => {
                if let Some(broken) = rules::broken(&self.explorer.connector.manifest, answer) {
                    let kind = match broken {
                        BrokenRule::Request(_) => FindingKind::Request,
                        BrokenRule::Secret(_) => FindingKind::Secret,
                        BrokenRule::Note => FindingKind::Note,
                        BrokenRule::Leave(_) => FindingKind::NeedsLeave,
                    };
                    self.observe(kind, broken.to_string(), path, None);
                }
            }
            Err(failure) => {
                let (kind, is_slow) = kind_of_failure(failure);
                self.slow_failures += usize::from(is_slow);
                self.stopped |= self.slow_failures >= SLOW_FAILURES;
                self.observe(kind, failure.to_string(), path, None);
            }
        }
    }

    /// Compares an ending with the contract. When the event is sent again, it is compared with the
    /// first outcome instead.
    fn check_contract(&mut self, path: &CasePath, end: &PathEnd) {
        if self.remembered.is_some() {
            return;
        }
        if let Ok(end) = end {
            let manifest = &self.explorer.connector.manifest;
            self.observations.extend(contract::violations(manifest, self.case, path, end));
        }
    }

    /// A remark, if plausible responses lead to no outcome.
    fn check_reachable(&mut self, path: &CasePath, end: &PathEnd) {
        if let Ok(Err(refusal)) = end
            && !path.exchanges.is_empty()
        {
            let (kind, text) = transcript::refusal(refusal);
            let text = text.map(|text| format!(": {text}")).unwrap_or_default();
            let sentence = format!(
                "no plausible answer of an app leads to an outcome; with the answers of the example \
                 it refuses: {kind}{text}"
            );
            self.observe(FindingKind::NoWay, sentence, path, None);
        }
    }

    /// A breach, if a leaver without a known account cannot be taken out; a remark, if none is looked
    /// for.
    fn check_without_account(&mut self, path: &CasePath, end: &PathEnd) {
        let leaves =
            self.case.event.kind.deprovisions() || self.case.event.kind == EventKind::GroupDelete;
        if !leaves || self.case.start != StartState::None {
            return;
        }
        let calls_an_app = !self.explorer.connector.manifest.endpoints.is_empty();
        if matches!(end, Ok(Ok(_))) && path.exchanges.is_empty() && calls_an_app {
            let sentence = "without a known account it is done without a call. The host asks so if \
                            the answer to an earlier request was lost: if the app has an account of \
                            the person's addresses, or a team of the group's name, it stays";
            self.observe(FindingKind::NotLookedFor, sentence.to_owned(), path, None);
        }
        if let Ok(Err(refusal)) = end {
            let kind = transcript::refusal(refusal).0;
            let sentence = format!(
                "without a known account it refuses: {kind}. The host asks so if the answer to an \
                 earlier request was lost, and asks again until it is done"
            );
            self.observe(FindingKind::NoAccount, sentence, path, None);
        }
    }

    fn observe(
        &mut self,
        kind: FindingKind,
        sentence: String,
        path: &CasePath,
        right: Option<CorrectResult>,
    ) {
        let context = self.remembered.as_ref().map(|_| (*self.context).clone());
        let (exchanges, answers) = (path.exchanges.clone(), path.names.clone());
        self.observations.push(Observation { kind, sentence, context, exchanges, answers, right });
    }
}

/// The observations of an event that muster never asks about become one remark.
fn unlisted(case: &Case, row: &str, observations: Vec<Observation>) -> Vec<Observation> {
    let kind = case.event.kind.name();
    let sentence = format!(
        "its lifecycle table does not list `{kind}`, so muster never asks it about the event; asked \
         nevertheless, it decides: {row}"
    );
    let refuses = ["unsupported", "rejected", "forbidden"].contains(&row);
    let first = observations.into_iter().next();
    match (refuses, first) {
        (true, None) => Vec::new(),
        (_, first) => {
            let (exchanges, answers) =
                first.map(|it| (it.exchanges, it.answers)).unwrap_or_default();
            let (context, right) = (None, None);
            vec![Observation {
                kind: FindingKind::Unlisted,
                sentence,
                context,
                exchanges,
                answers,
                right,
            }]
        }
    }
}

fn reached(end: &PathEnd) -> String {
    match end {
        Ok(Ok(outcome)) => interface_word(&transcript::membership(outcome)),
        Ok(Err(refusal)) => transcript::refusal(refusal).0.to_owned(),
        Err(_) => "failed".to_owned(),
    }
}

fn kind_of(answer: &Result<Result<Step, Refusal>, Failure>) -> DecisionKind {
    match answer {
        Ok(Ok(Step::Call(_))) => DecisionKind::GoesOn,
        Ok(Ok(Step::Done(_))) => DecisionKind::Done,
        Ok(Err(Refusal::Rejected(_))) => DecisionKind::Rejected,
        Ok(Err(Refusal::Conflict(_))) => DecisionKind::Conflict,
        Ok(Err(Refusal::Forbidden(_))) => DecisionKind::Forbidden,
        Ok(Err(Refusal::Unsupported(_))) => DecisionKind::Unsupported,
        Ok(Err(Refusal::RetryLater(_))) => DecisionKind::RetryLater,
        Ok(Err(Refusal::Misconfigured(_))) => DecisionKind::Misconfigured,
        Err(_) => DecisionKind::Failed,
    }
}

/// The kind of a failure, and whether the decision was slow.
fn kind_of_failure(failure: &Failure) -> (FindingKind, bool) {
    match failure {
        Failure::Deadline => (FindingKind::Time, true),
        Failure::Memory => (FindingKind::Memory, true),
        Failure::Stack => (FindingKind::Stack, false),
        // The SDK reports it so when a connector makes other requests than before.
        Failure::Trap(text) if text.contains("where the journal has") => {
            (FindingKind::Undetermined, false)
        }
        Failure::Trap(_) => (FindingKind::Crash, false),
        Failure::TooMuch(_) => (FindingKind::TooMuch, false),
        Failure::InvalidAnswer(_) => (FindingKind::Nonsense, false),
        Failure::Secret(_) => (FindingKind::Secret, false),
    }
}
