//! `muster conformance`: passes against muster, and fails against servers with one fault each.

use std::time::Duration;

use clap::{CommandFactory, Parser};
use muster::conformance::{
    ConformanceArgs, ConformanceReport, Options, StepResult, SuiteName, run,
};
use serde_json::{Value, json};

use crate::support::wrong_server::{self, Wrong};
use crate::support::{Muster, Tenant};

async fn conformance(url: &str, token: &str) -> ConformanceReport {
    let options = Options {
        url: url.to_owned(),
        token: token.to_owned(),
        raw_token: false,
        suites: SuiteName::of_url(url),
        pause: Duration::ZERO,
    };
    run(options).await.unwrap()
}

async fn check_muster(connector: &str) {
    let muster = Muster::start().await;
    let tenant = muster.tenant(connector).await;
    let report = conformance(&tenant.base_url, &tenant.token).await;
    assert!(report.passed(), "{report}");
    // The optional steps of one suite are those of apps of Okta's App Integration Wizard; those of
    // the other assert on time.
    let lifecycle = report.suites.iter().find(|suite| suite.name == "okta-lifecycle").unwrap();
    assert!(lifecycle.steps.iter().all(|step| step.passed()), "{report}");
    check_muster_v1(&muster, &tenant).await;
}

/// Okta's suite for SCIM 1.1 with its optional steps, on the same tenant. Response times are not
/// checked here, because they depend on the machine.
async fn check_muster_v1(muster: &Muster, tenant: &Tenant) {
    muster.post(tenant, "/Groups", json!({ "displayName": "Engineers" })).await.expect(201);
    let report = conformance(&tenant.base_url.replace("/v2", "/v1"), &tenant.token).await;
    let steps = &report.suites[0].steps;
    assert_eq!(steps.len(), 16);
    let wrong = steps.iter().filter(|step| match &step.verdict {
        StepResult::Passed => false,
        StepResult::Failed { failures } => !failures.iter().all(|it| it.contains("response time")),
        StepResult::Skipped { .. } => true,
    });
    assert_eq!(wrong.count(), 0, "{report}");
}

#[tokio::test]
async fn muster_passes_with_the_roster_connector() {
    check_muster("roster").await;
}

#[tokio::test]
async fn muster_passes_with_the_two_state_connector() {
    check_muster("two-state").await;
}

#[tokio::test]
async fn muster_passes_with_the_three_state_connector() {
    check_muster("three-state").await;
}

/// Checks that exactly these steps do not pass against a server with this fault.
async fn check(wrong: Wrong, expected: &[&str]) {
    let report = failing(&wrong_server::start(wrong).await, expected).await;
    assert_eq!(report.passed(), expected.is_empty(), "{report}");
}

/// The same for SCIM 1.1.
async fn check_v1(wrong: Wrong, expected: &[&str], passed: bool) {
    let report = failing(&wrong_server::start_v1(wrong).await, expected).await;
    assert_eq!(report.passed(), passed, "{report}");
}

async fn failing(url: &str, expected: &[&str]) -> ConformanceReport {
    let report = conformance(url, wrong_server::TOKEN).await;
    let steps = report.suites.iter().flat_map(|suite| &suite.steps);
    let failed: Vec<&str> =
        steps.filter(|step| !step.passed()).map(|step| step.name.as_str()).collect();
    assert_eq!(failed, expected, "{report}");
    report
}

#[tokio::test]
async fn a_correct_server_passes_every_step() {
    check(Wrong::Nowhere, &[]).await;
}

#[tokio::test]
async fn a_server_that_loses_deactivated_users_fails() {
    check(
        Wrong::GoneAfterDeactivation,
        &[
            "Deactivate: the user still answers, inactive",
            "Deactivate: the filter still finds the user",
            "Unassign: the user still answers, inactive",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_changes_the_case_of_user_names_fails() {
    check(
        Wrong::LowerCaseUserNames,
        &[
            "Create Okta user with realistic values",
            "Verify that user was created",
            "Assign: the filter finds the user as sent",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_server_whose_list_numbers_are_strings_fails() {
    check(
        Wrong::TextForNumbers,
        &[
            "Test Users endpoint",
            "Make sure random user doesn't exist",
            "Assign: the user is not there yet",
            "Deactivate: the filter still finds the user",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_creates_the_same_user_twice_fails() {
    check(Wrong::OkForDuplicates, &["Expect failure when recreating user with same values"]).await;
}

#[tokio::test]
async fn a_server_that_accepts_any_token_fails() {
    check(Wrong::OkForTheUnauthorised, &["Check status 401"]).await;
}

#[tokio::test]
async fn a_server_whose_errors_are_plain_text_fails() {
    check(
        Wrong::PlainTextErrors,
        &["Test invalid User by ID", "Check status 401", "Check status 404"],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_gives_a_reactivated_user_a_new_id_fails() {
    check(
        Wrong::NewIdOnReturn,
        &[
            "Activate and assign again: active under the same id",
            "Deactivate by PUT, as apps from the integration wizard do",
            "Activate by PUT, as apps from the integration wizard do",
            "Unassign",
            "Unassign: the user still answers, inactive",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_correct_server_of_scim_1_1_passes_every_step() {
    check_v1(Wrong::Nowhere, &[], true).await;
}

#[tokio::test]
async fn a_server_of_scim_1_1_that_accepts_any_filter_fails() {
    check_v1(Wrong::AnythingForFilter, &["A filter that is none"], false).await;
}

#[tokio::test]
async fn a_server_of_scim_1_1_that_answers_with_schemas_of_scim_2_fails() {
    let expected = [
        "Verify ServiceProviderConfigs endpoint",
        "Verify ResourceTypes endpoint",
        "Verify Schemas endpoint",
        "Test Users endpoint",
        "Test invalid User by username",
        "Make sure random user doesn't exist",
    ];
    check_v1(Wrong::ModernSchemas, &expected, false).await;
}

#[tokio::test]
async fn a_server_of_scim_1_1_without_discovery_passes() {
    let expected = [
        "Verify ServiceProviderConfigs endpoint",
        "POST to ServiceProviderConfigs is not allowed",
        "Verify ResourceTypes endpoint",
        "POST to ResourceTypes is not allowed",
        "Verify Schemas endpoint",
        "POST to Schemas is not allowed",
    ];
    check_v1(Wrong::NoDiscovery, &expected, true).await;
}

#[tokio::test]
async fn a_server_of_scim_1_1_with_a_fault_of_scim_2_fails() {
    let case = ["Create Okta user with realistic values", "Verify that user was created"];
    check_v1(Wrong::LowerCaseUserNames, &case, false).await;
    let twice = ["Expect failure when recreating user with same values"];
    check_v1(Wrong::OkForDuplicates, &twice, false).await;
    check_v1(Wrong::PlainTextErrors, &["Test invalid User by ID"], false).await;
    let texts = ["Test Users endpoint", "Make sure random user doesn't exist"];
    check_v1(Wrong::TextForNumbers, &texts, false).await;
}

#[tokio::test]
async fn a_report_names_the_failures_and_shows_request_and_answer() {
    let url = wrong_server::start(Wrong::GoneAfterDeactivation).await;
    let report = conformance(&url, wrong_server::TOKEN).await.to_string();
    for line in [
        "   the status should be the number 200, but is 404",
        "   `active` should be false, but is missing",
        "   > GET /Users/user-2",
        "Failed: 21 of 24 required and 3 of 3 optional steps passed.",
    ] {
        assert!(report.lines().any(|there| there == line), "{line}\n{report}");
    }
    assert!(!report.contains(wrong_server::TOKEN), "{report}");
}

#[tokio::test]
async fn a_report_as_json_has_the_result_and_the_failures() {
    let url = wrong_server::start(Wrong::NewIdOnReturn).await;
    let report = conformance(&url, wrong_server::TOKEN).await.to_json();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["passed"], false);
    let steps = &report["suites"][1]["steps"];
    assert_eq!(steps[9]["result"], "passed");
    assert_eq!(steps[10]["result"], "failed");
    assert_eq!(steps[10]["failures"][0], "the status should be the number 200, but is 404");
    assert_eq!(steps[10]["excerpt"]["status"], 404);
    assert_eq!(steps[11]["result"], "skipped");
    assert_eq!(steps[11]["reason"], "no earlier step gave `returned`");
}

#[tokio::test]
async fn an_empty_directory_gets_a_user_first_and_the_report_says_so() {
    let url = wrong_server::start(Wrong::Nowhere).await;
    let seeded =
        |report: &ConformanceReport| report.notes[0].starts_with("The directory was empty; ");
    assert!(seeded(&conformance(&url, wrong_server::TOKEN).await));
    assert!(!seeded(&conformance(&url, wrong_server::TOKEN).await));
}

#[tokio::test]
async fn an_unreachable_server_is_an_error_and_not_a_failed_report() {
    let options = Options {
        url: "http://127.0.0.1:1/scim/v2".to_owned(),
        token: "any".to_owned(),
        raw_token: false,
        suites: SuiteName::ALL.to_vec(),
        pause: Duration::ZERO,
    };
    let error = run(options).await.unwrap_err();
    assert!(format!("{error:#}").starts_with("no answer from http://127.0.0.1:1/scim/v2: "));
}

#[test]
fn every_suite_can_be_chosen_and_the_help_describes_it() {
    let help = Conformance::command().render_long_help().to_string();
    for word in [
        "okta-spec",
        "okta-spec-1.1",
        "okta-lifecycle",
        "--url <URL>",
        "--token <TOKEN>",
        "--raw-token",
    ] {
        assert!(help.contains(word), "{word}\n{help}");
    }
    let chosen = ["conformance", "--url", "u", "--token", "t", "--suite", "okta-lifecycle"];
    let options = Options::from(Conformance::try_parse_from(chosen).unwrap().args);
    assert_eq!(options.suites, [SuiteName::OktaLifecycle]);
    let all = ["conformance", "--url", "u", "--token", "t"];
    let options = Options::from(Conformance::try_parse_from(all).unwrap().args);
    assert_eq!(options.suites, [SuiteName::OktaSpec, SuiteName::OktaLifecycle]);
    let older = ["conformance", "--url", "https://a.test/scim/v1", "--token", "t"];
    let options = Options::from(Conformance::try_parse_from(older).unwrap().args);
    assert_eq!(options.suites, [SuiteName::OktaSpec11]);
}

#[derive(Parser)]
struct Conformance {
    #[command(flatten)]
    args: ConformanceArgs,
}
