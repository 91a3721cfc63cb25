//! Walks through a case: first where everything goes well, then with one answer that does not, then
//! with two, until as many decisions were asked for as may be.

use std::collections::VecDeque;
use std::sync::Arc;

use super::answers::{self, Named};
use super::app::{App, Told};
use super::case::Case;
use super::finding::{Kind, Right, Seen};
use super::matrix::Decision;
use super::{listed, verdict};
use crate::connector::{Connector, Decided, Failure, Question, Runtime};
use crate::decision::{Context, Exchange, Outcome, Refusal, Request, Step};
use crate::kit::expectation::word;
use crate::kit::rules::{self, Broken};
use crate::kit::transcript;
use crate::limits::AppLimits;

/// Decisions that the way to an outcome may take, where the app does as it is told.
const WAY: usize = 600;
/// The same after an answer that is out of the way.
const WAY_BACK: usize = 24;
/// After so many failures that take their time, a case is left alone.
const PATIENCE: usize = 3;

/// What is tried, and with what.
pub(super) struct Explorer<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) limits: AppLimits,
    pub(super) connector: &'a Arc<Connector>,
    pub(super) app: &'a App,
    pub(super) decisions: usize,
}

/// What came of a case.
pub(super) struct Explored {
    pub(super) seen: Vec<Seen>,
    /// The state reached where everything goes well.
    pub(super) row: String,
    /// What each answer led to.
    pub(super) tried: Vec<(&'static str, Decision)>,
    pub(super) asked: usize,
}

/// Requests, and what they were answered.
#[derive(Clone, Default)]
pub(super) struct Path {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) names: Vec<&'static str>,
    /// Whether the app does as it is told all along.
    pub(super) plausible: Vec<bool>,
}

/// How a path ended.
pub(super) type End = Result<Result<Outcome, Refusal>, Failure>;

impl Path {
    fn truncate(&mut self, calls: usize) {
        self.exchanges.truncate(calls);
        self.names.truncate(calls);
        self.plausible.truncate(calls);
    }

    fn push(&mut self, request: Request, named: Named) {
        self.exchanges.push(Exchange { request, response: named.answer });
        self.names.push(named.name);
        self.plausible.push(named.plausible);
    }
}

impl Explorer<'_> {
    /// Where the connector gets with a case where everything goes well.
    pub(super) async fn reach(&self, case: &Case) -> Option<Outcome> {
        match Walk::of(self, case).settle(Path::default(), WAY).await? {
            (_, Ok(Ok(outcome))) => Some(outcome),
            _ => None,
        }
    }

    pub(super) async fn explore(&self, case: &Case) -> Explored {
        let mut walk = Walk::of(self, case);
        let listed = listed(&self.connector.manifest, case);
        let happy = walk.settle(Path::default(), WAY).await;
        let row = happy.as_ref().map_or_else(|| "?".to_owned(), |(_, end)| reached(end));
        if let Some((path, end)) = happy {
            walk.judge_way(&path, &end);
            if listed && case.deep {
                walk.stray(path.clone()).await;
                if let Ok(Ok(outcome)) = &end {
                    walk.again(&path, outcome).await;
                }
            }
        }
        if !listed {
            walk.seen = unlisted(case, &row, walk.seen);
        }
        Explored { seen: walk.seen, row, tried: walk.tried, asked: walk.asked }
    }
}

/// A walk through a case.
struct Walk<'a> {
    explorer: &'a Explorer<'a>,
    case: &'a Case,
    context: Arc<Context>,
    /// What the app remembers, where the case is told anew.
    told: Option<Told>,
    seen: Vec<Seen>,
    tried: Vec<(&'static str, Decision)>,
    asked: usize,
    tiring: usize,
    stopped: bool,
}

impl<'a> Walk<'a> {
    fn of(explorer: &'a Explorer<'a>, case: &'a Case) -> Self {
        Self {
            explorer,
            case,
            context: Arc::clone(&case.context),
            told: None,
            seen: Vec::new(),
            tried: Vec::new(),
            asked: 0,
            tiring: 0,
            stopped: false,
        }
    }

    /// Goes on with plausible answers until there is an outcome; where none leads to one, the first
    /// end that was come to.
    async fn settle(&mut self, mut path: Path, mut decisions: usize) -> Option<(Path, End)> {
        let mut pending: Vec<(usize, Request, Named)> = Vec::new();
        let mut first: Option<(Path, End)> = None;
        while decisions > 0 && !self.stopped {
            decisions -= 1;
            let end = match self.ask(&path).await {
                Ok(Ok(Step::Call(request)))
                    if path.exchanges.len() < self.explorer.limits.calls =>
                {
                    let (app, told) = (self.explorer.app, self.told.as_ref());
                    let answers = app.plausible(&request, &path.exchanges, told);
                    let options = answers.into_iter().rev();
                    pending.extend(
                        options.map(|named| (path.exchanges.len(), request.clone(), named)),
                    );
                    None
                }
                Ok(Ok(Step::Call(_))) => {
                    let calls = self.explorer.limits.calls;
                    let what =
                        format!("it makes more than the {calls} calls that an operation may");
                    self.see(Kind::Calls, what, &path, None);
                    self.stopped = true;
                    None
                }
                Ok(Ok(Step::Done(outcome))) => Some(Ok(Ok(outcome))),
                Ok(Err(refusal)) => Some(Ok(Err(refusal))),
                Err(failure) => Some(Err(failure)),
            };
            if let Some(end) = end {
                self.judge(&path, &end);
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

    /// Answers otherwise: at each call of a path in each way, then at what comes after that.
    async fn stray(&mut self, happy: Path) {
        let mut queue = VecDeque::from([(happy, 0)]);
        while let Some((path, from)) = queue.pop_front() {
            for at in from..path.exchanges.len() {
                let request = &path.exchanges[at].request;
                let plausible = self.explorer.app.plausible(request, &path.exchanges[..at], None);
                for named in answers::anything().into_iter().chain(plausible) {
                    if self.stopped || self.asked >= self.explorer.decisions {
                        return;
                    }
                    if named.answer == path.exchanges[at].response {
                        continue;
                    }
                    let mut other = path.clone();
                    other.truncate(at);
                    other.push(request.clone(), named);
                    if let Some((ended, _)) = self.settle(other, WAY_BACK).await {
                        queue.push_back((ended, at + 1));
                    }
                }
            }
        }
    }

    /// Tells the same event again, with the account that came of it.
    async fn again(&mut self, way: &Path, first: &Outcome) {
        let mut context = (*self.case.context).clone();
        context.operation = "operation-2".to_owned();
        context.account.clone_from(&first.account);
        if context.before.is_some() {
            context.before = Some(self.case.event.resource.clone());
        }
        self.context = Arc::new(context);
        self.stopped = false;
        let made = way.exchanges.iter().filter(|it| it.request.method == "POST");
        self.told = Some(Told {
            made: made.map(|it| it.request.path.clone()).collect(),
            id: first.account.as_ref().map_or_else(|| "found-1".to_owned(), |it| it.id.clone()),
        });
        let Some((path, end)) = self.settle(Path::default(), WAY).await else { return };
        match end {
            Ok(Ok(second)) => {
                let (one, other) = (first.account.as_ref(), second.account.as_ref());
                if let (Some(one), Some(other)) = (one, other)
                    && one.id != other.id
                {
                    let what = format!(
                        "told the same again, with the account {:?} that it made, it makes another \
                         one, {:?}",
                        one.id, other.id
                    );
                    let right = Right::Account(one.id.clone());
                    self.see(Kind::SecondAccount, what, &path, Some(right));
                }
            }
            Ok(Err(refusal)) => {
                let kind = transcript::refusal(&refusal).0;
                let what = format!("told the same again, after it was done, it refuses: {kind}");
                self.see(Kind::NotAgain, what, &path, None);
            }
            Err(_) => {}
        }
    }

    /// Asks twice: the host asks again after a crash, and replays what was recorded.
    async fn ask(&mut self, path: &Path) -> Result<Result<Step, Refusal>, Failure> {
        let question = Question {
            context: Arc::clone(&self.context),
            event: Arc::clone(&self.case.event),
            exchanges: path.exchanges.clone().into(),
        };
        let Explorer { runtime, connector, limits, .. } = self.explorer;
        let decided = runtime.decide(connector, question.clone(), limits.decision).await;
        self.asked += 1;
        let tiring = matches!(decided.answer, Err(Failure::Deadline | Failure::Memory));
        if self.case.deep && !tiring {
            let again = runtime.decide(connector, question, limits.decision).await;
            self.asked += 1;
            if again.answer != decided.answer {
                let what = "asked again with the same context, event and answers, it decides \
                            otherwise";
                self.see(Kind::Undetermined, what.to_owned(), path, None);
            }
        }
        self.note(path, &decided);
        decided.answer
    }

    /// Takes down what is to be seen in any decision.
    fn note(&mut self, path: &Path, decided: &Decided) {
        if let Some(name) = path.names.last() {
            self.tried.push((name, kind_of(&decided.answer)));
        }
        match &decided.answer {
            Ok(answer) => {
                for broken in rules::broken(answer, &decided.log) {
                    let kind = match broken {
                        Broken::Request(_) => Kind::Request,
                        Broken::Secret(_) => Kind::Secret,
                        Broken::Note => Kind::Note,
                    };
                    self.see(kind, broken.to_string(), path, None);
                }
            }
            Err(failure) => {
                let (kind, tiring) = kind_of_failure(failure);
                self.tiring += usize::from(tiring);
                self.stopped |= self.tiring >= PATIENCE;
                self.see(kind, failure.to_string(), path, None);
            }
        }
    }

    /// Holds an end against what was promised. What is told anew is compared with the first time.
    fn judge(&mut self, path: &Path, end: &End) {
        if self.told.is_some() {
            return;
        }
        if let Ok(end) = end {
            let manifest = &self.explorer.connector.manifest;
            self.seen.extend(verdict::of(manifest, self.case, path, end));
        }
    }

    /// Where not even an app that does as it is told leads to an outcome, somebody should look.
    fn judge_way(&mut self, path: &Path, end: &End) {
        if let Ok(Err(refusal)) = end
            && !path.exchanges.is_empty()
        {
            let (kind, text) = transcript::refusal(refusal);
            let text = text.map(|text| format!(": {text}")).unwrap_or_default();
            let what = format!(
                "no answer that the kit can make up leads to an outcome; with those of the example \
                 it refuses: {kind}{text}"
            );
            self.see(Kind::NoWay, what, path, None);
        }
    }

    fn see(&mut self, kind: Kind, sentence: String, path: &Path, right: Option<Right>) {
        let context = self.told.as_ref().map(|_| (*self.context).clone());
        let (exchanges, answers) = (path.exchanges.clone(), path.names.clone());
        self.seen.push(Seen { kind, sentence, context, exchanges, answers, right });
    }
}

/// What is seen of an event that muster never asks about is one remark.
fn unlisted(case: &Case, row: &str, seen: Vec<Seen>) -> Vec<Seen> {
    let kind = case.event.kind.name();
    let what = format!(
        "its table does not list `{kind}`, so muster answers it without asking; asked all the same, \
         it comes to: {row}"
    );
    let refuses = ["unsupported", "rejected", "forbidden"].contains(&row);
    let first = seen.into_iter().next();
    match (refuses, first) {
        (true, None) => Vec::new(),
        (_, first) => {
            let (exchanges, answers) =
                first.map(|it| (it.exchanges, it.answers)).unwrap_or_default();
            let (context, right) = (None, None);
            vec![Seen { kind: Kind::Unlisted, sentence: what, context, exchanges, answers, right }]
        }
    }
}

fn reached(end: &End) -> String {
    match end {
        Ok(Ok(outcome)) => word(&transcript::membership(outcome)),
        Ok(Err(refusal)) => transcript::refusal(refusal).0.to_owned(),
        Err(_) => "failed".to_owned(),
    }
}

fn kind_of(answer: &Result<Result<Step, Refusal>, Failure>) -> Decision {
    match answer {
        Ok(Ok(Step::Call(_))) => Decision::GoesOn,
        Ok(Ok(Step::Done(_))) => Decision::Done,
        Ok(Err(Refusal::Rejected(_))) => Decision::Rejected,
        Ok(Err(Refusal::Conflict(_))) => Decision::Conflict,
        Ok(Err(Refusal::Forbidden(_))) => Decision::Forbidden,
        Ok(Err(Refusal::Unsupported(_))) => Decision::Unsupported,
        Ok(Err(Refusal::RetryLater(_))) => Decision::RetryLater,
        Ok(Err(Refusal::Misconfigured(_))) => Decision::Misconfigured,
        Err(_) => Decision::Failed,
    }
}

/// The kind, and whether it took its time.
fn kind_of_failure(failure: &Failure) -> (Kind, bool) {
    match failure {
        Failure::Deadline => (Kind::Time, true),
        Failure::Memory => (Kind::Memory, true),
        Failure::Stack => (Kind::Stack, false),
        // So says the SDK of a connector that asks for other things than it asked for before.
        Failure::Trap(text) if text.contains("where the journal has") => {
            (Kind::Undetermined, false)
        }
        Failure::Trap(_) => (Kind::Crash, false),
        Failure::TooMuch(_) => (Kind::TooMuch, false),
        Failure::InvalidAnswer(_) => (Kind::Nonsense, false),
    }
}
