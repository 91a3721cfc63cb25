//! Undone effects: what a refused request has done to the app is taken back, until the app agrees with
//! the directory, and without harm to the owner of the account.

use serde_json::json;

use super::{Scene, assert_not_done, assert_refused, countess};
use crate::support::meddler::Rule;
use crate::support::user;

const JOIN: &str = "PUT /organizations/acme/members";
const LEAVE: &str = "DELETE /organizations/acme/members";

/// An app that has carried out the join of a user, loses its response, and refuses the repeated call
/// for good.
async fn refused_after_its_effect() -> Scene {
    let scene = Scene::start("two-state").await;
    scene.meddler.apply(Rule::cut_after(JOIN));
    scene.meddler.apply(Rule::refuse(JOIN, 422, "no seats left"));
    scene
}

#[tokio::test]
async fn a_user_who_is_refused_after_an_effect_is_not_left_in_the_organisation() {
    let scene = refused_after_its_effect().await;
    let refused = scene.create(user("ada")).await;
    assert_refused(&refused);
    assert!(refused.body["detail"].as_str().unwrap().contains("no seats left"), "{refused:?}");
    assert_eq!(scene.users(&scene.acme).await, 0);
    scene.agrees("acme", &[]).await;
    scene.create(user("ada")).await.expect(201);
    scene.agrees("acme", &["ada"]).await;
}

#[tokio::test]
async fn an_undo_is_tried_again_if_the_app_refuses_it() {
    let scene = refused_after_its_effect().await;
    scene.meddler.apply(Rule::refuse(LEAVE, 422, "not now"));
    assert_refused(&scene.create(user("ada")).await);
    assert_eq!(scene.users(&scene.acme).await, 0);
    scene.agrees("acme", &[]).await;
}

#[tokio::test]
async fn a_return_that_is_refused_after_an_effect_is_undone() {
    let scene = Scene::start("two-state").await;
    let ada = scene.person("ada").await;
    scene.set_active(&ada, false).await.expect(200);
    scene.meddler.apply(Rule::cut_after(JOIN));
    scene.meddler.apply(Rule::refuse(JOIN, 422, "no seats left"));
    assert_refused(&scene.set_active(&ada, true).await);
    assert_eq!(scene.shown(&ada).await["active"], false);
    scene.agrees("acme", &[]).await;
}

#[tokio::test]
async fn an_undo_does_not_touch_an_account_that_another_user_owns_by_now() {
    let scene = refused_after_its_effect().await;
    scene.meddler.apply(Rule::refuse(LEAVE, 503, "down").always());
    assert_refused(&scene.create(user("ada")).await);
    let created = scene.create(countess()).await;
    scene.meddler.heal();
    if created.status != 201 {
        assert_not_done(&created);
        scene.insist(async || scene.create(countess()).await).await.expect(201);
    }
    scene.agrees("acme", &["ada"]).await;
    assert_eq!(scene.users(&scene.acme).await, 1);
}

#[tokio::test]
async fn of_two_users_who_take_a_name_at_once_the_app_has_the_one_of_the_directory() {
    let scene = Scene::start("two-state").await;
    let bob = scene.person("bob").await;
    let mut held = scene.meddler.hold_after(JOIN);
    let path = format!("/Users/{bob}");
    let rename = json!([{ "op": "replace", "path": "userName", "value": "ada@acme.example" }]);
    let (created, renamed) = tokio::join!(scene.create(user("ada")), async {
        held.arrived().await;
        let renamed = scene.muster.patch(&scene.acme, &path, rename).await;
        held.release().await;
        renamed
    });
    match created.status {
        201 => {
            assert_not_done(&renamed);
            scene.agrees("acme", &["ada", "bob"]).await;
        }
        _ => {
            assert_eq!((created.status, renamed.status), (409, 200), "{created:?} {renamed:?}");
            scene.agrees("acme", &["bob"]).await;
        }
    }
}
