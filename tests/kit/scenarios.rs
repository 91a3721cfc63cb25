//! `muster connector test`: scenarios in the sandbox.

use muster::sample::Fault;
use serde_json::{Value, json};

use super::{Shelf, connector, connectors, text};
use crate::support::{self, Muster};

#[test]
fn the_scenarios_of_every_connector_hold() {
    let shelf = Shelf::new();
    for connector in muster::embedded::CONNECTORS {
        let project = connectors().join(connector.name);
        let output = super::connector(&["test", "--connector"])
            .arg(shelf.wasm(connector.name))
            .arg(project)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// What the command says of a scenario, and whether it passed.
#[track_caller]
fn play(name: &str, scenario: &str) -> (bool, String) {
    let shelf = Shelf::new();
    let file = shelf.write("scenarios/one.yaml", scenario);
    let output =
        connector(&["test", "--connector"]).arg(shelf.wasm(name)).arg(file).output().unwrap();
    (output.status.success(), text(&output))
}

#[track_caller]
fn differs(scenario: &str, lines: &[&str]) {
    let (passed, said) = play("two-state", scenario);
    assert!(!passed, "{said}");
    for line in lines {
        assert!(said.lines().any(|it| it.trim() == *line), "no line {line:?} in:\n{said}");
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
fn what_differs_is_shown_beside_what_was_expected() {
    assert!(play("two-state", LEAVER).0);
    differs(
        &format!("{LEAVER}then: {{ membership: active, note: Kept. }}"),
        &["- done: active", "+ done: absent", "- note: Kept."],
    );
    differs(
        &LEAVER.replace("members/7", "members/8"),
        &["- DELETE /organizations/acme/members/8", "+ DELETE /organizations/acme/members/7"],
    );
    differs(
        &LEAVER.replace("calls:", "calls:\n  - { request: GET /users/7, answer: 200 }"),
        &["- GET /users/7", "+ (stopped here: the scenario has no answer to this request)"],
    );
    let silent = LEAVER.split("calls:").next().unwrap();
    differs(silent, &["+ DELETE /organizations/acme/members/7"]);
    let more = format!("{LEAVER}  - {{ request: GET /users/7, answer: 200 }}");
    differs(&more, &["- GET /users/7"]);
    let refused = format!("{LEAVER}then: {{ refused: retry-later }}");
    differs(&refused, &["- refused: retry-later", "+ done: absent"]);
}

#[test]
fn what_is_not_said_may_be_anything() {
    for then in ["", "then: { account: 7 }", "then: { membership: absent }"] {
        let (passed, said) = play("two-state", &format!("{LEAVER}{then}"));
        assert!(passed, "{then}: {said}");
    }
    let (passed, said) = play("two-state", &LEAVER.replace("calls:", "otherwise: 204\n#"));
    assert!(!passed && said.contains("one.yaml"), "{said}");
    let silent = LEAVER.split("calls:").next().unwrap();
    assert!(play("two-state", &format!("{silent}otherwise: 204")).0);
    let (passed, said) =
        play("two-state", &format!("{silent}otherwise: 500\nthen: {{ refused: any }}"));
    assert!(passed, "{said}");
}

#[test]
fn a_scenario_that_cannot_be_played_says_why_and_where() {
    let said = play("roster", "event: create\nuser: { userName: ann, nikName: A }").1;
    assert!(said.contains("nikName is not an attribute of User"), "{said}");
    assert!(said.contains("one.yaml:1"), "{said}");
    let said = play("two-state", &format!("{LEAVER}settings: {{ user: users }}")).1;
    assert!(said.contains("settings/user"), "{said}");
    let said = play("roster", "event: update\nuser: { userName: ann }").1;
    assert!(said.contains("an update says what was different"), "{said}");
    let said = play("roster", "event: join").1;
    assert!(
        said.contains("one.yaml:1:8: unknown variant `join`, expected one of create"),
        "{said}"
    );
}

#[test]
fn a_project_is_found_by_what_was_built_in_it_last() {
    let shelf = Shelf::new();
    let project = shelf.write("people/Cargo.toml", "[package]\nname = \"my-people\"\n");
    let project = project.parent().unwrap();
    let test =
        || connector(&["test"]).arg(project).env_remove("CARGO_TARGET_DIR").output().unwrap();
    assert!(text(&test()).contains("no built connector of"), "{}", text(&test()));
    let built = project.join("target/wasm32-unknown-unknown/release");
    std::fs::create_dir_all(&built).unwrap();
    std::fs::copy(shelf.wasm("roster"), built.join("my_people.wasm")).unwrap();
    assert!(text(&test()).contains("no scenario is found"), "{}", text(&test()));
    shelf.write("people/scenarios/a.json", r#"{"event":"create","user":{"userName":"ann"}}"#);
    assert!(test().status.success(), "{}", text(&test()));
    let json = connector(&["test", "--json"]).arg(project.join("scenarios")).output().unwrap();
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["passed"], true);
    assert_eq!(report["connectors"][0]["scenarios"][0]["steps"][0]["event"], "create");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_a_host_becomes_a_scenario() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let ann = muster.person(&tenant, "ann").await;
    let title = json!([{ "op": "replace", "path": "title", "value": "Lead" }]);
    muster.patch(&tenant, &format!("/Users/{ann}"), title).await.expect(200);
    muster.set_active(&tenant, &ann, false).await.expect(200);
    muster.stage.sample.fail(Fault::status("POST /users", 422, 1));
    muster.post(&tenant, "/Users", support::user("bob")).await.expect(400);
    let listed = muster.admin("GET", "/operations", None).await.expect(200).body;
    let operations = listed["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 4, "{listed}");

    let shelf = Shelf::new();
    let token = muster.stage.admin_token().await.unwrap().token;
    for operation in operations {
        let id = operation["id"].as_str().unwrap();
        let file = shelf.0.path().join(format!("scenarios/{id}.yaml"));
        let record = || {
            let mut command = connector(&["test", "--url", &muster.stage.url]);
            command.args(["--admin-token", &token, "--record", id, "--to"]).arg(&file);
            command.arg(shelf.wasm("two-state")).output().unwrap()
        };
        let recorded = tokio::task::block_in_place(record);
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(recorded.status.success(), "{}\n{written}", text(&recorded));
        assert!(!written.contains("1mz050nq"), "{written}");
        let again = tokio::task::block_in_place(record);
        assert!(text(&again).contains("is there already"), "{}", text(&again));
    }
    // They play without the host, all together.
    let all = connector(&["test"]).arg(shelf.wasm("two-state")).output().unwrap();
    assert!(text(&all).contains("4 scenarios passed"), "{}", text(&all));
}
