//! People of a name: the same `userName` with another `externalId` is another person. Profiles that
//! were only linked are not rewritten, and a person who is created again is in the app.

use muster::sample::Profile;
use serde_json::{Value, json};

use super::{Scene, assert_not_done, user_with};
use crate::support::meddler::Rule;
use crate::support::user;

/// The defaults of the connectors, and the settings that keep the account of a deleted user.
fn cases() -> [(&'static str, Value); 4] {
    [
        ("two-state", json!({})),
        ("two-state", json!({ "delete_account": "when-unused" })),
        ("three-state", json!({})),
        ("three-state", json!({ "on_delete": "suspend" })),
    ]
}

impl Scene {
    /// The profiles of all people and accounts of the app with this address.
    fn profiles(&self, name: &str) -> Vec<Profile> {
        let sample = &self.muster.stage.sample;
        let people = sample.people().into_iter().map(|it| it.profile);
        let accounts = sample.accounts("acme").into_iter().map(|it| it.profile);
        people.chain(accounts).filter(|it| super::name_of(&it.email) == name).collect()
    }
}

#[tokio::test]
async fn a_user_of_the_same_name_with_another_external_id_is_another_person() {
    for (connector, settings) in cases() {
        let what = format!("{connector} {settings}");
        let scene = Scene::with(connector, settings).await;
        let first = scene.person("ada").await;
        let before = scene.profiles("ada");
        scene.delete(&first).await.expect(204);
        let other = user_with(
            "ada",
            json!({
                "externalId": "00u-other",
                "displayName": "Adele Doe",
                "emails": [{ "primary": true, "value": "adele@acme.example", "type": "work" }],
            }),
        );
        scene.create(other).await.expect(201);
        scene.agrees("acme", &["adele"]).await;
        let after = scene.profiles("ada");
        assert!(after.is_empty() || after == before, "{what}: {after:?}");
        assert_eq!(scene.profiles("adele").len(), 1, "{what}");
    }
}

#[tokio::test]
async fn the_profile_of_an_account_is_not_rewritten_for_another_person_of_its_address() {
    for (connector, settings) in
        [("two-state", json!({})), ("three-state", json!({ "on_delete": "suspend" }))]
    {
        let what = format!("{connector} {settings}");
        let scene = Scene::with(connector, settings).await;
        let first = scene.person("ada").await;
        let before = scene.profiles("ada");
        scene.delete(&first).await.expect(204);
        let changes = json!({ "externalId": "00u-other", "displayName": "Adele Doe" });
        scene.create(user_with("ada", changes)).await.expect(201);
        scene.agrees("acme", &["ada"]).await;
        assert_eq!(scene.profiles("ada"), before, "{what}");
    }
}

#[tokio::test]
async fn a_user_of_the_same_name_and_external_id_gets_the_account_back() {
    for (connector, settings) in
        [("two-state", json!({})), ("three-state", json!({ "on_delete": "suspend" }))]
    {
        let scene = Scene::with(connector, settings).await;
        let first = scene.person("ada").await;
        scene.delete(&first).await.expect(204);
        scene.agrees("acme", &[]).await;
        scene.person("ada").await;
        scene.agrees("acme", &["ada"]).await;
        assert_eq!(scene.profiles("ada").len(), 1, "{connector}");
    }
}

#[tokio::test]
async fn a_profile_that_was_only_linked_is_never_rewritten() {
    for connector in ["two-state", "three-state"] {
        let scene = Scene::start(connector).await;
        let own = json!({ "email": "ada@acme.example", "name": "Ada of the app" });
        let path = if connector == "two-state" { "/users" } else { "/organizations/acme/accounts" };
        scene.by_hand("POST", path, own).await;
        let before = scene.profiles("ada");
        let ada = scene.person("ada").await;
        scene.set_active(&ada, false).await.expect(200);
        scene.set_title(&ada, "Countess").await.expect(200);
        scene.set_active(&ada, true).await.expect(200);
        scene.set_title(&ada, "Lady").await.expect(200);
        scene.set_active(&ada, false).await.expect(200);
        // A response that is lost leaves the account in doubt, and everything is told again.
        scene.meddler.apply(Rule::cut_after("PUT /organizations"));
        scene.meddler.apply(Rule::cut_after("POST /organizations"));
        scene.insist(async || scene.set_active(&ada, true).await).await.expect(200);
        scene.agrees("acme", &["ada"]).await;
        assert_eq!(scene.profiles("ada"), before, "{connector}");
    }
}

#[tokio::test]
async fn a_person_who_is_created_again_while_their_deletion_is_open_is_in_the_app() {
    for (connector, settings) in cases() {
        let what = format!("{connector} {settings}");
        let scene = Scene::with(connector, settings).await;
        let first = scene.person("ada").await;
        for call in ["DELETE /", "POST /organizations/acme/accounts/acc"] {
            scene.meddler.apply(Rule::refuse(call, 503, "down").always());
        }
        scene.delete(&first).await.expect(429);
        let early = scene.create(user("ada")).await;
        scene.meddler.heal();
        let id = match early.status {
            201 => early.id(),
            _ => {
                assert_not_done(&early);
                scene.insist(async || scene.create(user("ada")).await).await.expect(201).id()
            }
        };
        scene.agrees("acme", &["ada"]).await;
        assert_eq!(scene.shown(&id).await["active"], true, "{what}");
        assert_eq!(scene.users(&scene.acme).await, 1, "{what}");
        scene.set_active(&id, false).await.expect(200);
        scene.agrees("acme", &[]).await;
    }
}

#[tokio::test]
async fn a_deletion_that_reaches_the_app_after_the_person_was_created_again_is_made_good() {
    let scene = Scene::start("three-state").await;
    let first = scene.person("ada").await;
    let deletion = "DELETE /organizations/acme/accounts";
    let mut held = scene.meddler.hold_before(deletion);
    scene.meddler.apply(Rule::refuse(deletion, 503, "down").always());
    let (deleted, ()) = tokio::join!(scene.delete(&first), async {
        held.arrived().await;
        held.hang_up();
    });
    assert_not_done(&deleted);
    let early = scene.create(user("ada")).await;
    scene.meddler.heal();
    held.release().await;
    scene.late_calls_are_over();
    let id = match early.status {
        201 => early.id(),
        _ => scene.insist(async || scene.create(user("ada")).await).await.expect(201).id(),
    };
    scene.agrees("acme", &["ada"]).await;
    assert_eq!(scene.shown(&id).await["active"], true);
}

#[tokio::test]
async fn a_leaver_leaves_even_if_the_app_refuses_the_profile() {
    for connector in ["two-state", "three-state"] {
        let scene = Scene::start(connector).await;
        let ada = scene.person("ada").await;
        scene.meddler.apply(Rule::refuse("PATCH /", 422, "no such title").always());
        let value = json!({ "active": false, "title": "Countess" });
        let operations = json!([{ "op": "replace", "value": value }]);
        let path = format!("/Users/{ada}");
        let left = scene.muster.patch(&scene.acme, &path, operations).await.expect(200);
        assert_eq!(
            (&left.body["active"], &left.body["title"]),
            (&json!(false), &json!("Countess"))
        );
        scene.agrees("acme", &[]).await;
        scene.delete(&ada).await.expect(204);
        scene.agrees("acme", &[]).await;
    }
}
