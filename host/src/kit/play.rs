//! Plays scenarios in the sandbox, with the app's answers from their files.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::expectation::{self, Expected};
use super::person::{self, Happened, Registry};
use super::scenario::{Call, Scenario, Somebody, Step};
use super::settings::settings_for;
use super::{rules, transcript};
use crate::connector::{Connector, Decided, LogLine, Question, Runtime};
use crate::decision::{
    Account, Context, Event, EventKind, Exchange, Member, Request, Step as Next,
};
use crate::limits::AppLimits;
use crate::scim::Resource;

/// Plays scenarios against one connector.
pub struct Player<'a> {
    runtime: &'a Runtime,
    connector: Arc<Connector>,
    limits: AppLimits,
    registry: Registry,
}

/// How a scenario went.
#[derive(Debug)]
pub struct Played {
    /// Those steps that were played; after one that went wrong, the rest is not.
    pub steps: Vec<StepPlayed>,
}

/// How a step went.
#[derive(Debug)]
pub struct StepPlayed {
    /// The event.
    pub event: EventKind,
    /// The step's own name.
    pub name: Option<String>,
    /// The line in which it begins.
    pub line: u64,
    /// What is not as it should be; nothing where all is well.
    pub problems: Vec<Problem>,
    /// Requests made, with what is expected beside what happened.
    pub transcript: Expected,
    /// What the connector logged on its last decision.
    pub log: Vec<LogLine>,
    /// How many requests it made.
    pub calls: usize,
    /// How long it decided, in all.
    pub elapsed: Duration,
    /// The most memory that a decision held.
    pub memory_peak: u64,
}

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The step itself makes no sense, and was not played.
    Unplayable(String),
    /// Something else happened than was expected; the transcript tells what.
    Differs,
    /// Asked again with the same journal, the connector said something else.
    Undetermined(String),
    /// A rule that holds for every connector is broken.
    Rule(String),
}

impl Played {
    /// Whether all is as it should be.
    pub fn passed(&self) -> bool {
        self.steps.iter().all(|step| step.problems.is_empty())
    }
}

/// Where a step begins.
#[derive(Default)]
struct State {
    account: Option<Account>,
    resource: Option<Resource>,
}

impl<'a> Player<'a> {
    /// A player for this connector, within the limits of an app.
    pub fn new(runtime: &'a Runtime, connector: Arc<Connector>, limits: AppLimits) -> Self {
        let registry = Registry::of(&connector.manifest);
        Self { runtime, connector, limits, registry }
    }

    /// Plays a scenario as far as it goes right.
    pub async fn play(&self, scenario: &Scenario) -> Played {
        let mut state = State::default();
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
        Played { steps }
    }

    /// What the connector is asked.
    fn question(&self, step: &Step, state: &State) -> Result<(Context, Event), String> {
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
        let event = person::event(Happened {
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
        step: &Step,
        state: &State,
    ) -> Result<(Option<Resource>, Resource), String> {
        let group = person::of_group(step.event);
        let known = state.resource.as_ref().map(|it| it.document().clone());
        let base = known.clone().unwrap_or_default();
        let mut after = person::merged(&base, &step.resource);
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
            (Some(before), _) => Some(person::merged(&switched(step.event, &after), before)),
            (None, Some(known)) => Some(known),
            (None, None) => Some(Self::unsaid(step, &after)?),
        };
        let before = before.map(|before| self.registry.resource(group, &before)).transpose()?;
        Ok((before, self.registry.resource(group, &after)?))
    }

    /// What a resource was before, where nobody says: as it is, but for what the event changes.
    fn unsaid(step: &Step, after: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        let mut before = switched(step.event, after);
        if step.event == EventKind::Update && step.changes.is_none() {
            let why = "an update says what was different: `before`, or the names in `changes`";
            return Err(why.to_owned());
        }
        for change in step.changes.iter().flatten().filter(|it| !KEPT.contains(&it.as_str())) {
            before.remove(change);
        }
        Ok(before)
    }

    /// Asks until there is an end, then once more from everywhere.
    async fn step(
        &self,
        step: &Step,
        context: Context,
        event: Event,
    ) -> (StepPlayed, Option<Option<Account>>) {
        let (context, event) = (Arc::new(context), Arc::new(event));
        let ask = |exchanges: &[Exchange]| {
            let (context, event) = (Arc::clone(&context), Arc::clone(&event));
            let question = Question { context, event, exchanges: exchanges.into() };
            self.runtime.decide(&self.connector, question, self.limits.decision)
        };
        let mut run = Run::default();
        let mut said: Vec<Decided> = Vec::new();
        loop {
            let decided = ask(&run.exchanges).await;
            let several = self.connector.manifest.endpoints.len() > 1;
            let on = run.take(step, &decided, several, self.limits.calls);
            said.push(decided);
            if !on {
                break;
            }
        }
        // The host asks again after a crash, with as much of the journal as there is.
        for (n, before) in said.iter().enumerate() {
            let again = ask(&run.exchanges[..n.min(run.exchanges.len())]).await;
            if again.answer != before.answer {
                run.problems.push(Problem::Undetermined(undetermined(n, before, &again)));
                break;
            }
        }
        run.end(step, &said)
    }
}

/// A step under way.
#[derive(Default)]
struct Run {
    exchanges: Vec<Exchange>,
    problems: Vec<Problem>,
    transcript: Expected,
    account: Option<Option<Account>>,
}

impl Run {
    /// Takes what the connector said; whether it is to be asked again.
    fn take(&mut self, step: &Step, decided: &Decided, several: bool, calls: usize) -> bool {
        if let Ok(answer) = &decided.answer {
            for rule in rules::broken(answer, &decided.log) {
                self.problems.push(Problem::Rule(rule.to_string()));
            }
        }
        match &decided.answer {
            Ok(Ok(Next::Call(request))) => self.call(step, request, several, calls),
            other => {
                for call in step.calls.iter().skip(self.exchanges.len()) {
                    self.transcript.expected += &expectation::never_made(call);
                    self.transcript.expected += &transcript::answer(&call.answer);
                }
                let ending = expectation::ending(step.then.as_ref(), decided);
                self.transcript.expected += &ending.expected;
                self.transcript.actual += &ending.actual;
                if let Ok(Ok(Next::Done(outcome))) = other {
                    self.account = Some(outcome.account.clone());
                }
                false
            }
        }
    }

    fn call(&mut self, step: &Step, request: &Request, several: bool, calls: usize) -> bool {
        let n = self.exchanges.len();
        let expected = step.calls.get(n);
        let (told, answer) = match (expected, &step.otherwise) {
            (Some(call), _) => (expectation::call(call, request), Some(&call.answer)),
            (None, Some(answer)) => {
                (Expected::same(transcript::request(request, several, &[])), Some(answer))
            }
            (None, None) => {
                let actual = transcript::request(request, several, &[]);
                (Expected { expected: String::new(), actual }, None)
            }
        };
        let differs = told.differs();
        self.transcript.add(&told);
        let Some(answer) = answer.filter(|_| !differs && n < calls) else {
            self.stopped(step, n, expected, differs);
            return false;
        };
        self.transcript.add(&Expected::same(transcript::answer(answer)));
        self.exchanges.push(Exchange { request: request.clone(), response: answer.clone() });
        true
    }

    /// What was still to come when the connector asked for something else.
    fn stopped(&mut self, step: &Step, n: usize, expected: Option<&Call>, differs: bool) {
        if !differs {
            self.problems.push(Problem::Rule(format!("it makes more than {n} calls")));
            return;
        }
        if let Some(call) = expected {
            self.transcript.expected += &transcript::answer(&call.answer);
        }
        for call in step.calls.iter().skip(n + 1) {
            self.transcript.expected += &expectation::never_made(call);
            self.transcript.expected += &transcript::answer(&call.answer);
        }
        let wanted = step.then.as_ref().map_or_else(String::new, expectation::wished);
        self.transcript.expected += &wanted;
        self.transcript.actual += "(stopped here: the scenario has no answer to this request)\n";
    }

    fn end(mut self, step: &Step, said: &[Decided]) -> (StepPlayed, Option<Option<Account>>) {
        if self.transcript.differs() {
            self.problems.insert(0, Problem::Differs);
        }
        let played = StepPlayed {
            event: step.event,
            name: step.name.clone(),
            line: step.line,
            problems: self.problems,
            transcript: self.transcript,
            log: said.last().map(|last| last.log.clone()).unwrap_or_default(),
            calls: self.exchanges.len(),
            elapsed: said.iter().map(|it| it.elapsed).sum(),
            memory_peak: said.iter().map(|it| it.memory_peak).max().unwrap_or_default(),
        };
        // Refused, nothing of the resource changes, and the account stays.
        (played, self.account)
    }
}

/// The resource as it was, as far as the event itself tells.
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

/// What no resource is without.
const KEPT: [&str; 3] = ["userName", "displayName", "active"];

fn undetermined(calls: usize, first: &Decided, again: &Decided) -> String {
    let told = |decided: &Decided| match &decided.answer {
        Ok(answer) => expectation::told(answer),
        Err(failure) => expectation::failed(failure),
    };
    format!(
        "asked again after {calls} calls, with the same context, event and answers, it decides \
         otherwise; a connector may depend on nothing else.\nfirst:\n{}then:\n{}",
        told(first),
        told(again)
    )
}

fn unplayable(step: &Step, why: String) -> StepPlayed {
    StepPlayed {
        event: step.event,
        name: step.name.clone(),
        line: step.line,
        problems: vec![Problem::Unplayable(why)],
        transcript: Expected::default(),
        log: Vec::new(),
        calls: 0,
        elapsed: Duration::ZERO,
        memory_peak: 0,
    }
}

fn member(somebody: &Somebody) -> Member {
    let Somebody { id, name, account } = somebody.clone();
    Member { id, name, account }
}
