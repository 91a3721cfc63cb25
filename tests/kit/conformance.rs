//! `muster connector check`: the checks that every connector must pass.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{ConnectorFolder, connector, text};
use crate::support::guests::guest;

/// The result of a check.
struct CheckResult {
    report: Value,
    passed: bool,
}

impl CheckResult {
    /// The kinds of the findings.
    fn kinds(&self) -> BTreeSet<&str> {
        let findings = self.report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
    }
}

#[track_caller]
fn check(wasm: &Path, args: &[&str]) -> CheckResult {
    let output = connector(&["check", "--json"]).args(args).arg(wasm).output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|_| panic!("no report: {}", text(&output)));
    CheckResult { report, passed: output.status.success() }
}

#[test]
fn the_embedded_connectors_pass_without_findings() {
    let files = ConnectorFolder::new();
    for connector in muster::embedded::CONNECTORS {
        let found = check(&files.wasm(connector.name), &[]);
        assert!(found.passed, "{}", found.report);
        assert!(found.kinds().is_empty(), "{:#}", found.report["findings"]);
    }
}

/// The faults of `tests/guests/faulty` that fail the check, each with the kind of its finding.
const BREACHES: [(&str, &str); 29] = [
    ("leaver-stays", "leaver-stays"),
    ("joiner-missing", "joiner-missing"),
    ("let-in", "let-in"),
    ("secret", "secret"),
    ("secret-member", "secret"),
    ("secret-note", "secret"),
    ("secret-data", "secret"),
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
    ("range", "request"),
    ("calls", "calls"),
    ("table", "table"),
    ("given-up", "given-up"),
    ("profile-first", "profile-first"),
    ("no-account", "no-account"),
    ("rewrites", "rewrites"),
    ("second-account", "second-account"),
    ("other-end", "other-end"),
    ("not-again", "not-again"),
    ("forgotten", "forgotten"),
    ("note", "note"),
];

/// The faults that are reported and do not fail the check.
const REMARKS: [&str; 7] =
    ["never-gone", "not-looked-for", "lost", "ignored", "unlisted", "needs-leave", "no-way"];

/// Checks the faulty connector with this fault.
#[track_caller]
fn check_fault(files: &ConnectorFolder, fault: &str) -> CheckResult {
    let settings = files.write(&format!("{fault}.json"), &json!({ "fault": fault }).to_string());
    let settings = settings.to_str().unwrap();
    check(&files.wasm("faulty"), &["--decisions", "60", "--settings", settings])
}

fn faulty() -> ConnectorFolder {
    let files = ConnectorFolder::new();
    std::fs::write(files.wasm("faulty"), guest("faulty")).unwrap();
    files
}

#[test]
fn every_fault_is_found_and_named() {
    let files = faulty();
    for (fault, kind) in BREACHES {
        let found = check_fault(&files, fault);
        assert_eq!(found.kinds(), BTreeSet::from([kind]), "{fault}: {:#}", found.report);
        assert!(!found.passed, "{fault}");
    }
}

#[test]
fn unusual_behaviour_is_reported_and_does_not_fail_the_check() {
    let files = faulty();
    for fault in REMARKS {
        let found = check_fault(&files, fault);
        assert_eq!(found.kinds(), BTreeSet::from([fault]), "{:#}", found.report);
        assert!(found.passed, "{fault}");
    }
}

#[test]
fn a_connector_without_faults_has_no_findings() {
    let found = check_fault(&faulty(), "none");
    assert!(found.passed && found.kinds().is_empty(), "{:#}", found.report);
}

#[test]
fn a_finding_is_written_as_a_scenario_that_fails_until_the_fault_is_repaired() {
    let files = faulty();
    let settings = files.write("fault.yaml", "fault: leaver-stays\n");
    let check = |folder: &Path| {
        let mut command = connector(&["check", "--settings"]);
        command.arg(&settings).arg("--write").arg(folder).arg(files.wasm("faulty"));
        text(&command.output().unwrap())
    };
    let folder = files.0.path().join("scenarios");
    let printed = check(&folder);
    assert!(printed.contains("POST /accounts/scim-1/suspend ← "), "{printed}");
    let file = folder.join("leaver-stays-deactivate.yaml");
    let test = |file: &Path| {
        connector(&["test", "--connector"]).arg(files.wasm("faulty")).arg(file).output().unwrap()
    };
    assert!(!test(&file).status.success());
    let scenario = std::fs::read_to_string(&file).unwrap();
    let repaired =
        files.write("repaired.yaml", &scenario.replace("fault: leaver-stays", "fault: none"));
    assert!(test(&repaired).status.success(), "{}\n{scenario}", text(&test(&repaired)));
}

#[test]
fn the_report_shows_the_results_of_events_and_of_app_responses() {
    let files = ConnectorFolder::new();
    let output = connector(&["check"]).arg(files.wasm("two-state")).output().unwrap();
    let printed = text(&output);
    let row = |beginning: &str| {
        let row = printed.lines().find(|line| line.trim().starts_with(beginning));
        let row = row.unwrap_or_else(|| panic!("no row {beginning:?} in:\n{printed}"));
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("event"), "event no account active absent");
    assert_eq!(row("create "), "create active active active");
    assert_eq!(row("deactivate "), "deactivate absent absent absent");
    assert_eq!(row("update "), "update active active absent");
    assert!(row("answer").contains("goes on done retry-later"), "{printed}");
    assert!(printed.contains("It keeps the contract"), "{printed}");
}

#[test]
fn missing_or_invalid_settings_are_named_in_the_error() {
    let files = faulty();
    let wrong = files.write("wrong.json", r#"{ "fault": 7 }"#);
    let output = connector(&["check", "--settings"]).arg(wrong).arg(files.wasm("faulty")).output();
    let printed = text(&output.unwrap());
    assert!(
        printed.contains("settings/fault") && printed.contains("--settings gives them"),
        "{printed}"
    );
}
