//! One owner for each app object: two live users of a tenant never share an account, and two groups
//! never share a team.

use futures_util::future::join_all;
use serde_json::json;

use super::{Scene, assert_not_done, countess, user_with};
use crate::support::Answer;
use crate::support::meddler::Rule;

/// RFC 7644 §3.12: a 409 with the `scimType` `uniqueness`.
#[track_caller]
fn assert_duplicate(answer: &Answer) {
    assert_eq!(
        (answer.status, &answer.body["scimType"]),
        (409, &json!("uniqueness")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_second_user_of_an_account_is_refused_as_a_duplicate() {
    for connector in ["two-state", "three-state"] {
        let scene = Scene::start(connector).await;
        let ada = scene.person("ada").await;
        assert_duplicate(&scene.create(countess()).await);
        assert_eq!(scene.users(&scene.acme).await, 1, "{connector}");
        scene.agrees("acme", &["ada"]).await;
        assert_eq!(scene.shown(&ada).await["active"], true);
        scene.set_active(&ada, false).await.expect(200);
        scene.agrees("acme", &[]).await;
    }
}

#[tokio::test]
async fn the_owner_of_an_account_stays_active_if_an_inactive_user_would_share_it() {
    let scene = Scene::start("three-state").await;
    let ada = scene.person("ada").await;
    let mut inactive = countess();
    inactive["active"] = json!(false);
    assert_duplicate(&scene.create(inactive).await);
    scene.agrees("acme", &["ada"]).await;
    assert_eq!(scene.shown(&ada).await["active"], true);
}

#[tokio::test]
async fn an_inactive_user_cannot_be_activated_with_the_account_of_another() {
    let scene = Scene::start("two-state").await;
    let ada = scene.person("ada").await;
    let mut inactive = countess();
    inactive["active"] = json!(false);
    let countess = scene.create(inactive).await.expect(201).id();
    assert_duplicate(&scene.set_active(&countess, true).await);
    assert_eq!(scene.shown(&countess).await["active"], false);
    scene.set_active(&countess, false).await.expect(200);
    scene.delete(&countess).await.expect(204);
    scene.agrees("acme", &["ada"]).await;
    assert_eq!(scene.shown(&ada).await["active"], true);
}

#[tokio::test]
async fn a_deactivated_user_keeps_the_account_and_a_deleted_one_lets_it_go() {
    for connector in ["two-state", "three-state"] {
        let scene = Scene::start(connector).await;
        let ada = scene.person("ada").await;
        scene.set_active(&ada, false).await.expect(200);
        assert_duplicate(&scene.create(countess()).await);
        scene.agrees("acme", &[]).await;
        scene.delete(&ada).await.expect(204);
        scene.create(countess()).await.expect(201);
        scene.agrees("acme", &["ada"]).await;
    }
}

#[tokio::test]
async fn of_many_users_with_one_address_at_once_one_gets_the_account() {
    let scene = Scene::start("two-state").await;
    let users = (0..6).map(|n| {
        let names =
            json!({ "userName": format!("u{n}@acme.example"), "externalId": format!("x{n}") });
        let user = user_with("ada", names);
        let scene = &scene;
        async move { scene.insist(async || scene.create(user.clone()).await).await }
    });
    let answers = join_all(users).await;
    let (created, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(created.len(), 1, "{created:?}");
    refused.iter().for_each(assert_duplicate);
    scene.agrees("acme", &["ada"]).await;
    assert_eq!(scene.users(&scene.acme).await, 1);
    scene.set_active(&created[0].id(), false).await.expect(200);
    scene.agrees("acme", &[]).await;
}

#[tokio::test]
async fn a_user_who_is_recorded_and_then_refused_does_not_take_the_account_of_its_owner() {
    let scene = Scene::recording("two-state").await;
    scene.person("ada").await;
    scene.agrees("acme", &["ada"]).await;
    let countess = scene.create(countess()).await.expect(201).id();
    scene.agrees("acme", &["ada"]).await;
    scene.set_active(&countess, false).await.expect(200);
    scene.agrees("acme", &["ada"]).await;
    scene.delete(&countess).await.expect(204);
    scene.agrees("acme", &["ada"]).await;
}

#[tokio::test]
async fn a_second_group_of_a_team_is_refused_as_a_duplicate() {
    for connector in ["two-state", "three-state"] {
        let scene = Scene::start(connector).await;
        let (muster, acme) = (&scene.muster, &scene.acme);
        let group = |external: &str| json!({ "displayName": "Compilers", "externalId": external });
        let first = muster.post(acme, "/Groups", group("g1")).await.expect(201).id();
        assert_duplicate(&muster.post(acme, "/Groups", group("g2")).await);
        assert_eq!(muster.get(acme, "/Groups").await.body["totalResults"], 1);
        scene.rests().await;

        let ada = scene.person("ada").await;
        let path = format!("/Groups/{first}");
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
        muster.patch(acme, &path, add).await.expect(204);
        assert_eq!(muster.stage.sample.teams("acme")[0].members.len(), 1, "{connector}");
        muster.scim(acme, "DELETE", &path, None).await.expect(204);
        assert!(muster.stage.sample.teams("acme").is_empty(), "{connector}");
        muster.post(acme, "/Groups", group("g2")).await.expect(201);
    }
}

#[tokio::test]
async fn a_name_is_reserved_by_an_open_creation() {
    let scene = Scene::start("two-state").await;
    let bob = scene.person("bob").await;
    let mut held = scene.meddler.hold_before("PUT /organizations");
    let taken = json!([{ "op": "replace", "path": "userName", "value": "ada@acme.example" }]);
    let (created, ()) = tokio::join!(scene.create(crate::support::user("ada")), async {
        held.arrived().await;
        let path = format!("/Users/{bob}");
        assert_duplicate(&scene.muster.patch(&scene.acme, &path, taken).await);
        held.release().await;
    });
    created.expect(201);
    scene.agrees("acme", &["ada", "bob"]).await;
    assert_eq!(scene.shown(&bob).await["userName"], "bob@acme.example");
}

#[tokio::test]
async fn a_name_is_reserved_by_an_open_rename() {
    let scene = Scene::start("three-state").await;
    let bob = scene.person("bob").await;
    let mut held = scene.meddler.hold_before("PATCH /organizations");
    let value = json!({ "userName": "ada@acme.example", "title": "Countess" });
    let rename = json!([{ "op": "replace", "value": value }]);
    let path = format!("/Users/{bob}");
    let (renamed, ()) = tokio::join!(scene.muster.patch(&scene.acme, &path, rename), async {
        held.arrived().await;
        assert_duplicate(&scene.create(crate::support::user("ada")).await);
        held.release().await;
    });
    assert_eq!(renamed.expect(200).body["userName"], "ada@acme.example");
    assert_eq!(scene.users(&scene.acme).await, 1);
    scene.agrees("acme", &["bob"]).await;
}

/// A group of Ada, and its team.
async fn compilers(scene: &Scene) -> String {
    let ada = scene.person("ada").await;
    let group = json!({ "displayName": "Compilers", "members": [{ "value": ada }] });
    let group = scene.muster.post(&scene.acme, "/Groups", group).await.expect(201).id();
    scene.rests().await;
    assert_eq!(team_size(scene), Some(1));
    group
}

/// The number of members of the app's only team; none if there is no team.
fn team_size(scene: &Scene) -> Option<usize> {
    let teams = scene.muster.stage.sample.teams("acme");
    assert!(teams.len() < 2, "{teams:?}");
    teams.first().map(|team| team.members.len())
}

/// Drops the only open operation of the tenant.
async fn drop_open(scene: &Scene) {
    let path = format!("/operations?state=open&tenant={}", scene.acme.name);
    let listed = scene.muster.admin("GET", &path, None).await.expect(200).body;
    let open = listed["items"].as_array().unwrap();
    assert_eq!(open.len(), 1, "{listed}");
    let path = format!("/operations/{}/drop", open[0]["id"].as_str().unwrap());
    scene.muster.admin("POST", &path, None).await.expect(200);
}

#[tokio::test]
async fn a_second_group_whose_members_the_app_refuses_leaves_the_team_to_the_first() {
    for connector in ["two-state", "three-state"] {
        let scene = Scene::start(connector).await;
        let group = compilers(&scene).await;
        let bob = scene.person("bob").await;
        scene.meddler.apply(Rule::refuse("PUT /organizations/acme/teams", 422, "no"));
        let members = json!([{ "value": bob }]);
        let again = json!({ "displayName": "Compilers", "members": members });
        assert_duplicate(&scene.muster.post(&scene.acme, "/Groups", again).await);
        scene.rests().await;
        assert_eq!(team_size(&scene), Some(1), "{connector}");
        let path = format!("/Groups/{group}");
        scene.muster.scim(&scene.acme, "DELETE", &path, None).await.expect(204);
        assert_eq!(team_size(&scene), None);
    }
}

#[tokio::test]
async fn a_second_group_that_an_operator_drops_leaves_the_team_to_the_first() {
    for connector in ["two-state", "three-state"] {
        let scene = Scene::start(connector).await;
        compilers(&scene).await;
        let bob = scene.person("bob").await;
        scene.meddler.apply(Rule::refuse("POST /organizations/acme/teams", 503, "no").always());
        let again = json!({ "displayName": "Compilers", "members": [{ "value": bob }] });
        assert_not_done(&scene.muster.post(&scene.acme, "/Groups", again).await);
        drop_open(&scene).await;
        scene.meddler.heal();
        scene.rests().await;
        assert_eq!(team_size(&scene), Some(1), "{connector}");
    }
}

#[tokio::test]
async fn a_second_user_who_is_dropped_leaves_the_account_and_its_teams_to_the_first() {
    for (connector, call) in [
        ("two-state", "POST /users"),
        ("two-state", "PUT /organizations/acme/members"),
        ("three-state", "POST /organizations/acme/accounts"),
    ] {
        let scene = Scene::start(connector).await;
        compilers(&scene).await;
        scene.meddler.apply(Rule::refuse(call, 503, "no").always());
        let second = scene.create(countess()).await;
        if second.status == 409 {
            // It was seen before the call.
            assert_duplicate(&second);
        } else {
            assert_not_done(&second);
            drop_open(&scene).await;
        }
        scene.meddler.heal();
        scene.rests().await;
        scene.agrees("acme", &["ada"]).await;
        assert_eq!(team_size(&scene), Some(1), "{connector}");
        let calls = scene.meddler.seen();
        assert!(!calls.iter().any(|call| call.starts_with("DELETE")), "{calls:?}");
    }
}
