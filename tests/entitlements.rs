//! The resources that an operator lists for the resource types that a connector adds (RFC 7643 §6;
//! `tests/fixtures/conversations/SOURCES.md`, "Okta: entitlements"). The view of identity providers
//! is replayed from `tests/fixtures/conversations/okta-oin/entitlements.json`.

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::{Answer, Muster, Tenant};

const PROFILE: &str = "urn:example:scim:schemas:extension:app:1.0:Profile";

fn settings() -> Value {
    json!({
        "roles": [
            { "id": "role-1", "displayName": "First Role", "description": "Sample text" },
            { "id": "role-2", "displayName": "Second Role" },
        ],
        "entitlements": [{ "id": "e-1", "displayName": "Seat", "type": "License" }],
        "profiles": [
            { "id": "p-1", "displayName": "Buyer", "type": "Profile", PROFILE: { "budget": 100 } },
        ],
    })
}

async fn app(muster: &Muster, settings: Value) -> Answer {
    muster.admin("PATCH", "/apps/office", Some(json!({ "settings": settings }))).await
}

async fn office(settings: Value) -> (Muster, Tenant) {
    let muster = Muster::start().await;
    muster.push(guest("entitled")).await.expect(201);
    let app = json!({ "name": "office", "connector": "entitled", "settings": settings });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    let tenant = muster.plain_tenant("acme", "office").await;
    (muster, tenant)
}

/// The names of the resources of a list.
fn names(list: &Value) -> Vec<&str> {
    let called = |it: &'_ Value| if it["name"].is_string() { "name" } else { "displayName" };
    let resources = list["Resources"].as_array().unwrap();
    resources.iter().map(|it| it[called(it)].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_version_is_shown_with_what_it_adds_to_scim() {
    let (muster, _) = office(settings()).await;
    let (status, shown) = muster.command(&["connector", "show", "entitled"]).await;
    assert_eq!(status, Some(0), "{shown}");
    let line = |with: &str| {
        let found = shown.lines().find(|line| line.contains(with));
        let words: Vec<&str> = found.unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    };
    assert_eq!(line("badge:1.0"), "User urn:example:scim:schemas:extension:badge:1.0:User no");
    assert_eq!(line("app:1.0"), format!("Profile {PROFILE} yes"));
    let role = line("/Roles");
    assert!(role.starts_with("Role /Roles listed in the setting roles"), "{shown}");
}

#[tokio::test]
async fn the_directory_follows_the_settings() {
    let (muster, tenant) = office(settings()).await;
    let before = muster.get(&tenant, "/Roles").await.expect(200).body["Resources"].clone();
    let roles = json!([
        { "id": "role-3", "displayName": "Third Role" },
        { "id": "role-2", "displayName": "Second" },
        { "id": "role-1", "displayName": "First Role", "description": "Sample text" },
    ]);
    app(&muster, json!({ "roles": roles })).await.expect(200);
    let list = muster.get(&tenant, "/Roles?sortBy=id").await.expect(200).body;
    assert_eq!(names(&list), ["First Role", "Second", "Third Role"]);
    let after = &list["Resources"];
    assert_eq!(before[0], after[0], "an unchanged resource keeps its version");
    assert_ne!(before[1]["meta"]["version"], after[1]["meta"]["version"]);
    muster.get(&tenant, "/Entitlements").await.expect(404);

    // An id may pass to a resource of another type, whether the previous one still exists or not.
    let seat = json!([{ "id": "role-3", "displayName": "Seat", "type": "License" }]);
    app(&muster, json!({ "entitlements": seat })).await.expect(200);
    muster.get(&tenant, "/Entitlements/role-3").await.expect(200);
    let role = json!([{ "id": "role-3", "displayName": "Third Role" }]);
    app(&muster, json!({ "roles": role, "entitlements": [] })).await.expect(200);
    muster.get(&tenant, "/Roles/role-3").await.expect(200);

    app(&muster, json!({ "roles": [] })).await.expect(200);
    assert_eq!(muster.get(&tenant, "/Roles").await.expect(200).body["totalResults"], 0);
    app(&muster, json!({})).await.expect(200);
    muster.get(&tenant, "/Roles").await.expect(404);
    let types = muster.get(&tenant, "/ResourceTypes").await.expect(200).body;
    assert_eq!(names(&types), ["User", "Group"]);
}

#[tokio::test]
async fn an_invalid_list_is_refused_and_nothing_changes() {
    let (muster, tenant) = office(settings()).await;
    let roles = |roles: Value| json!({ "roles": roles });
    let role = |id: &str| json!({ "id": id, "displayName": "A" });
    let many: Vec<Value> = (0..1001).map(|n| role(&n.to_string())).collect();
    for (settings, said) in [
        (roles(json!([{ "displayName": "A" }])), "settings/roles/0: needs an `id`"),
        (roles(json!([role("a/b")])), "settings/roles/0: needs an `id`"),
        (roles(json!(["a"])), "settings/roles/0: needs an `id`"),
        (roles(json!([role("a"), { "id": "b" }])), "settings/roles/1: displayName is required"),
        (roles(json!([{ "id": "a", "displayName": "A", "colour": 1 }])), "has an attribute"),
        (roles(json!([role("a"), role("a")])), "the id \"a\""),
        (roles(json!(many)), "lists 1001, at most 1000"),
    ] {
        let refused = app(&muster, settings).await.expect(422).body;
        assert!(refused["detail"].as_str().unwrap().contains(said), "{refused}");
    }
    let own = json!({ "id": "other", "app": "office", "settings": { "roles": [role("")] } });
    muster.admin("POST", "/tenants", Some(own)).await.expect(422);
    assert_eq!(muster.get(&tenant, "/Roles").await.expect(200).body["totalResults"], 2);
}
