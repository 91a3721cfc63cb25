//! The report on played scenarios, as text for people and as JSON for scripts.

use std::path::Path;
use std::time::Duration;

use anstyle::Style;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::{BAD, FAINT, NAME, STRONG};
use crate::cli::output::GOOD;
use crate::connector::Connector;
use crate::kit::scenario::Scenario;
use crate::kit::{ExpectedAndActual, ScenarioResult, ScenarioStepResult, StepProblem};
use crate::terminal;

/// The results of all scenarios of one connector.
pub(super) struct TestReport<'a> {
    pub(super) connector: &'a Connector,
    pub(super) wasm: &'a Path,
    pub(super) scenarios: &'a [Scenario],
    pub(super) played: &'a [ScenarioResult],
    pub(super) elapsed: Duration,
}

impl TestReport<'_> {
    pub(super) fn print(&self) {
        let manifest = &self.connector.manifest;
        let (name, version) = (&manifest.name, &manifest.version);
        terminal::println!(
            "{STRONG}{name} {version}{STRONG:#}  {FAINT}{}{FAINT:#}",
            self.wasm.display()
        );
        let mut file = "";
        for (scenario, played) in self.scenarios.iter().zip(self.played) {
            if &*scenario.file != file {
                file = &scenario.file;
                terminal::println!("\n  {NAME}{file}{NAME:#}");
            }
            print_scenario(scenario, played);
        }
        let passed = self.played.iter().filter(|played| played.passed()).count();
        let (all, failed) = (self.played.len(), self.played.len() - passed);
        let took = self.elapsed.as_secs_f64();
        let many = if all == 1 { "scenario" } else { "scenarios" };
        match failed {
            0 => terminal::println!(
                "\n{GOOD}{all} {many} passed{GOOD:#}  {FAINT}{took:.2} s{FAINT:#}\n"
            ),
            _ => terminal::println!(
                "\n{BAD}{failed} of {all} {many} failed{BAD:#}  {FAINT}{took:.2} s{FAINT:#}\n"
            ),
        }
    }

    pub(super) fn json(&self) -> Value {
        let manifest = &self.connector.manifest;
        let scenarios = self.scenarios.iter().zip(self.played);
        json!({
            "connector": manifest.name,
            "version": manifest.version,
            "digest": self.connector.digest,
            "scenarios": scenarios.map(|(scenario, played)| json!({
                "name": scenario.name,
                "file": &*scenario.file,
                "line": scenario.line,
                "passed": played.passed(),
                "steps": played.steps.iter().map(step).collect::<Value>(),
            })).collect::<Value>(),
        })
    }
}

fn step(step: &ScenarioStepResult) -> Value {
    json!({
        "event": step.event.name(),
        "name": step.name,
        "line": step.line,
        "passed": step.problems.is_empty(),
        "problems": step.problems.iter().map(sentence).collect::<Value>(),
        "expected": step.transcript.expected,
        "actual": step.transcript.actual,
        "calls": step.calls,
        "log": step.log.iter().map(|l| format!("{}: {}", l.level, l.message)).collect::<Value>(),
        "microseconds": u64::try_from(step.elapsed.as_micros()).unwrap_or(u64::MAX),
        "memory_peak": step.memory_peak,
    })
}

fn sentence(problem: &StepProblem) -> String {
    match problem {
        StepProblem::Differs => "the decisions differ from the scenario".to_owned(),
        StepProblem::Undetermined(why) | StepProblem::Unplayable(why) | StepProblem::Rule(why) => {
            why.clone()
        }
    }
}

fn print_scenario(scenario: &Scenario, played: &ScenarioResult) {
    let (steps, all) = (played.steps.len(), scenario.steps.len());
    let calls: usize = played.steps.iter().map(|step| step.calls).sum();
    let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
    let counted = if all == 1 { calls } else { format!("{all} steps, {calls}") };
    if played.passed() {
        terminal::println!("    {GOOD}✓{GOOD:#} {}  {FAINT}{counted}{FAINT:#}", scenario.name);
        return;
    }
    terminal::println!("    {BAD}✗ {}{BAD:#}", scenario.name);
    for (n, step) in played.steps.iter().enumerate().filter(|(_, it)| !it.problems.is_empty()) {
        let event = step.event.name();
        let name = step.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let nth = if all > 1 { format!("step {} of {all}, ", n + 1) } else { String::new() };
        let place = format!("{}:{}", scenario.file, step.line);
        terminal::println!("      {nth}{STRONG}{event}{STRONG:#}{name}  {FAINT}{place}{FAINT:#}");
        for problem in &step.problems {
            match problem {
                StepProblem::Differs => print_difference(&step.transcript),
                other => indented(&sentence(other), BAD),
            }
        }
        for line in &step.log {
            let message = terminal::shown(&line.message);
            terminal::println!("        {FAINT}log: {}: {message}{FAINT:#}", line.level);
        }
    }
    if steps < all {
        terminal::println!("      {FAINT}the {} after it were not played{FAINT:#}", all - steps);
    }
}

fn print_difference(transcript: &ExpectedAndActual) {
    terminal::println!("        {GOOD}- expected{GOOD:#}  {BAD}+ actual{BAD:#}");
    let difference = TextDiff::from_lines(transcript.expected.as_str(), transcript.actual.as_str());
    for change in difference.iter_all_changes() {
        let (mark, style) = match change.tag() {
            ChangeTag::Delete => ('-', GOOD),
            ChangeTag::Insert => ('+', BAD),
            ChangeTag::Equal => (' ', FAINT),
        };
        let text = change.value().trim_end_matches('\n');
        terminal::println!("        {style}{mark} {text}{style:#}");
    }
}

fn indented(text: &str, style: Style) {
    for line in text.lines() {
        terminal::println!("        {style}{line}{style:#}");
    }
}
