//! Answers: what a request reads if an older operation on its resource has failed, and if the app has
//! just refused the same.

use serde_json::{Value, json};

use super::{Scene, assert_refused};
use crate::support::Answer;
use crate::support::meddler::Rule;

const SUSPEND: &str = "POST /organizations/acme/accounts/";

fn detail(answer: &Answer) -> &str {
    answer.body["detail"].as_str().unwrap_or_else(|| panic!("{answer:?}"))
}

/// A user whose deactivation the app refuses. Returns the id, and that of the operation.
async fn refused_leaver() -> (Scene, String, String) {
    let scene = Scene::start("three-state").await;
    let ada = scene.person("ada").await;
    scene.meddler.apply(Rule::refuse(SUSPEND, 422, "the last owner stays").always());
    let answer = scene.set_active(&ada, false).await.expect(429);
    assert!(detail(&answer).contains("the last owner stays"), "{answer:?}");
    let operation = scene.operations_on(&ada).await[0]["id"].as_str().unwrap().to_owned();
    (scene, ada, operation)
}

#[tokio::test]
async fn an_answer_names_the_refused_older_operation_apart_from_the_new_request() {
    let (scene, ada, operation) = refused_leaver().await;
    let answer = scene.set_title(&ada, "Countess").await.expect(429);
    assert!(answer.headers.contains_key("retry-after"));
    for part in [operation.as_str(), "the last owner stays"] {
        assert!(detail(&answer).contains(part), "{part}: {}", detail(&answer));
    }
    scene.meddler.heal();
    scene.agrees("acme", &[]).await;
    scene.insist(async || scene.set_title(&ada, "Countess").await).await.expect(200);
    let shown = scene.shown(&ada).await;
    assert_eq!((&shown["active"], &shown["title"]), (&json!(false), &json!("Countess")));
}

#[tokio::test]
async fn an_operation_that_was_superseded_names_its_successor() {
    let (scene, ada, operation) = refused_leaver().await;
    scene.meddler.heal();
    scene.set_active(&ada, true).await.expect(200);
    scene.agrees("acme", &["ada"]).await;
    let shown = scene.muster.admin("GET", &format!("/operations/{operation}"), None).await;
    let shown = shown.expect(200).body;
    assert_eq!(shown["state"], "superseded", "{shown}");
    let all = scene.operations_on(&ada).await;
    assert!(all.iter().any(|other| other["id"] == shown["successor"]), "{shown}");
    assert_ne!(shown["successor"], json!(operation));
}

#[tokio::test]
async fn a_refusal_after_an_effect_is_repeated_without_asking_the_app_again() {
    let scene = Scene::patient("three-state").await;
    let ada = scene.person("ada").await;
    scene.set_active(&ada, false).await.expect(200);
    scene.meddler.apply(Rule::refuse("PATCH /organizations", 422, "no such title").always());
    let value = json!({ "active": true, "title": "Countess" });
    let operations: Value = json!([{ "op": "replace", "value": value }]);
    let path = format!("/Users/{ada}");
    let first = scene.muster.patch(&scene.acme, &path, operations.clone()).await;
    assert_refused(&first);
    scene.agrees("acme", &[]).await;

    let resumes = || {
        let calls = scene.meddler.seen();
        calls.iter().filter(|call| call.ends_with("/resume")).count()
    };
    let before = resumes();
    let again = scene.muster.patch(&scene.acme, &path, operations).await;
    assert_refused(&again);
    assert!(detail(&again).contains("no such title"), "{again:?}");
    assert_eq!(resumes(), before, "the person is not let in and put out again");
    scene.agrees("acme", &[]).await;

    // Another goal is carried out.
    scene.meddler.heal();
    scene.set_active(&ada, true).await.expect(200);
    scene.agrees("acme", &["ada"]).await;
}
