//! Teams and the people in them: an addition that was under way while the person left and returned, or
//! that reaches the app late.

use serde_json::{Value, json};

use super::{Scene, assert_not_done, eventually};
use crate::support::Answer;
use crate::support::meddler::Rule;

/// A group without members, and the path of its team in the app.
async fn group(scene: &Scene) -> (String, String) {
    let body = json!({ "displayName": "Compilers" });
    let group = scene.muster.post(&scene.acme, "/Groups", body).await.expect(201).id();
    let team = &scene.muster.stage.sample.teams("acme")[0];
    (format!("/Groups/{group}"), format!("/organizations/acme/teams/{}", team.id))
}

async fn change(scene: &Scene, group: &str, op: &str, member: &str) -> Answer {
    let operations = match op {
        "add" => json!([{ "op": "add", "path": "members", "value": [{ "value": member }] }]),
        _ => json!([{ "op": "remove", "path": format!("members[value eq \"{member}\"]") }]),
    };
    scene.muster.patch(&scene.acme, group, operations).await
}

/// Takes a person who has left the organisation out of its teams, as many apps do.
async fn forget(scene: &Scene, team: &str) {
    let person = &scene.muster.stage.sample.people()[0].id;
    scene.by_hand("DELETE", &format!("{team}/members/{person}"), Value::Null).await;
}

#[tokio::test]
async fn a_person_who_leaves_and_returns_while_they_are_added_to_a_team_is_in_it() {
    let scene = Scene::start("two-state").await;
    let ada = scene.person("ada").await;
    let (group, team) = group(&scene).await;
    let mut held = scene.meddler.hold_after("PUT /organizations/acme/teams");
    let (added, ()) = tokio::join!(change(&scene, &group, "add", &ada), async {
        held.arrived().await;
        scene.set_active(&ada, false).await.expect(200);
        forget(&scene, &team).await;
        scene.set_active(&ada, true).await;
        held.release().await;
    });
    assert!([204, 429].contains(&added.status), "{added:?}");
    scene.insist(async || scene.set_active(&ada, true).await).await.expect(200);
    scene.insist(async || change(&scene, &group, "add", &ada).await).await.expect(204);
    eventually("ada should be in the team", async || {
        scene.team_in("Compilers") == Some(vec!["ada".to_owned()])
    })
    .await;
    scene.agrees("acme", &["ada"]).await;
}

#[tokio::test]
async fn a_leave_that_was_superseded_after_its_effect_loses_no_team() {
    let scene = Scene::start("two-state").await;
    let ada = scene.person("ada").await;
    let (group, team) = group(&scene).await;
    let mut held = scene.meddler.hold_after("PUT /organizations/acme/teams");
    let (added, ()) = tokio::join!(change(&scene, &group, "add", &ada), async {
        held.arrived().await;
        let leave = "DELETE /organizations/acme/members";
        scene.meddler.apply(Rule::cut_after(leave));
        scene.meddler.apply(Rule::refuse(leave, 503, "down").always());
        scene.set_active(&ada, false).await.expect(429);
        forget(&scene, &team).await;
        scene.meddler.heal();
        scene.set_active(&ada, true).await;
        held.release().await;
    });
    assert!([204, 429].contains(&added.status), "{added:?}");
    scene.insist(async || scene.set_active(&ada, true).await).await.expect(200);
    scene.agrees("acme", &["ada"]).await;
    scene.insist(async || change(&scene, &group, "add", &ada).await).await.expect(204);
    eventually("ada should be in the team", async || {
        scene.team_in("Compilers") == Some(vec!["ada".to_owned()])
    })
    .await;
}

#[tokio::test]
async fn an_addition_that_reaches_the_app_after_its_removal_is_taken_back() {
    let scene = Scene::start("two-state").await;
    let ada = scene.person("ada").await;
    let (group, team) = group(&scene).await;
    let add = "PUT /organizations/acme/teams";
    let mut held = scene.meddler.hold_before(add);
    scene.meddler.apply(Rule::refuse(add, 503, "down").always());
    let (added, ()) = tokio::join!(change(&scene, &group, "add", &ada), async {
        held.arrived().await;
        held.hang_up();
    });
    assert_not_done(&added);
    // The removal may be asked to come back while the late call is on its way.
    let removed = change(&scene, &group, "remove", &ada).await;
    assert!([204, 429].contains(&removed.status), "{removed:?}");
    scene.meddler.heal();
    scene.set_active(&ada, false).await.expect(200);
    forget(&scene, &team).await;
    scene.set_active(&ada, true).await.expect(200);
    held.release().await;
    assert_eq!(
        scene.team_in("Compilers"),
        Some(vec!["ada".to_owned()]),
        "the late call has landed"
    );
    scene.late_calls_are_over();
    scene.insist(async || change(&scene, &group, "remove", &ada).await).await.expect(204);
    eventually("ada should not be in the team", async || {
        scene.team_in("Compilers") == Some(Vec::new())
    })
    .await;
    scene.agrees("acme", &["ada"]).await;
    assert_eq!(scene.team_in("Compilers"), Some(Vec::new()));
}
