//! Tenants that were paused or disconnected, and are connected again: held leavers are decided about,
//! released people are managed again or refused, and nothing is acknowledged that changes nothing.

use serde_json::json;

use super::{Scene, assert_not_done, assert_refused, user_with};
use crate::support::meddler::Rule;
use crate::support::user;

const JOIN: &str = "PUT /organizations/acme/members";
const LEAVE: &str = "DELETE /organizations/acme/members";

impl Scene {
    async fn pause(&self) {
        self.tenant_command(&["pause", "acme"]).await;
    }

    async fn connect(&self, options: &[&str]) -> String {
        self.tenant_command(&[&["connect", "acme"], options].concat()).await
    }

    /// Ends the integration. The accounts stay as they are.
    async fn release(&self) {
        self.tenant_command(&["disconnect", "acme", "--people", "release", "--proceed"]).await;
    }

    async fn held(&self) -> usize {
        let held = self.muster.admin("GET", "/operations?state=held&tenant=acme", None).await;
        held.expect(200).body["items"].as_array().unwrap().len()
    }
}

/// A paused tenant with Ada and Bob, whose deactivations are held. Returns their ids.
async fn held_leavers() -> (Scene, String, String) {
    let scene = Scene::start("two-state").await;
    let (ada, bob) = (scene.person("ada").await, scene.person("bob").await);
    scene.pause().await;
    for id in [&ada, &bob] {
        assert_eq!(scene.set_active(id, false).await.expect(200).body["active"], false);
    }
    assert_eq!(scene.held().await, 2);
    (scene, ada, bob)
}

#[tokio::test]
async fn a_tenant_with_held_leavers_is_not_connected_before_the_operator_decides() {
    let (scene, ..) = held_leavers().await;
    let (status, output) = scene.muster.command(&["tenant", "connect", "acme"]).await;
    assert_ne!(status, Some(0), "{output}");
    assert!(output.contains("--held"), "{output}");
    assert_eq!(scene.state().await, "paused");
    scene.agrees("acme", &["ada", "bob"]).await;
}

#[tokio::test]
async fn a_tenant_without_held_leavers_is_connected_without_a_decision() {
    let scene = Scene::start("two-state").await;
    let ada = scene.person("ada").await;
    scene.pause().await;
    scene.connect(&[]).await;
    assert_eq!(scene.state().await, "connected");
    scene.set_active(&ada, false).await.expect(200);
    scene.agrees("acme", &[]).await;
}

#[tokio::test]
async fn held_leavers_are_carried_out_when_the_operator_says_so() {
    let (scene, ada, _) = held_leavers().await;
    scene.connect(&["--held", "carry-out"]).await;
    scene.agrees("acme", &[]).await;
    assert_eq!((scene.state().await.as_str(), scene.held().await), ("connected", 0));
    assert_eq!(scene.shown(&ada).await["active"], false);
    scene.set_active(&ada, true).await.expect(200);
    scene.agrees("acme", &["ada"]).await;
}

#[tokio::test]
async fn held_leavers_stay_in_the_app_when_the_operator_says_so() {
    let (scene, ada, _) = held_leavers().await;
    scene.connect(&["--held", "drop"]).await;
    scene.agrees("acme", &["ada", "bob"]).await;
    assert_eq!((scene.state().await.as_str(), scene.held().await), ("connected", 0));
    // They are released: a write about them is carried out, or refused with the reason.
    let back = scene.set_active(&ada, true).await;
    if back.status != 200 {
        assert_refused(&back);
        assert!(back.body["detail"].as_str().unwrap().contains("released"), "{back:?}");
    }
    scene.agrees("acme", &["ada", "bob"]).await;
}

#[tokio::test]
async fn a_held_leaver_who_is_active_again_is_not_taken_out() {
    let (scene, ada, _) = held_leavers().await;
    scene.set_active(&ada, true).await.expect(200);
    scene.connect(&["--held", "carry-out"]).await;
    scene.agrees("acme", &["ada"]).await;
}

/// The join had its effect, its response was lost, and the pause came before the next attempt.
#[tokio::test]
async fn a_person_who_joined_unknown_to_the_host_before_a_pause_is_taken_out_after_it() {
    let scene = Scene::start("two-state").await;
    let inactive = user_with("ada", json!({ "active": false }));
    let ada = scene.create(inactive).await.expect(201).id();
    scene.meddler.apply(Rule::cut_after(JOIN));
    scene.meddler.apply(Rule::refuse(JOIN, 503, "down").always());
    assert_not_done(&scene.set_active(&ada, true).await);
    assert_eq!(scene.people_in("acme"), ["ada"]);
    scene.pause().await;
    let left = scene.set_active(&ada, false).await;
    assert!([200, 204].contains(&left.status), "{left:?}");
    assert_eq!(scene.shown(&ada).await["active"], false);
    scene.meddler.heal();
    scene.agrees("acme", &["ada"]).await;
    scene.connect(&["--held", "carry-out"]).await;
    scene.agrees("acme", &[]).await;
}

#[tokio::test]
async fn a_deletion_of_several_calls_ends_with_the_call_in_flight_when_the_tenant_is_paused() {
    let settings = json!({ "delete_account": "when-unused" });
    let scene = Scene::with("two-state", settings).await;
    let ada = scene.person("ada").await;
    let mut held = scene.meddler.hold_after(LEAVE);
    let (deleted, ()) = tokio::join!(scene.delete(&ada), async {
        held.arrived().await;
        scene.pause().await;
        held.release().await;
    });
    assert!([204, 429].contains(&deleted.status), "{deleted:?}");
    scene.rests().await;
    let calls = ["GET /users/", "DELETE /users/"].map(|call| scene.meddler.count(call));
    assert_eq!(calls, [0, 0]);
    scene.insist(async || scene.delete(&ada).await).await;
    scene.connect(&["--held", "carry-out"]).await;
    scene.agrees("acme", &[]).await;
    super::eventually("the account should be deleted", async || {
        scene.muster.stage.sample.people().is_empty()
    })
    .await;
}

#[tokio::test]
async fn an_open_deactivation_of_a_tenant_that_is_disconnected_does_not_reach_the_app() {
    let scene = Scene::start("two-state").await;
    let ada = scene.person("ada").await;
    scene.meddler.apply(Rule::refuse(LEAVE, 503, "down").always());
    assert_not_done(&scene.set_active(&ada, false).await);
    scene.release().await;
    scene.meddler.heal();
    let calls = scene.meddler.seen().len();
    scene.agrees("acme", &["ada"]).await;
    assert_eq!(scene.meddler.seen().len(), calls);
}

#[tokio::test]
async fn a_tenant_that_is_connected_again_manages_its_people_again() {
    let scene = Scene::start("two-state").await;
    let (ada, bob) = (scene.person("ada").await, scene.person("bob").await);
    scene.release().await;
    let output = scene.connect(&[]).await;
    assert!(output.contains('2'), "the number of people who are managed again: {output}");
    scene.agrees("acme", &["ada", "bob"]).await;
    scene.set_active(&ada, false).await.expect(200);
    scene.agrees("acme", &["bob"]).await;
    scene.delete(&bob).await.expect(204);
    scene.agrees("acme", &[]).await;
}

#[tokio::test]
async fn people_who_left_while_their_tenant_was_disconnected_are_taken_out_when_it_is_connected() {
    let scene = Scene::start("two-state").await;
    let (ada, _) = (scene.person("ada").await, scene.person("bob").await);
    scene.release().await;
    scene.set_active(&ada, false).await.expect(200);
    scene.agrees("acme", &["ada", "bob"]).await;
    scene.connect(&[]).await;
    scene.agrees("acme", &["bob"]).await;
}

#[tokio::test]
async fn the_accounts_of_people_who_were_deleted_while_their_tenant_was_disconnected_are_asked_about()
 {
    for (choice, left) in
        [("--manage-released", &["bob"][..]), ("--leave-released", &["ada", "bob"])]
    {
        let scene = Scene::start("two-state").await;
        let (ada, _) = (scene.person("ada").await, scene.person("bob").await);
        scene.release().await;
        scene.delete(&ada).await.expect(204);
        scene.agrees("acme", &["ada", "bob"]).await;
        let preview = json!({ "preview": true });
        let preview = scene.muster.admin("POST", "/tenants/acme/connect", Some(preview)).await;
        assert_eq!(preview.expect(200).body["released_deleted"], 1);
        let (status, said) = scene.muster.command(&["tenant", "connect", "acme"]).await;
        assert!(status == Some(1) && said.contains(choice), "{status:?} {said}");
        assert_eq!(scene.state().await, "disconnected");
        scene.connect(&[choice]).await;
        scene.agrees("acme", left).await;
    }
}

#[tokio::test]
async fn a_held_leave_outlives_a_return_that_the_app_refuses() {
    let scene = Scene::start("two-state").await;
    let ada = scene.person("ada").await;
    scene.pause().await;
    scene.set_active(&ada, false).await.expect(200);
    scene.meddler.apply(Rule::refuse("PATCH /users", 422, "no").always());
    let value = json!({ "active": true, "title": "Countess" });
    let back = json!([{ "op": "replace", "value": value }]);
    let refused = scene.muster.patch(&scene.acme, &format!("/Users/{ada}"), back).await;
    assert_refused(&refused);
    scene.meddler.heal();
    scene.rests().await;
    assert_eq!((scene.held().await, scene.shown(&ada).await["active"].clone()), (1, json!(false)));
    scene.agrees("acme", &["ada"]).await;
    scene.connect(&["--held", "carry-out"]).await;
    scene.agrees("acme", &[]).await;
}

#[tokio::test]
async fn a_person_who_was_recorded_when_their_tenant_was_disconnected_joins_when_it_is_connected() {
    let scene = Scene::recording("two-state").await;
    scene.meddler.apply(Rule::refuse("GET /users", 503, "down").always());
    scene.create(user("ada")).await.expect(201);
    scene.release().await;
    scene.meddler.heal();
    scene.agrees("acme", &[]).await;
    scene.connect(&[]).await;
    scene.agrees("acme", &["ada"]).await;
}

#[tokio::test]
async fn a_write_about_a_person_who_stays_released_is_refused_with_the_reason() {
    let scene = Scene::start("two-state").await;
    let (ada, bob) = (scene.person("ada").await, scene.person("bob").await);
    scene.release().await;
    scene.connect(&["--leave-released"]).await;
    let calls = scene.meddler.seen().len();
    let answers = [
        scene.set_active(&ada, false).await,
        scene.set_title(&bob, "Lord").await,
        scene.delete(&bob).await,
    ];
    for answer in answers {
        assert_refused(&answer);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("released"), "{detail}");
    }
    assert_eq!(scene.shown(&ada).await["active"], true);
    scene.agrees("acme", &["ada", "bob"]).await;
    assert_eq!(scene.meddler.seen().len(), calls);
    scene.create(user("eve")).await.expect(201);
    scene.agrees("acme", &["ada", "bob", "eve"]).await;
}
