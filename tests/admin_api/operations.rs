//! The journal as operators see it: attempts, successors, and accounts in doubt.

use std::time::Duration;

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::sample::Fault;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{Muster, Tenant, user};

/// Lets every change of the tenant's organisation fail.
fn fail(muster: &Muster, tenant: &Tenant) {
    for method in ["PATCH", "POST", "PUT"] {
        let path = format!("{method} /organizations/{}", tenant.organization);
        muster.stage.sample.fail(Fault::status(path, 503, 1000));
    }
}

/// The tenant's operations in this state, each in full, the newest first.
async fn operations(muster: &Muster, tenant: &Tenant, state: &str) -> Vec<Value> {
    let path = format!("/operations?tenant={}&state={state}", tenant.name);
    let mut found = Vec::new();
    for item in muster.admin("GET", &path, None).await.expect(200).body["items"].as_array().unwrap()
    {
        let path = format!("/operations/{}", item["id"].as_str().unwrap());
        found.push(muster.admin("GET", &path, None).await.expect(200).body);
    }
    found
}

async fn backlog(muster: &Muster, tenant: &Tenant) -> Value {
    let path = format!("/tenants/{}", tenant.name);
    muster.admin("GET", &path, None).await.expect(200).body["backlog"].clone()
}

async fn explain(muster: &Muster, operation: &Value) -> String {
    let id = operation["id"].as_str().unwrap();
    let (status, said) = muster.command(&["operation", "explain", id]).await;
    assert_eq!(status, Some(0), "{said}");
    said
}

#[tokio::test]
async fn a_superseded_operation_names_its_successor_and_an_account_in_doubt_is_shown() {
    let muster = Muster::start_with(LocalEnvironmentConfig {
        answer_within: Duration::from_secs(1),
        longest_call: Duration::from_secs(2),
        ..LocalEnvironmentConfig::default()
    })
    .await;
    let tenant = muster.tenant("three-state").await;
    let id = muster.person(&tenant, "ada").await;
    fail(&muster, &tenant);
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &format!("/Users/{id}"), title).await.expect(429);
    muster.set_active(&tenant, &id, false).await.expect(429);

    let older = operations(&muster, &tenant, "superseded").await.remove(0);
    let newer = operations(&muster, &tenant, "open").await.remove(0);
    assert_eq!((&older["kind"], &newer["kind"]), (&json!("update"), &json!("deactivate")));
    assert_eq!((&older["successor"], &newer["successor"]), (&newer["id"], &json!(null)));
    let account = &newer["account"];
    assert_eq!((&account["in_doubt"], &account["managed"]), (&json!(true), &json!(true)));
    assert_eq!(account["membership"], "active");
    let open = json!({ "open": 1, "held": 0, "failed": 0, "in_doubt": 1 });
    assert_eq!(backlog(&muster, &tenant).await, open);
    let said = explain(&muster, &older).await;
    let successor = format!("superseded by {}", newer["id"].as_str().unwrap());
    assert!(said.contains(&successor) && said.contains("in doubt"), "{said}");
    let (status, said) = muster.command(&["tenant", "show", &tenant.name]).await;
    let line = "1 operation open, 0 held, 0 failed; 1 account in doubt";
    assert!(status == Some(0) && said.contains(line), "{said}");
    let (status, said) = muster.command(&["operation", "list", "--state", "superseded"]).await;
    assert!(status == Some(0) && said.contains("update") && !said.contains("deactivate"), "{said}");

    muster.stage.sample.heal();
    muster.settled().await;
    // The account stays in doubt for as long as a call that was cut off may arrive.
    let nothing = json!({ "open": 0, "held": 0, "failed": 0, "in_doubt": 0 });
    let begun = Instant::now();
    while backlog(&muster, &tenant).await != nothing {
        assert!(begun.elapsed() < Duration::from_secs(60), "the account is still in doubt");
        sleep(Duration::from_millis(50)).await;
    }
    let done = operations(&muster, &tenant, "done").await.remove(0);
    assert_eq!(
        (&done["kind"], &done["account"]["in_doubt"]),
        (&json!("deactivate"), &json!(false))
    );
}

#[tokio::test]
async fn an_operation_shows_each_attempt_with_its_facts_and_its_exchanges() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("two-state").await;
    fail(&muster, &tenant);
    muster.post(&tenant, "/Users", user("ada")).await.expect(429);
    let settings = json!({ "set_settings": { "user": "/users/{user}" } });
    let path = format!("/tenants/{}", tenant.name);
    muster.admin("PATCH", &path, Some(settings)).await.expect(200);
    muster.stage.sample.heal();
    muster.settled().await;

    let operation = operations(&muster, &tenant, "done").await.remove(0);
    assert_eq!((&operation["attempt"], &operation["kind"]), (&json!(2), &json!("create")));
    let ended = operation["ended_attempts"].as_array().unwrap();
    assert_eq!((ended.len(), &ended[0]["attempt"]), (1, &json!(1)));
    assert_eq!(ended[0]["version"], operation["version"]);
    assert!(ended[0]["note"].as_str().unwrap().contains("facts"), "{operation}");
    assert_ne!(ended[0]["context"]["settings"], operation["context"]["settings"]);
    let calls = |attempt: &Value| -> Vec<String> {
        let exchanges = attempt["exchanges"].as_array().unwrap().iter();
        exchanges.map(|it| it["request"]["method"].as_str().unwrap().to_owned()).collect()
    };
    // The person whom the first attempt has made is found by the second.
    assert_eq!(calls(&ended[0]), ["GET", "POST", "PUT"]);
    assert_eq!(calls(&operation), ["GET", "PUT"]);
    let said = explain(&muster, &operation).await;
    assert!(said.contains("attempt 1 until") && said.contains("attempt 2"), "{said}");
    let last = &ended[0]["exchanges"][2];
    assert_eq!(
        (&last["response"], &last["earlier_response"]["Ok"]["status"]),
        (&Value::Null, &json!(503))
    );
    assert!(said.lines().any(|line| line.contains("3. PUT") && line.ends_with("→  503")), "{said}");
    assert!(operation["used"]["calls"].as_u64().unwrap() >= 5, "{operation}");
}

#[tokio::test]
async fn the_answer_after_which_a_call_is_made_again_is_shown_before_and_after() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("three-state").await;
    let id = muster.person(&tenant, "ada").await;
    fail(&muster, &tenant);
    muster.set_active(&tenant, &id, false).await.expect(429);
    let open = operations(&muster, &tenant, "open").await.remove(0);
    let of_call = |operation: &Value| {
        let call = &operation["exchanges"][0];
        (call["response"]["Ok"]["status"].clone(), call["earlier_response"]["Ok"]["status"].clone())
    };
    assert_eq!(of_call(&open), (Value::Null, json!(503)));
    assert!(open["used"]["calls"].as_u64().unwrap() >= 1, "{open}");
    let said = explain(&muster, &open).await;
    assert!(said.contains("→  503, and is made again") && !said.contains(" 0 calls"), "{said}");

    muster.stage.sample.heal();
    muster.settled().await;
    let done = operations(&muster, &tenant, "done").await.remove(0);
    assert_eq!((&done["id"], of_call(&done)), (&open["id"], (json!(200), json!(503))));
    assert!(done["used"]["calls"].as_u64() > open["used"]["calls"].as_u64(), "{done}");
    let said = explain(&muster, &done).await;
    assert!(said.contains("→  200; before that: 503"), "{said}");
}

async fn decide(muster: &Muster, operation: &Value, what: &str) -> Value {
    let path = format!("/operations/{}/{what}", operation["id"].as_str().unwrap());
    muster.admin("POST", &path, None).await.expect(200).body
}

#[tokio::test]
async fn a_held_operation_is_carried_out_by_another_or_its_account_is_released() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let path = format!("/tenants/{}", tenant.name);
    let (ada, bob) = (muster.person(&tenant, "ada").await, muster.person(&tenant, "bob").await);
    muster.admin("POST", &format!("{path}/pause"), None).await.expect(200);
    for id in [&ada, &bob] {
        muster.set_active(&tenant, id, false).await.expect(200);
    }
    assert_eq!(backlog(&muster, &tenant).await["held"], 2);
    let preview = json!({ "preview": true });
    let connect = format!("{path}/connect");
    let shown = muster.admin("POST", &connect, Some(preview)).await.expect(200).body;
    assert_eq!((&shown["held"], &shown["released"]), (&json!(2), &json!(0)));

    let held = operations(&muster, &tenant, "held").await;
    let of = |id: &str| held.iter().find(|it| it["resource"] == id).unwrap();
    let retried = decide(&muster, of(&ada), "retry").await;
    assert_eq!(
        (&retried["state"], &retried["account"]["membership"]),
        (&json!("superseded"), &json!("suspended"))
    );
    assert_eq!(operations(&muster, &tenant, "done").await[0]["id"], retried["successor"]);
    let dropped = decide(&muster, of(&bob), "drop").await;
    assert_eq!(
        (&dropped["state"], &dropped["account"]["managed"]),
        (&json!("dropped"), &json!(false))
    );
    assert_eq!(dropped["account"]["membership"], "active");
    muster.admin("POST", &connect, None).await.expect(200);
    let refused = muster.set_active(&tenant, &bob, true).await.expect(403);
    assert!(refused.body["detail"].as_str().unwrap().contains("--manage-released"), "{refused:?}");
}

#[tokio::test]
async fn what_was_acknowledged_is_carried_out_although_its_operation_is_dropped() {
    let muster = Muster::start_replying_when_recorded().await;
    let tenant = muster.tenant("three-state").await;
    let id = muster.person(&tenant, "ada").await;
    muster.settled().await;
    // Long enough that the host does not try again before the operator decides.
    let headers = [("retry-after".to_owned(), "600".to_owned())].into();
    muster.stage.sample.fail(Fault { headers, ..Fault::status("PATCH /organizations", 503, 1000) });
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &format!("/Users/{id}"), title).await.expect(200);
    let begun = Instant::now();
    let open = loop {
        let open = operations(&muster, &tenant, "open").await.remove(0);
        if open["tries"] == 1 {
            break open;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{open}");
        sleep(Duration::from_millis(50)).await;
    };
    muster.stage.sample.heal();
    assert_eq!(decide(&muster, &open, "drop").await["state"], "dropped");
    muster.settled().await;
    assert_ne!(operations(&muster, &tenant, "done").await[0]["id"], open["id"]);
    let accounts = muster.stage.sample.accounts(&tenant.organization);
    assert_eq!(accounts[0].profile.title.as_deref(), Some("Countess"));
}
