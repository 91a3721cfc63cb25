//! The report of a check, as text for people and as JSON for scripts.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cli::output::{self, BAD, FAINT, GOOD, NOTE, STRONG};
use crate::connector::Connector;
use crate::kit::check::{CheckFinding, CheckReport, DecisionKind, Severity, StartState};
use crate::terminal;

pub(in crate::cli::connector) fn print(
    connector: &Connector,
    wasm: &Path,
    report: &CheckReport,
    elapsed: Duration,
) {
    let manifest = &connector.manifest;
    let (name, version) = (&manifest.name, &manifest.version);
    terminal::println!("{STRONG}{name} {version}{STRONG:#}  {FAINT}{}{FAINT:#}\n", wasm.display());
    terminal::println!(
        "{STRONG}State after each event, if the app accepts every request{STRONG:#}"
    );
    events(report);
    let answers = report.matrix.answers();
    if !answers.is_empty() {
        terminal::println!("\n{STRONG}Decisions after each answer of the app, counted{STRONG:#}");
        let rows: Vec<Value> = answers
            .iter()
            .map(|(answer, decisions)| {
                let mut row = Map::from_iter([("answer".to_owned(), json!(answer))]);
                row.extend(decisions.iter().map(|(to, n)| (to.name().to_owned(), json!(n))));
                Value::Object(row)
            })
            .collect();
        let taken = |to: &DecisionKind| answers.iter().any(|(_, all)| all.contains_key(to));
        let taken = DecisionKind::ALL.into_iter().filter(taken).map(|to| (to.name(), to.name()));
        let columns: Vec<_> = [("answer", "answer")].into_iter().chain(taken).collect();
        output::table(&Value::Array(rows), &columns);
    }
    terminal::println!();
    report.findings.iter().for_each(print_finding);
    print_summary(report, elapsed);
}

fn events(report: &CheckReport) {
    let rows = report.matrix.rows();
    let met = |start: &StartState| rows.iter().any(|row| row.cells.iter().any(|it| it.0 == *start));
    let starts: Vec<StartState> = StartState::ALL.into_iter().filter(met).collect();
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let comma = if row.variant.is_empty() { "" } else { ", " };
            let event = format!("{}{comma}{}", row.event.name(), row.variant);
            let mut cells = Map::from_iter([("event".to_owned(), event.into())]);
            for (start, reached) in &row.cells {
                cells.insert(start.name().to_owned(), reached.as_str().into());
            }
            Value::Object(cells)
        })
        .collect();
    let starts = starts.into_iter().map(|start| (start.name(), start.name()));
    let columns: Vec<_> = [("event", "event")].into_iter().chain(starts).collect();
    output::table(&Value::Array(rows), &columns);
}

fn print_finding(finding: &CheckFinding) {
    /// The most calls of an example that are shown.
    const SHOWN: usize = 8;
    let (mark, style) = match finding.severity() {
        Severity::Breach => ('✗', BAD),
        Severity::Remark => ('!', NOTE),
    };
    let also = match finding.times {
        1 => String::new(),
        times => format!("  (and in {} more ways)", times - 1),
    };
    let (kind, place) = (finding.kind.name(), finding.place());
    terminal::println!("{style}{mark} {kind}{style:#}  {place}{FAINT}{also}{FAINT:#}");
    for line in finding.sentence.lines() {
        terminal::println!("    {line}");
    }
    for (request, answer) in finding.path.iter().take(SHOWN) {
        terminal::println!("    {FAINT}{request} ← {answer}{FAINT:#}");
    }
    if finding.path.len() > SHOWN {
        terminal::println!("    {FAINT}and {} more calls{FAINT:#}", finding.path.len() - SHOWN);
    }
    terminal::println!();
}

fn print_summary(report: &CheckReport, elapsed: Duration) {
    let breaches = count(report, Severity::Breach);
    let remarks = match count(report, Severity::Remark) {
        0 => String::new(),
        1 => ", 1 remark".to_owned(),
        n => format!(", {n} remarks"),
    };
    let (cases, decisions) = (report.cases, report.decisions);
    let took = format!("{cases} cases, {decisions} decisions, {:.1} s", elapsed.as_secs_f64());
    match breaches {
        0 => terminal::println!(
            "{GOOD}It keeps the contract{GOOD:#}{remarks}  {FAINT}{took}{FAINT:#}"
        ),
        _ => {
            let many = if breaches == 1 { "breach" } else { "breaches" };
            let what = format!("{breaches} {many} of the contract");
            terminal::println!("{BAD}{what}{BAD:#}{remarks}  {FAINT}{took}{FAINT:#}");
        }
    }
}

fn count(report: &CheckReport, severity: Severity) -> usize {
    report.findings.iter().filter(|it| it.severity() == severity).count()
}

pub(super) fn json(connector: &Connector, report: &CheckReport) -> Value {
    let events = report.matrix.rows().into_iter().map(|row| {
        let cells = row.cells.iter().map(|(start, it)| (start.name().to_owned(), json!(it)));
        let cells: Map<String, Value> = cells.collect();
        json!({ "event": row.event.name(), "variant": row.variant, "reached": cells })
    });
    let answers = report.matrix.answers().into_iter().map(|(answer, decisions)| {
        let counted = decisions.iter().map(|(to, n)| (to.name().to_owned(), json!(n)));
        (answer.to_owned(), Value::Object(counted.collect()))
    });
    json!({
        "connector": connector.manifest.name,
        "version": connector.manifest.version,
        "digest": connector.digest,
        "conforms": report.conforms(),
        "cases": report.cases,
        "decisions": report.decisions,
        "events": events.collect::<Value>(),
        "answers": Value::Object(answers.collect()),
        "findings": report.findings.iter().map(finding).collect::<Value>(),
    })
}

fn finding(finding: &CheckFinding) -> Value {
    let severity = match finding.severity() {
        Severity::Breach => "breach",
        Severity::Remark => "remark",
    };
    let path = finding.path.iter();
    json!({
        "kind": finding.kind.name(),
        "severity": severity,
        "event": finding.event.name(),
        "variant": finding.variant,
        "start": finding.start.name(),
        "sentence": finding.sentence,
        "path": path.map(|(it, answer)| json!({ "request": it, "answer": answer })).collect::<Value>(),
        "times": finding.times,
    })
}
