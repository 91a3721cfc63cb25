//! Removing a tenant and creating one of the same name begins a new history.

use serde_json::{Value, json};

use super::{Scene, eventually};
use crate::support::meddler::Rule;
use crate::support::user;

/// The items of a list of the admin API.
async fn items(scene: &Scene, path: &str) -> Vec<Value> {
    let listed = scene.muster.admin("GET", path, None).await.expect(200).body;
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_tenant_of_the_name_of_a_removed_one_has_nothing_of_it() {
    let scene = Scene::start("two-state").await;
    scene.person("bob").await;
    let ada = scene.person("ada").await;
    scene.delete(&ada).await.expect(204);
    let before = scene.muster.stage.sample.people();
    let refused = "PUT /organizations/acme/members";
    scene.meddler.apply(Rule::refuse(refused, 422, "no seats").always());
    assert_eq!(scene.create(user("eve")).await.status, 400);
    scene.meddler.heal();
    let end = Some(json!({ "people": "release" }));
    scene.muster.admin("POST", "/tenants/acme/disconnect", end).await.expect(202);
    eventually("it should be disconnected", async || scene.state().await == "disconnected").await;
    scene.muster.admin("DELETE", "/tenants/acme", None).await.expect(204);
    let again = scene.muster.tenant_named("acme", "shared", "okta", "acme").await;
    assert_eq!(scene.users(&again).await, 0);
    assert_eq!(items(&scene, "/operations?tenant=acme").await, Vec::<Value>::new());
    assert_eq!(items(&scene, "/jobs?tenant=acme").await, Vec::<Value>::new());
    // The journal of the removed tenant is there, under another name, and its token is worth nothing.
    let names = items(&scene, "/operations").await;
    let name = names[0]["tenant"].as_str().unwrap();
    assert!(name.starts_with("acme (before 2"), "{name}");
    scene.muster.get(&scene.acme, "/Users").await.expect(401);
    // The person is linked by the address, and not by what the removed tenant knew.
    let ada = scene.muster.person(&again, "ada").await;
    let created = &scene.operations_on(&ada).await[0];
    assert_eq!(created["tenant"], "acme");
    let note = created["note"].as_str().unwrap();
    assert!(note.starts_with("Linked the account of the same address"), "{note}");
    scene.muster.post(&again, "/Users", user("eve")).await.expect(201);
    let profiles = scene.muster.stage.sample.people();
    assert!(before.iter().all(|it| profiles.iter().any(|now| now.profile == it.profile)));
    assert_eq!(items(&scene, "/operations?tenant=acme").await.len(), 2);
}
