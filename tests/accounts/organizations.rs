//! Two organisations of one app: a decision that deletes an account looks at the other organisations
//! when it is made, keeps them from joining until it is carried out, and counts those that are in
//! doubt.
//!
//! The app does not say which organisations a person is in, so only the host knows.

use std::time::Duration;

use muster::embedded::CONNECTORS;
use serde_json::json;
use tokio::time::sleep;

use super::{Scene, assert_not_done, eventually};
use crate::support::meddler::Rule;
use crate::support::{Tenant, replaced, user};

const DELETION: &str = "DELETE /users/";

/// An app whose accounts are deleted with the last organisation that they are in.
async fn shared() -> (Scene, Tenant) {
    let settings = json!({ "delete_account": "when-unused", "fields": { "organizations": "" } });
    let scene = Scene::with("two-state", settings).await;
    let beta = scene.beta().await;
    (scene, beta)
}

async fn is_gone(scene: &Scene, id: &str) {
    scene.muster.get(&scene.acme, &format!("/Users/{id}")).await.expect(404);
}

#[tokio::test]
async fn an_account_is_kept_if_a_second_organisation_has_it() {
    let (scene, beta) = shared().await;
    let ada = scene.person("ada").await;
    scene.muster.person(&beta, "ada").await;
    scene.delete(&ada).await.expect(204);
    scene.agrees("acme", &[]).await;
    scene.agrees("beta", &["ada"]).await;
    assert_eq!(scene.meddler.count(DELETION), 0);
}

#[tokio::test]
async fn a_person_who_joins_while_another_organisation_deletes_the_account_is_in_the_app() {
    let (scene, beta) = shared().await;
    let ada = scene.person("ada").await;
    let mut held = scene.meddler.hold_before(DELETION);
    let join = async || scene.muster.post(&beta, "/Users", user("ada")).await;
    let (deleted, joined) = tokio::join!(scene.delete(&ada), async {
        held.arrived().await;
        let release = async {
            sleep(Duration::from_millis(200)).await;
            held.release().await;
        };
        tokio::join!(scene.insist(join), release).0
    });
    assert!([204, 429].contains(&deleted.status), "{deleted:?}");
    joined.expect(201);
    scene.agrees("beta", &["ada"]).await;
    scene.agrees("acme", &[]).await;
    is_gone(&scene, &ada).await;
}

#[tokio::test]
async fn a_deletion_that_is_tried_again_counts_the_organisations_afresh() {
    let (scene, beta) = shared().await;
    let ada = scene.person("ada").await;
    scene.meddler.apply(Rule::refuse(DELETION, 503, "down").always());
    scene.delete(&ada).await.expect(429);
    // The deletion waits for its next attempt, and keeps no organisation from the account.
    scene.muster.post(&beta, "/Users", user("ada")).await.expect(201);
    scene.meddler.heal();
    scene.insist(async || scene.delete(&ada).await).await;
    scene.agrees("acme", &[]).await;
    scene.agrees("beta", &["ada"]).await;
    is_gone(&scene, &ada).await;
}

#[tokio::test]
async fn an_organisation_whose_join_is_in_doubt_counts_when_the_account_is_deleted() {
    let (scene, beta) = shared().await;
    let ada = scene.person("ada").await;
    let join = "PUT /organizations/beta/members";
    scene.meddler.apply(Rule::cut_after(join));
    scene.meddler.apply(Rule::refuse(join, 503, "down").always());
    let joined = scene.muster.post(&beta, "/Users", user("ada")).await;
    assert_not_done(&joined);
    let deleted = scene.delete(&ada).await;
    assert!([204, 429].contains(&deleted.status), "{deleted:?}");
    assert_eq!(scene.meddler.count(DELETION), 0, "beta may have the account");
    scene.meddler.heal();
    let join = async || scene.muster.post(&beta, "/Users", user("ada")).await;
    scene.insist(join).await.expect(201);
    scene.agrees("acme", &[]).await;
    scene.agrees("beta", &["ada"]).await;
    is_gone(&scene, &ada).await;
    assert_eq!(scene.meddler.count(DELETION), 0);
}

/// The first attempt takes the person out of the organisation. The second begins again, because
/// another organisation has joined, and has no effect.
#[tokio::test]
async fn a_deletion_that_an_operator_drops_is_undone_if_an_earlier_attempt_had_an_effect() {
    let (scene, beta) = shared().await;
    let ada = scene.person("ada").await;
    scene.meddler.apply(Rule::refuse(DELETION, 503, "down").always());
    scene.delete(&ada).await.expect(429);
    scene.muster.person(&beta, "ada").await;
    scene.meddler.heal();
    let leave = "DELETE /organizations/acme/members";
    scene.meddler.apply(Rule::refuse(leave, 422, "the last owner stays").always());
    let leaves = scene.meddler.count(leave);
    let operation = &scene.operations_on(&ada).await[0];
    let path = format!("/operations/{}", operation["id"].as_str().unwrap());
    scene.muster.admin("POST", &format!("{path}/retry"), None).await.expect(200);
    eventually("the second attempt should begin with the first call", async || {
        scene.meddler.count(leave) > leaves
    })
    .await;
    scene.muster.admin("POST", &format!("{path}/drop"), None).await.expect(200);
    scene.agrees("acme", &["ada"]).await;
    assert_eq!(scene.shown(&ada).await["active"], true);
    scene.agrees("beta", &["ada"]).await;
}

/// The address of the account is changed by hand, so that the host cannot know that both people have
/// the same account.
#[tokio::test]
async fn a_join_to_an_account_that_was_deleted_in_the_meantime_is_made_again() {
    let (scene, beta) = shared().await;
    let ada = scene.person("ada").await;
    let id = scene.muster.stage.sample.people()[0].id.clone();
    let renamed = json!({ "email": "eve@acme.example" });
    scene.by_hand("PATCH", &format!("/users/{id}"), renamed).await;
    let mut held = scene.meddler.hold_after("PUT /organizations/beta/members");
    let join = async || scene.muster.post(&beta, "/Users", user("eve")).await;
    let (joined, ()) = tokio::join!(scene.insist(join), async {
        held.arrived().await;
        scene.delete(&ada).await.expect(204);
        held.release().await;
    });
    joined.expect(201);
    scene.agrees("beta", &["eve"]).await;
    scene.agrees("acme", &[]).await;
}

/// Two tenants of an app while one deletes an account: whether another person can join the other.
async fn joins_during_a_deletion(connector: &str, scene: Scene) -> bool {
    let settings = json!({ "delete_account": "when-unused", "fields": { "organizations": "" } });
    let settings = serde_json::from_value(settings).unwrap();
    scene.muster.stage.app_with("shared", connector, settings, ["app"]).await.unwrap();
    let beta = scene.beta().await;
    let ada = scene.person("ada").await;
    let mut held = scene.meddler.hold_before(DELETION);
    let (deleted, joined) = tokio::join!(scene.delete(&ada), async {
        held.arrived().await;
        let joined = scene.muster.post(&beta, "/Users", user("bob")).await;
        held.release().await;
        joined
    });
    assert!([204, 429].contains(&deleted.status), "{deleted:?}");
    let join = async || scene.muster.post(&beta, "/Users", user("bob")).await;
    let again = scene.insist(join).await.status;
    assert!([201, 409].contains(&again), "{again}");
    is_gone(&scene, &ada).await;
    joined.status == 201
}

#[tokio::test]
async fn a_deletion_is_done_alone_in_its_app_if_accounts_are_found_by_other_than_a_name() {
    assert!(joins_during_a_deletion("two-state", Scene::start("two-state").await).await);
    let scene = Scene::start("two-state").await;
    // The same connector with another manifest.
    let two_state = CONNECTORS.iter().find(|it| it.name == "two-state").unwrap().wasm.to_vec();
    let newer = replaced(two_state, r#""version": "0.1.0""#, r#""version": "0.2.0""#);
    let text = r#""description": "For apps in which a person is in an organisation or not. "#;
    let key = format!("{:<w$}", r#""accounts_matched_by": "other","#, w = text.len() - 16);
    let by_other = replaced(newer, text, &format!(r#"{key}"description": ""#));
    scene.muster.push(by_other).await.expect(201);
    assert!(!joins_during_a_deletion("two-state@0.2.0", scene).await);
}
