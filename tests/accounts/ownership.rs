//! Whose an account is: one that the tenant did not make is only joined and left, whatever the tenant's
//! identity provider says of the person; it becomes the tenant's own by an operator's word.

use serde_json::{Value, json};

use super::{Scene, eventually, user_with};
use crate::support::meddler::Rule;
use crate::support::{Answer, Tenant, user};

/// Settings of the two-state connector under which an account could be rewritten: the defaults, an app that
/// does not say who else has an account, and one that is asked for nothing.
fn two_state() -> [Value; 3] {
    [
        json!({}),
        json!({ "fields": { "organizations": "" }, "delete_account": "when-unused" }),
        json!({ "fields": { "organizations": "orgs" }, "update_profile": "always",
                "delete_account": "when-unused" }),
    ]
}

/// All that an identity provider can do to an account that it has joined, in the order of an attack.
async fn attack(scene: &Scene, tenant: &Tenant, id: &str) {
    let path = format!("/Users/{id}");
    let patch = async |operations: Value| scene.muster.patch(tenant, &path, operations).await;
    let email = json!([{ "op": "replace", "path": "emails", "value": [
        { "primary": true, "value": "eve@evil.example", "type": "work" }
    ] }]);
    patch(email).await.expect(200);
    let name = json!([{ "op": "replace", "value": {
        "userName": "eve@evil.example", "displayName": "Eve", "title": "Thief", "password": "hers"
    } }]);
    patch(name).await.expect(200);
    scene.muster.set_active(tenant, id, false).await.expect(200);
    scene.muster.set_active(tenant, id, true).await.expect(200);
    patch(json!([{ "op": "replace", "path": "title", "value": "Boss" }])).await.expect(200);
    scene.muster.scim(tenant, "DELETE", &path, None).await.expect(204);
    scene.rests().await;
}

/// The calls that change an account itself.
fn rewrites(scene: &Scene) -> Vec<String> {
    let changes = |call: &String| {
        [
            "PATCH /users",
            "DELETE /users",
            "PATCH /organizations",
            "DELETE /organizations/acme/accounts",
        ]
        .iter()
        .any(|beginning| call.starts_with(beginning))
    };
    scene.meddler.seen().into_iter().filter(changes).collect()
}

impl Scene {
    async fn set_title_in(&self, tenant: &Tenant, id: &str, title: &str) -> Answer {
        let operations = json!([{ "op": "replace", "path": "title", "value": title }]);
        self.muster.patch(tenant, &format!("/Users/{id}"), operations).await
    }

    /// The title of the only person or account in the app.
    fn title(&self) -> Option<String> {
        let sample = &self.muster.stage.sample;
        let people = sample.people().into_iter().map(|it| it.profile);
        let profiles: Vec<_> =
            people.chain(sample.accounts("acme").into_iter().map(|it| it.profile)).collect();
        assert_eq!(profiles.len(), 1, "{profiles:?}");
        json!(profiles[0])["title"].as_str().map(str::to_owned)
    }

    /// Makes an account in the app that muster does not know of.
    async fn existing(&self, connector: &str) {
        let path = if connector == "two-state" { "/users" } else { "/organizations/acme/accounts" };
        self.by_hand("POST", path, json!({ "email": "ada@acme.example", "name": "Ada" })).await;
    }

    /// The origin of the account of a person.
    async fn origin(&self, id: &str) -> Value {
        let operation = self.operations_on(id).await[0]["id"].as_str().unwrap().to_owned();
        let shown = self.muster.admin("GET", &format!("/operations/{operation}"), None).await;
        shown.expect(200).body["account"]["origin"].clone()
    }
}

#[tokio::test]
async fn a_tenant_cannot_take_over_the_account_of_another_tenants_user() {
    for settings in two_state() {
        let scene = Scene::with("two-state", settings.clone()).await;
        let beta = scene.beta().await;
        scene.person("ada").await;
        let before = scene.muster.stage.sample.people();
        let id = scene.muster.person(&beta, "ada").await;
        attack(&scene, &beta, &id).await;
        assert_eq!(scene.muster.stage.sample.people(), before, "{settings}");
        assert_eq!(rewrites(&scene), Vec::<String>::new(), "{settings}");
    }
}

#[tokio::test]
async fn a_tenant_cannot_take_over_an_account_of_whose_owner_muster_does_not_know() {
    for connector in ["two-state", "three-state"] {
        for settings in
            if connector == "two-state" { two_state().to_vec() } else { vec![json!({})] }
        {
            let scene = Scene::with(connector, settings.clone()).await;
            scene.existing(connector).await;
            let id = scene.person("ada").await;
            attack(&scene, &scene.acme, &id).await;
            assert_eq!(rewrites(&scene), Vec::<String>::new(), "{connector} {settings}");
            assert_eq!(scene.title(), None);
            scene.agrees("acme", &[]).await;
        }
    }
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_gives_no_right_to_the_account_that_it_finds() {
    for lost in ["PUT /organizations", "GET /users"] {
        let scene = Scene::with("two-state", two_state()[1].clone()).await;
        scene.existing("two-state").await;
        scene.meddler.apply(Rule::cut_after(lost));
        let create = async || scene.create(user("ada")).await;
        let id = scene.insist(create).await.expect(201).id();
        attack(&scene, &scene.acme, &id).await;
        assert_eq!(rewrites(&scene), Vec::<String>::new(), "{lost}");
    }
}

#[tokio::test]
async fn an_app_that_is_not_shared_has_no_account_of_others() {
    for connector in ["two-state", "three-state"] {
        let scene = Scene::start(connector).await;
        let change = Some(json!({ "shared": false }));
        scene.muster.admin("PATCH", "/apps/shared", change).await.expect(200);
        scene.existing(connector).await;
        let id = scene.person("ada").await;
        scene.set_title(&id, "Countess").await.expect(200);
        let newest = &scene.operations_on(&id).await[0];
        assert_eq!(scene.title().as_deref(), Some("Countess"), "{connector} {newest}");
        assert_eq!(scene.origin(&id).await, "linked");
    }
}

#[tokio::test]
async fn an_account_of_a_verified_domain_is_the_tenants_own() {
    for (domain, own) in [("ACME.example", true), ("sub.acme.example", false), ("example", false)] {
        let scene = Scene::start("two-state").await;
        let change = Some(json!({ "domains": [domain] }));
        let status = if domain == "example" { 422 } else { 200 };
        scene.muster.admin("PATCH", "/tenants/acme", change).await.expect(status);
        scene.existing("two-state").await;
        let id = scene.person("ada").await;
        scene.set_title(&id, "Countess").await.expect(200);
        assert_eq!(scene.title().as_deref(), own.then_some("Countess"), "{domain}");
    }
}

#[tokio::test]
async fn an_address_that_changes_after_the_link_does_not_make_an_account_the_tenants_own() {
    let scene = Scene::start("two-state").await;
    let beta = scene.beta().await;
    let change = Some(json!({ "domains": ["evil.example"] }));
    scene.muster.admin("PATCH", "/tenants/beta", change).await.expect(200);
    scene.existing("two-state").await;
    let id = scene.muster.person(&beta, "ada").await;
    attack(&scene, &beta, &id).await;
    // Neither does the return of the person under the new address.
    let again = user_with(
        "ada",
        json!({ "userName": "eve@evil.example", "emails": [{ "value": "eve@evil.example" }] }),
    );
    let id = scene.muster.post(&beta, "/Users", again).await.expect(201).id();
    scene.set_title_in(&beta, &id, "Thief").await.expect(200);
    assert_eq!(rewrites(&scene), Vec::<String>::new());
}

#[tokio::test]
async fn an_account_that_was_linked_by_several_addresses_is_own_if_all_are() {
    let scene = Scene::start("two-state").await;
    scene.existing("two-state").await;
    let beta = scene.beta().await;
    let change = Some(json!({ "domains": ["evil.example"] }));
    scene.muster.admin("PATCH", "/tenants/beta", change).await.expect(200);
    let user = user_with("ada", json!({ "userName": "eve@evil.example" }));
    let id = scene.muster.post(&beta, "/Users", user).await.expect(201).id();
    scene.set_title_in(&beta, &id, "Thief").await.expect(200);
    assert_eq!(rewrites(&scene), Vec::<String>::new());
}

#[tokio::test]
async fn an_adopted_account_gets_the_profile_of_the_directory() {
    let scene = Scene::start("two-state").await;
    scene.existing("two-state").await;
    let id = scene.person("ada").await;
    scene.set_title(&id, "Countess").await.expect(200);
    let newest = &scene.operations_on(&id).await[0];
    let note = "recorded; the profile in the app stays: the account is not this organisation's own";
    assert_eq!((&newest["note"], &newest["state"]), (&json!(note), &json!("done")));
    assert_eq!((scene.title(), scene.origin(&id).await), (None, json!("linked")));
    scene.tenant_command(&["adopt", "acme", &id]).await;
    eventually("the profile should be sent", async || scene.title().is_some()).await;
    assert_eq!(scene.title().as_deref(), Some("Countess"));
    scene.set_title(&id, "Lady").await.expect(200);
    assert_eq!(scene.title().as_deref(), Some("Lady"));
    assert_eq!(scene.origin(&id).await, "adopted");
}

#[tokio::test]
async fn an_account_that_the_tenant_made_is_its_own_and_is_deleted() {
    let scene = Scene::start("three-state").await;
    let id = scene.person("ada").await;
    scene.set_title(&id, "Countess").await.expect(200);
    assert_eq!(
        (scene.title().as_deref(), scene.origin(&id).await),
        (Some("Countess"), json!("made"))
    );
    scene.delete(&id).await.expect(204);
    assert!(scene.muster.stage.sample.accounts("acme").is_empty());
}

#[tokio::test]
async fn the_journal_says_that_a_deletion_was_asked_as_a_deactivation_and_a_replay_agrees() {
    let scene = Scene::start("three-state").await;
    scene.existing("three-state").await;
    let id = scene.person("ada").await;
    scene.delete(&id).await.expect(204);
    let newest = &scene.operations_on(&id).await[0];
    assert_eq!(newest["kind"], "delete");
    let path = format!("/operations/{}", newest["id"].as_str().unwrap());
    let shown = scene.muster.admin("GET", &path, None).await.expect(200).body;
    assert_eq!(shown["event"]["kind"], "deactivate");
    assert_eq!(scene.muster.stage.sample.accounts("acme").len(), 1);
    let replay = json!({ "connector": "three-state" });
    let lines = scene.muster.admin_lines("/apps/shared/replay", replay).await;
    let report = &lines.last().unwrap()["report"];
    assert_eq!((&report["decisions"], &report["different"]), (&json!(2), &json!(0)), "{report}");
}
