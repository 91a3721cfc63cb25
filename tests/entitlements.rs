//! What a connector adds to SCIM's own schemas: extensions that are enforced, and types of resources
//! that an operator lists and identity providers import (clients.md §1.11, RFC 7643 §3.3 and §6).

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::{Answer, Muster, Tenant};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const BADGE: &str = "urn:example:scim:schemas:extension:badge:1.0:User";
const ROLE: &str = "urn:okta:scim:schemas:core:1.0:Role";
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
    let spec = json!({ "connector": "entitled", "settings": settings });
    muster.admin("PUT", "/apps/office", Some(spec)).await
}

async fn office(settings: Value) -> (Muster, Tenant) {
    let muster = Muster::start().await;
    muster.push(guest("entitled")).await.expect(201);
    app(&muster, settings).await.expect(200);
    let tenant = muster.plain_tenant("acme", "office").await;
    (muster, tenant)
}

/// What the resources of a list are called.
fn names(list: &Value) -> Vec<&str> {
    let called = |it: &'_ Value| if it["name"].is_string() { "name" } else { "displayName" };
    let resources = list["Resources"].as_array().unwrap();
    resources.iter().map(|it| it[called(it)].as_str().unwrap()).collect()
}

#[tokio::test]
async fn okta_discovers_and_imports_what_can_be_granted() {
    let (muster, tenant) = office(settings()).await;
    let types = muster.get(&tenant, "/ResourceTypes").await.expect(200).body;
    assert_eq!(names(&types), ["User", "Group", "Role", "Entitlement", "Profile"]);
    let profile = &types["Resources"][4];
    assert_eq!(profile["endpoint"], "/Profiles");
    assert_eq!(profile["schemaExtensions"], json!([{ "schema": PROFILE, "required": true }]));
    let schemas = muster.get(&tenant, "/Schemas").await.expect(200).body;
    assert_eq!(schemas["totalResults"], 7);
    let badge = muster.get(&tenant, &format!("/Schemas/{BADGE}")).await.expect(200).body;
    assert_eq!(badge["attributes"][0]["name"], "number");

    let roles = muster.get(&tenant, "/Roles?startIndex=1&count=100").await.expect(200).body;
    assert_eq!(names(&roles), ["First Role", "Second Role"]);
    assert_eq!(roles["totalResults"], 2);
    let first = &roles["Resources"][0];
    assert_eq!((&first["schemas"], &first["id"]), (&json!([ROLE]), &json!("role-1")));
    assert_eq!(first["meta"]["resourceType"], "Role");
    assert_eq!(first["meta"]["location"], format!("{}/Roles/role-1", tenant.base_url));
    let one = muster.get(&tenant, "/Entitlements?count=1&startIndex=1").await.expect(200).body;
    assert_eq!((&one["itemsPerPage"], &one["totalResults"]), (&json!(1), &json!(1)));
    let profile = muster.get(&tenant, "/Profiles/p-1").await.expect(200).body;
    assert_eq!(profile[PROFILE], json!({ "budget": 100 }));
}

#[tokio::test]
async fn what_is_listed_is_found_like_any_other_and_only_read() {
    let (muster, tenant) = office(settings()).await;
    let found = async |query: &str| {
        let list = muster.get(&tenant, query).await.expect(200).body;
        list["Resources"].as_array().unwrap().len()
    };
    assert_eq!(found("/Roles?filter=displayName%20eq%20%22second%20role%22").await, 1);
    assert_eq!(found("/Roles?filter=description%20pr").await, 1);
    assert_eq!(found(&format!("/Profiles?filter={PROFILE}:budget%20gt%2099")).await, 1);
    muster.get(&tenant, "/Users/role-1").await.expect(404);
    muster.get(&tenant, "/Roles/e-1").await.expect(404);
    for (method, path) in
        [("POST", "/Roles"), ("PUT", "/Roles/role-1"), ("DELETE", "/Roles/role-1")]
    {
        let body = (method != "DELETE").then(|| json!({ "schemas": [ROLE], "displayName": "X" }));
        let refused = muster.scim(&tenant, method, path, body).await.expect(501).body;
        assert!(refused["detail"].as_str().unwrap().contains("only read"), "{refused}");
    }
    assert_eq!(found("/Roles").await, 2);
}

#[tokio::test]
async fn an_extension_of_the_app_is_enforced_stored_and_found() {
    let (muster, tenant) = office(json!({})).await;
    let user = |name: &str, badge: Value| json!({ "schemas": [USER, BADGE], "userName": name, BADGE: badge });
    for (badge, detail) in [
        (json!({ "number": "seven" }), "number"),
        (json!({ "holder": "ada" }), "number is required"),
        (json!({ "number": 7.5 }), "number"),
    ] {
        let refused = muster.post(&tenant, "/Users", user("ada", badge)).await.expect(400).body;
        assert_eq!(refused["scimType"], "invalidValue");
        assert!(refused["detail"].as_str().unwrap().contains(detail), "{refused}");
    }
    let badge = json!({ "number": 7, "holder": "ada", "doors": [{ "value": "North" }] });
    let made = muster.post(&tenant, "/Users", user("ada", badge.clone())).await.expect(201);
    assert_eq!((&made.body["schemas"], &made.body[BADGE]), (&json!([USER, BADGE]), &badge));
    let id = made.id();
    let path = format!("/Users/{id}");
    let operation = json!([{ "op": "replace", "path": format!("{BADGE}:number"), "value": 8 }]);
    muster.patch(&tenant, &path, operation).await.expect(200);
    let holder = json!([{ "op": "replace", "path": format!("{BADGE}:holder"), "value": "bob" }]);
    let refused = muster.patch(&tenant, &path, holder).await.expect(400).body;
    assert_eq!(refused["scimType"], "mutability");
    let query = format!("/Users?filter={BADGE}:number%20eq%208");
    assert_eq!(muster.get(&tenant, &query).await.expect(200).body["totalResults"], 1);
    let query = format!("/Users?filter={BADGE}:doors.value%20eq%20%22north%22");
    assert_eq!(muster.get(&tenant, &query).await.expect(200).body["totalResults"], 0);
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
    assert_eq!(before[0], after[0], "what stays as it is has not changed");
    assert_ne!(before[1]["meta"]["version"], after[1]["meta"]["version"]);
    muster.get(&tenant, "/Entitlements").await.expect(404);

    // An id may become that of another type, whether the one before is still there or not.
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
async fn a_wrong_list_is_refused_and_nothing_changes() {
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
    let own = json!({ "app": "office", "settings": { "roles": [role("")] } });
    muster.admin("PUT", "/tenants/other", Some(own)).await.expect(422);
    assert_eq!(muster.get(&tenant, "/Roles").await.expect(200).body["totalResults"], 2);
}
