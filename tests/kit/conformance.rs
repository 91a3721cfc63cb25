//! `muster connector check`: the conformance kit.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{Shelf, connector, text};
use crate::support::guests::guest;

/// What the kit finds in a connector.
struct Found {
    report: Value,
    passed: bool,
}

impl Found {
    fn kinds(&self) -> BTreeSet<&str> {
        let findings = self.report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
    }
}

#[track_caller]
fn check(wasm: &Path, args: &[&str]) -> Found {
    let output = connector(&["check", "--json"]).args(args).arg(wasm).output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|_| panic!("no report: {}", text(&output)));
    Found { report, passed: output.status.success() }
}

#[test]
fn the_connectors_that_come_with_the_host_keep_the_contract() {
    let shelf = Shelf::new();
    for connector in muster::embedded::CONNECTORS {
        let found = check(&shelf.wasm(connector.name), &[]);
        assert!(found.passed, "{}", found.report);
        assert!(found.kinds().is_empty(), "{:#}", found.report["findings"]);
    }
}

/// Each fault of `tests/guests/faulty`, with what the kit calls it.
const BREACHES: [(&str, &str); 21] = [
    ("leaver-stays", "leaver-stays"),
    ("joiner-missing", "joiner-missing"),
    ("let-in", "let-in"),
    ("secret", "secret"),
    ("secret-note", "secret"),
    ("secret-log", "secret"),
    ("undetermined", "undetermined"),
    ("crash", "crash"),
    ("time", "time"),
    ("memory", "memory"),
    ("stack", "stack"),
    ("too-much", "too-much"),
    ("nonsense", "nonsense"),
    ("request", "request"),
    ("header", "request"),
    ("calls", "calls"),
    ("table", "table"),
    ("given-up", "given-up"),
    ("second-account", "second-account"),
    ("forgotten", "forgotten"),
    ("note", "note"),
];

/// Those that somebody should look at, and no more.
const REMARKS: [&str; 6] = ["never-gone", "lost", "ignored", "not-again", "unlisted", "no-way"];

/// What the kit finds where the connector has this fault.
#[track_caller]
fn planted(shelf: &Shelf, fault: &str) -> Found {
    let settings = shelf.write(&format!("{fault}.json"), &json!({ "fault": fault }).to_string());
    let settings = settings.to_str().unwrap();
    check(&shelf.wasm("faulty"), &["--decisions", "60", "--settings", settings])
}

fn faulty() -> Shelf {
    let shelf = Shelf::new();
    std::fs::write(shelf.wasm("faulty"), guest("faulty")).unwrap();
    shelf
}

#[test]
fn every_planted_fault_is_found_and_named() {
    let shelf = faulty();
    for (fault, kind) in BREACHES {
        let found = planted(&shelf, fault);
        assert_eq!(found.kinds(), BTreeSet::from([kind]), "{fault}: {:#}", found.report);
        assert!(!found.passed, "{fault}");
    }
}

#[test]
fn what_is_only_odd_is_remarked_upon() {
    let shelf = faulty();
    for fault in REMARKS {
        let found = planted(&shelf, fault);
        assert_eq!(found.kinds(), BTreeSet::from([fault]), "{:#}", found.report);
        assert!(found.passed, "{fault}");
    }
}

#[test]
fn without_a_fault_there_is_no_finding() {
    let found = planted(&faulty(), "none");
    assert!(found.passed && found.kinds().is_empty(), "{:#}", found.report);
}

#[test]
fn a_finding_is_written_out_as_a_scenario_that_fails_until_it_is_repaired() {
    let shelf = faulty();
    let settings = shelf.write("fault.yaml", "fault: leaver-stays\n");
    let check = |folder: &Path| {
        let mut command = connector(&["check", "--settings"]);
        command.arg(&settings).arg("--write").arg(folder).arg(shelf.wasm("faulty"));
        text(&command.output().unwrap())
    };
    let folder = shelf.0.path().join("scenarios");
    let said = check(&folder);
    assert!(said.contains("POST /accounts/scim-1/suspend ← "), "{said}");
    let file = folder.join("leaver-stays-deactivate.yaml");
    let test = |file: &Path| {
        connector(&["test", "--connector"]).arg(shelf.wasm("faulty")).arg(file).output().unwrap()
    };
    assert!(!test(&file).status.success());
    let scenario = std::fs::read_to_string(&file).unwrap();
    let repaired =
        shelf.write("repaired.yaml", &scenario.replace("leaver-stays\nacc", "none\nacc"));
    assert!(test(&repaired).status.success(), "{}\n{scenario}", text(&test(&repaired)));
}

#[test]
fn the_report_tells_where_events_and_answers_lead() {
    let shelf = Shelf::new();
    let output = connector(&["check"]).arg(shelf.wasm("two-state")).output().unwrap();
    let said = text(&output);
    let row = |beginning: &str| {
        let row = said.lines().find(|line| line.trim().starts_with(beginning));
        let row = row.unwrap_or_else(|| panic!("no row {beginning:?} in:\n{said}"));
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("event"), "event no account active absent");
    assert_eq!(row("create "), "create active active active");
    assert_eq!(row("deactivate "), "deactivate absent absent absent");
    assert_eq!(row("update "), "update active active absent");
    assert!(row("answer").contains("goes on done retry-later"), "{said}");
    assert!(said.contains("It keeps the contract"), "{said}");
}

#[test]
fn settings_that_are_missing_or_wrong_are_told() {
    let shelf = faulty();
    let wrong = shelf.write("wrong.json", r#"{ "fault": 7 }"#);
    let output = connector(&["check", "--settings"]).arg(wrong).arg(shelf.wasm("faulty")).output();
    let said = text(&output.unwrap());
    assert!(said.contains("settings/fault") && said.contains("--settings gives them"), "{said}");
}
