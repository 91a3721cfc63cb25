//! Playing scenarios in the sandbox, with the app's responses from the scenario file.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::event_input::{self, EventInput, ResourceReader};
use super::expectation::{self, ExpectedAndActual};
use super::rules::{self, BrokenRule};
use super::scenario::{ExpectedCall, Scenario, ScenarioMember, ScenarioStep};
use super::settings::settings_for;
use super::transcript;
use crate::connector::{Connector, Decided, LogLine, Manifest, Question, Runtime};
use crate::decision::{
    Account, Context, Event, EventKind, Exchange, Member, Request, Step as Next,
};
use crate::limits::AppLimits;
use crate::scim::Resource;

/// Plays scenarios against one connector.
pub struct ScenarioPlayer<'a> {
    runtime: &'a Runtime,
    connector: Arc<Connector>,
    limits: AppLimits,
    registry: ResourceReader,
}

/// The result of a scenario.
#[derive(Debug)]
pub struct ScenarioResult {
    /// The steps that were played. The steps after a failed one are not.
    pub steps: Vec<ScenarioStepResult>,
}

/// The result of a step.
#[derive(Debug)]
pub struct ScenarioStepResult {
    /// The event.
    pub event: EventKind,
    /// The step's name, if it has one.
    pub name: Option<String>,
    /// The line at which it begins.
    pub line: u64,
    /// The problems; none if the step passed.
    pub problems: Vec<StepProblem>,
    /// The requests and the ending, expected and actual.
    pub transcript: ExpectedAndActual,
    /// The connector's log lines in its last decision.
    pub log: Vec<LogLine>,
    /// The number of requests.
    pub calls: usize,
    /// The time of all decisions.
    pub elapsed: Duration,
    /// The most bytes of memory that a decision used.
    pub memory_peak: u64,
}

/// A reason for a step to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepProblem {
    /// The step is invalid and was not played.
    Unplayable(String),
    /// The actual step differs from the expected one; see the transcript.
    Differs,
    /// Asked again with the same journal, the connector decided differently.
    Undetermined(String),
    /// A rule for all connectors is broken.
    Rule(String),
}

impl ScenarioResult {
    /// Whether all steps passed.
    pub fn passed(&self) -> bool {
        self.steps.iter().all(|step| step.problems.is_empty())
    }
}

/// The state at the beginning of a step.
#[derive(Default)]
struct StepState {
    account: Option<Account>,
    resource: Option<Resource>,
}

impl<'a> ScenarioPlayer<'a> {
    /// A player for this connector, within the limits of an app.
    pub fn new(runtime: &'a Runtime, connector: Arc<Connector>, limits: AppLimits) -> Self {
        let registry = ResourceReader::of(&connector.manifest);
        Self { runtime, connector, limits, registry }
    }

    /// Plays a scenario up to the first failed step.
    pub async fn play(&self, scenario: &Scenario) -> ScenarioResult {
        let mut state = StepState::default();
        let mut steps = Vec::new();
        for step in &scenario.steps {
            let played = match self.question(step, &state) {
                Err(why) => unplayable(step, why),
                Ok((context, event)) => {
                    let (played, account) = self.step(step, context, event.clone()).await;
                    if let Some(account) = account {
                        state.account = account;
                        state.resource = Resource::from_json(&event.resource).ok();
                    }
                    played
                }
            };
            let failed = !played.problems.is_empty();
            steps.push(played);
            if failed {
                break;
            }
        }
        ScenarioResult { steps }
    }

    /// The context and the event for the connector.
    fn question(&self, step: &ScenarioStep, state: &StepState) -> Result<(Context, Event), String> {
        let given = &step.given;
        let (line, settings) = given.settings.clone().unwrap_or_default();
        let settings = settings_for(&self.connector.manifest, &settings).map_err(|error| {
            let at = if line > 0 { format!(" (line {line})") } else { String::new() };
            format!("{error}{at}")
        })?;
        let (before, after) = self.resources(step, state)?;
        let account = given.account.clone().unwrap_or_else(|| state.account.clone());
        let context = Context {
            operation: given.operation.clone().unwrap_or_else(|| "operation-1".to_owned()),
            tenant: given.tenant.clone().unwrap_or_else(|| "acme".to_owned()),
            now: given.now.clone().unwrap_or_else(|| "2026-10-05T12:00:00Z".to_owned()),
            seed: given.seed.unwrap_or(7),
            settings: Value::Object(settings).to_string(),
            before: before.as_ref().map(Resource::to_json),
            account,
            elsewhere: given.elsewhere.unwrap_or(0),
        };
        let event = event_input::event(EventInput {
            kind: step.event,
            before: before.as_ref(),
            after: &after,
            changes: step.changes.clone(),
            password: step.password && self.connector.manifest.features.password,
            joined: step.joined.iter().map(member).collect(),
            left: step.left.iter().map(member).collect(),
        });
        Ok((context, event))
    }

    /// The resource before and after the event.
    fn resources(
        &self,
        step: &ScenarioStep,
        state: &StepState,
    ) -> Result<(Option<Resource>, Resource), String> {
        let group = event_input::is_group_event(step.event);
        let known = state.resource.as_ref().map(|it| it.document().clone());
        let base = known.clone().unwrap_or_default();
        let mut after = event_input::merged(&base, &step.resource);
        let active = match step.event {
            EventKind::Activate => Some(true),
            EventKind::Deactivate => Some(false),
            EventKind::Create if !step.resource.contains_key("active") => Some(true),
            _ => None,
        };
        after.extend(active.map(|active| ("active".to_owned(), active.into())));
        let new = matches!(step.event, EventKind::Create | EventKind::GroupCreate);
        let before = match (&step.before, known) {
            _ if new => None,
            (Some(before), _) => Some(event_input::merged(&switched(step.event, &after), before)),
            (None, Some(known)) => Some(known),
            (None, None) => Some(Self::derived_before(step, &after)?),
        };
        let before = before.map(|before| self.registry.resource(group, &before)).transpose()?;
        Ok((before, self.registry.resource(group, &after)?))
    }

    /// The resource before the event, if the scenario does not give it: the resource after the
    /// event, without what the event changes.
    fn derived_before(
        step: &ScenarioStep,
        after: &Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        let mut before = switched(step.event, after);
        if step.event == EventKind::Update && step.changes.is_none() {
            let why = "an update needs the values `before` it, or the names of its `changes`";
            return Err(why.to_owned());
        }
        for change in step.changes.iter().flatten().filter(|it| !KEPT.contains(&it.as_str())) {
            before.remove(change);
        }
        Ok(before)
    }

    /// Asks the connector until the step ends, then asks again from every point of the journal.
    async fn step(
        &self,
        step: &ScenarioStep,
        context: Context,
        event: Event,
    ) -> (ScenarioStepResult, Option<Option<Account>>) {
        let (context, event) = (Arc::new(context), Arc::new(event));
        let ask = |exchanges: &[Exchange]| {
            let (context, event) = (Arc::clone(&context), Arc::clone(&event));
            let question = Question { context, event, exchanges: exchanges.into() };
            self.runtime.decide(&self.connector, question, self.limits.decision)
        };
        let mut run = StepRun::default();
        let mut decisions: Vec<Decided> = Vec::new();
        loop {
            let decided = ask(&run.exchanges).await;
            let on = run.take(step, &decided, &self.connector.manifest, self.limits.calls);
            decisions.push(decided);
            if !on {
                break;
            }
        }
        // After a crash, the host asks again with the part of the journal that it has.
        for (n, before) in decisions.iter().enumerate() {
            let again = ask(&run.exchanges[..n.min(run.exchanges.len())]).await;
            if again.answer != before.answer {
                run.problems.push(StepProblem::Undetermined(undetermined(n, before, &again)));
                break;
            }
        }
        run.end(step, &decisions)
    }
}

/// A step while it is played.
#[derive(Default)]
struct StepRun {
    exchanges: Vec<Exchange>,
    problems: Vec<StepProblem>,
    transcript: ExpectedAndActual,
    account: Option<Option<Account>>,
}

impl StepRun {
    /// Records a decision. Returns whether to ask for another one.
    fn take(
        &mut self,
        step: &ScenarioStep,
        decided: &Decided,
        manifest: &Manifest,
        calls: usize,
    ) -> bool {
        let several = manifest.endpoints.len() > 1;
        if let Ok(answer) = &decided.answer {
            // The headers that an operator allows are not known here.
            let rule = rules::broken(manifest, answer);
            let rule = rule.filter(|it| !matches!(it, BrokenRule::Leave(_)));
            self.problems.extend(rule.map(|rule| StepProblem::Rule(rule.to_string())));
        }
        match &decided.answer {
            Ok(Ok(Next::Call(request))) => self.call(step, request, several, calls),
            other => {
                for call in step.calls.iter().skip(self.exchanges.len()) {
                    self.transcript.expected += &expectation::missing_call(call);
                    self.transcript.expected += &transcript::answer(&call.answer);
                }
                let ending = expectation::compare_ending(step.then.as_ref(), decided);
                self.transcript.expected += &ending.expected;
                self.transcript.actual += &ending.actual;
                if let Ok(Ok(Next::Done(outcome))) = other {
                    self.account = Some(outcome.account.clone());
                }
                false
            }
        }
    }

    fn call(
        &mut self,
        step: &ScenarioStep,
        request: &Request,
        several: bool,
        calls: usize,
    ) -> bool {
        let n = self.exchanges.len();
        let expected = step.calls.get(n);
        let (compared, answer) = match (expected, &step.otherwise) {
            (Some(call), _) => (expectation::compare_call(call, request), Some(&call.answer)),
            (None, Some(answer)) => {
                (ExpectedAndActual::same(transcript::request(request, several, &[])), Some(answer))
            }
            (None, None) => {
                let actual = transcript::request(request, several, &[]);
                (ExpectedAndActual { expected: String::new(), actual }, None)
            }
        };
        let differs = compared.differs();
        self.transcript.add(&compared);
        let Some(answer) = answer.filter(|_| !differs && n < calls) else {
            self.stopped(step, n, expected, differs);
            return false;
        };
        self.transcript.add(&ExpectedAndActual::same(transcript::answer(answer)));
        self.exchanges.push(Exchange { request: request.clone(), response: answer.clone() });
        true
    }

    /// Records the rest of the expected step, after a request that the scenario has no response to.
    fn stopped(
        &mut self,
        step: &ScenarioStep,
        n: usize,
        expected: Option<&ExpectedCall>,
        differs: bool,
    ) {
        if !differs {
            self.problems.push(StepProblem::Rule(format!("it makes more than {n} calls")));
            return;
        }
        if let Some(call) = expected {
            self.transcript.expected += &transcript::answer(&call.answer);
        }
        for call in step.calls.iter().skip(n + 1) {
            self.transcript.expected += &expectation::missing_call(call);
            self.transcript.expected += &transcript::answer(&call.answer);
        }
        let wanted = step.then.as_ref().map_or_else(String::new, expectation::describe_ending);
        self.transcript.expected += &wanted;
        self.transcript.actual += "(stopped here: the scenario has no answer to this request)\n";
    }

    fn end(
        mut self,
        step: &ScenarioStep,
        decisions: &[Decided],
    ) -> (ScenarioStepResult, Option<Option<Account>>) {
        if self.transcript.differs() {
            self.problems.insert(0, StepProblem::Differs);
        }
        let played = ScenarioStepResult {
            event: step.event,
            name: step.name.clone(),
            line: step.line,
            problems: self.problems,
            transcript: self.transcript,
            log: decisions.last().map(|last| last.log.clone()).unwrap_or_default(),
            calls: self.exchanges.len(),
            elapsed: decisions.iter().map(|it| it.elapsed).sum(),
            memory_peak: decisions.iter().map(|it| it.memory_peak).max().unwrap_or_default(),
        };
        // After a refusal the resource and the account are unchanged.
        (played, self.account)
    }
}

/// The resource before the event, as far as the event implies it.
fn switched(event: EventKind, after: &Map<String, Value>) -> Map<String, Value> {
    let mut before = after.clone();
    let active = match event {
        EventKind::Activate => Some(false),
        EventKind::Deactivate => Some(true),
        _ => None,
    };
    before.extend(active.map(|active| ("active".to_owned(), active.into())));
    before
}

/// The attributes that the resource always has.
const KEPT: [&str; 3] = ["userName", "displayName", "active"];

fn undetermined(calls: usize, first: &Decided, again: &Decided) -> String {
    let described = |decided: &Decided| match &decided.answer {
        Ok(answer) => expectation::describe_decision(answer),
        Err(failure) => expectation::describe_failure(failure),
    };
    format!(
        "asked again after {calls} calls, with the same context, event and answers, the connector \
         decides differently; it must not depend on anything else.\nfirst:\n{}then:\n{}",
        described(first),
        described(again)
    )
}

fn unplayable(step: &ScenarioStep, why: String) -> ScenarioStepResult {
    ScenarioStepResult {
        event: step.event,
        name: step.name.clone(),
        line: step.line,
        problems: vec![StepProblem::Unplayable(why)],
        transcript: ExpectedAndActual::default(),
        log: Vec::new(),
        calls: 0,
        elapsed: Duration::ZERO,
        memory_peak: 0,
    }
}

fn member(member: &ScenarioMember) -> Member {
    let ScenarioMember { id, name, account } = member.clone();
    Member { id, name, account }
}
