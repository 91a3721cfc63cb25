//! `muster connector test`: scenarios, run in the sandbox.

use muster::sample::Fault;
use serde_json::{Value, json};

use super::{ConnectorFolder, connector, connectors, text};
use crate::support::{self, Muster};

#[test]
fn the_scenarios_of_every_embedded_connector_pass() {
    let files = ConnectorFolder::new();
    for connector in muster::embedded::CONNECTORS {
        let project = connectors().join(connector.name);
        let output = super::connector(&["test", "--connector"])
            .arg(files.wasm(connector.name))
            .arg(project)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// Runs a scenario. Returns whether it passed, and the output of the command.
#[track_caller]
fn run_scenario(name: &str, scenario: &str) -> (bool, String) {
    let files = ConnectorFolder::new();
    let file = files.write("scenarios/one.yaml", scenario);
    let output =
        connector(&["test", "--connector"]).arg(files.wasm(name)).arg(file).output().unwrap();
    (output.status.success(), text(&output))
}

/// Asserts that the scenario fails and that the output contains these lines.
#[track_caller]
fn assert_differs(scenario: &str, lines: &[&str]) {
    let (passed, printed) = run_scenario("two-state", scenario);
    assert!(!passed, "{printed}");
    for line in lines {
        assert!(printed.lines().any(|it| it.trim() == *line), "no line {line:?} in:\n{printed}");
    }
}

const LEAVER: &str = "
user: { userName: ann@example.com }
account: { id: 7, membership: active }
event: deactivate
calls:
  - request: DELETE /organizations/acme/members/7
    answer: 204
";

#[test]
fn a_difference_is_shown_next_to_the_expectation() {
    assert!(run_scenario("two-state", LEAVER).0);
    assert_differs(
        &format!("{LEAVER}then: {{ membership: active, note: Kept. }}"),
        &["- done: active", "+ done: absent", "- note: Kept."],
    );
    assert_differs(
        &LEAVER.replace("members/7", "members/8"),
        &["- DELETE /organizations/acme/members/8", "+ DELETE /organizations/acme/members/7"],
    );
    assert_differs(
        &LEAVER.replace("calls:", "calls:\n  - { request: GET /users/7, answer: 200 }"),
        &["- GET /users/7", "+ (stopped here: the scenario has no answer to this request)"],
    );
    let silent = LEAVER.split("calls:").next().unwrap();
    assert_differs(silent, &["+ DELETE /organizations/acme/members/7"]);
    let more = format!("{LEAVER}  - {{ request: GET /users/7, answer: 200 }}");
    assert_differs(&more, &["- GET /users/7"]);
    let refused = format!("{LEAVER}then: {{ refused: retry-later }}");
    assert_differs(&refused, &["- refused: retry-later", "+ done: absent"]);
}

#[test]
fn a_scenario_does_not_compare_results_that_it_does_not_state() {
    for then in ["", "then: { account: 7 }", "then: { membership: absent }"] {
        let (passed, printed) = run_scenario("two-state", &format!("{LEAVER}{then}"));
        assert!(passed, "{then}: {printed}");
    }
    let (passed, printed) =
        run_scenario("two-state", &LEAVER.replace("calls:", "otherwise: 204\n#"));
    assert!(!passed && printed.contains("one.yaml"), "{printed}");
    let silent = LEAVER.split("calls:").next().unwrap();
    assert!(run_scenario("two-state", &format!("{silent}otherwise: 204")).0);
    let (passed, printed) =
        run_scenario("two-state", &format!("{silent}otherwise: 500\nthen: {{ refused: any }}"));
    assert!(passed, "{printed}");
}

#[test]
fn an_invalid_scenario_is_reported_with_its_position() {
    let printed = run_scenario("roster", "event: create\nuser: { userName: ann, nikName: A }").1;
    assert!(printed.contains("nikName is not an attribute of User"), "{printed}");
    assert!(printed.contains("one.yaml:1"), "{printed}");
    let printed = run_scenario("two-state", &format!("{LEAVER}settings: {{ user: users }}")).1;
    assert!(printed.contains("settings/user"), "{printed}");
    let printed = run_scenario("roster", "event: update\nuser: { userName: ann }").1;
    assert!(printed.contains("an update needs the values `before` it"), "{printed}");
    let printed = run_scenario("roster", "event: join").1;
    assert!(
        printed.contains("one.yaml:1:8: unknown variant `join`, expected one of create"),
        "{printed}"
    );
}

#[test]
fn the_connector_of_a_project_is_found_in_its_build_folder() {
    let files = ConnectorFolder::new();
    let project = files.write("people/Cargo.toml", "[package]\nname = \"my-people\"\n");
    let project = project.parent().unwrap();
    let test =
        || connector(&["test"]).arg(project).env_remove("CARGO_TARGET_DIR").output().unwrap();
    assert!(text(&test()).contains("no built connector of"), "{}", text(&test()));
    let built = project.join("target/wasm32-unknown-unknown/release");
    std::fs::create_dir_all(&built).unwrap();
    std::fs::copy(files.wasm("roster"), built.join("my_people.wasm")).unwrap();
    assert!(text(&test()).contains("no scenario is found"), "{}", text(&test()));
    files.write("people/scenarios/a.json", r#"{"event":"create","user":{"userName":"ann"}}"#);
    assert!(test().status.success(), "{}", text(&test()));
    let json = connector(&["test", "--json"]).arg(project.join("scenarios")).output().unwrap();
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["passed"], true);
    assert_eq!(report["connectors"][0]["scenarios"][0]["steps"][0]["event"], "create");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_a_host_is_recorded_as_a_scenario() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let ann = muster.person(&tenant, "ann").await;
    let title = json!([{ "op": "replace", "path": "title", "value": "Lead" }]);
    muster.patch(&tenant, &format!("/Users/{ann}"), title).await.expect(200);
    muster.set_active(&tenant, &ann, false).await.expect(200);
    muster.stage.sample.fail(Fault::status("POST /users", 422, 1));
    muster.post(&tenant, "/Users", support::user("bob")).await.expect(400);
    let listed = muster.admin("GET", "/operations", None).await.expect(200).body;
    let operations = listed["items"].as_array().unwrap();
    assert_eq!(operations.len(), 4, "{listed}");

    let files = ConnectorFolder::new();
    let token = muster.stage.admin_token().await.unwrap().token;
    for operation in operations {
        let id = operation["id"].as_str().unwrap();
        let file = files.0.path().join(format!("scenarios/{id}.yaml"));
        let record = || {
            let mut command = connector(&["test", "--url", &muster.stage.url]);
            command.args(["--admin-token", &token, "--record", id, "--to"]).arg(&file);
            command.arg(files.wasm("two-state")).output().unwrap()
        };
        let recorded = tokio::task::block_in_place(record);
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(recorded.status.success(), "{}\n{written}", text(&recorded));
        assert!(!written.contains("1mz050nq"), "{written}");
        let again = tokio::task::block_in_place(record);
        assert!(text(&again).contains("exists already"), "{}", text(&again));
    }
    // All of them run together, without the host.
    let all = connector(&["test"]).arg(files.wasm("two-state")).output().unwrap();
    assert!(text(&all).contains("4 scenarios passed"), "{}", text(&all));
}
