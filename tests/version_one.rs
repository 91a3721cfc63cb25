//! SCIM 1.1 beside SCIM 2.0: one directory, served in both versions.

use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, client, user};

const CORE: &str = "urn:scim:schemas:core:1.0";
const ENTERPRISE: &str = "urn:scim:schemas:extension:enterprise:1.0";
const MODERN_ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn older(tenant: &Tenant) -> Tenant {
    Tenant { base_url: tenant.base_url.replace("/v2", "/v1"), ..tenant.clone() }
}

fn ada() -> Value {
    json!({
        "schemas": [CORE, ENTERPRISE],
        "userName": "ada@acme.example",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "primary": true, "value": "ada@acme.example", "type": "work" }],
        "active": true,
        ENTERPRISE: { "manager": { "managerId": "9" } },
    })
}

async fn patch(muster: &Muster, tenant: &Tenant, path: &str, mut body: Value) -> Answer {
    body["schemas"] = json!([CORE]);
    muster.scim(tenant, "PATCH", path, Some(body)).await
}

#[tokio::test]
async fn a_user_created_by_one_version_is_visible_in_the_other() {
    let muster = Muster::start().await;
    let v2 = muster.tenant("roster").await;
    let v1 = older(&v2);
    let created = muster.post(&v1, "/Users", ada()).await.expect(201);
    let id = created.id();
    assert_eq!(created.headers["content-type"], "application/json; charset=utf-8");
    let location = format!("{}/Users/{id}", v1.base_url);
    assert_eq!(created.headers["location"], location);
    let meta = &created.body["meta"];
    assert_eq!(meta["location"], location);
    assert_eq!(meta["version"], created.headers["etag"].to_str().unwrap());
    assert_eq!(meta["created"], meta["lastModified"]);
    assert!(meta.get("resourceType").is_none());
    assert_eq!(created.body["schemas"], json!([CORE, ENTERPRISE]));
    assert_eq!(created.body[ENTERPRISE], json!({ "manager": { "managerId": "9" } }));
    let seen = muster.get(&v2, &format!("/Users/{id}")).await.expect(200);
    assert_eq!(seen.headers["content-type"], "application/scim+json");
    assert_eq!(seen.body[MODERN_ENTERPRISE]["manager"]["value"], "9");
    assert_eq!(seen.body["meta"]["location"], format!("{}/Users/{id}", v2.base_url));

    let other = muster.person(&v2, "charles").await;
    let list = muster.get(&v1, "/Users?startIndex=1&count=2").await.expect(200).body;
    assert_eq!(list["schemas"], json!([CORE]));
    assert_eq!(list["totalResults"], 2);
    assert_eq!(list["Resources"][1]["id"], other);
    assert_eq!(list["Resources"][1]["schemas"], json!([CORE]));
    let found =
        format!("/Users?filter={ENTERPRISE}:manager.managerId%20eq%20%229%22&attributes=id");
    let found = muster.get(&v1, &found).await.expect(200).body;
    assert_eq!(found["totalResults"], 1);
    assert_eq!(found["Resources"][0]["id"], id);
    assert!(found["Resources"][0].get("userName").is_none());
}

#[tokio::test]
async fn a_change_by_one_version_is_visible_in_the_other() {
    let muster = Muster::start().await;
    let v2 = muster.tenant("three-state").await;
    let v1 = older(&v2);
    let id = muster.person(&v2, "ada").await;
    let path = format!("/Users/{id}");
    let gone = patch(&muster, &v1, &path, json!({ "id": id, "active": false })).await.expect(200);
    assert_eq!(gone.body["active"], false);
    assert_eq!(muster.get(&v2, &path).await.expect(200).body["active"], false);
    let calls = muster.app_calls(&v2).await;
    assert!(calls.last().unwrap().path.ends_with("/suspend"));

    let mut whole = muster.get(&v1, &path).await.expect(200).body;
    whole["active"] = json!(true);
    whole["title"] = json!("Countess");
    let back = muster.scim(&v1, "PUT", &path, Some(whole)).await.expect(200);
    assert_eq!((&back.body["active"], &back.body["title"]), (&json!(true), &json!("Countess")));
    let cleared = json!({ "meta": { "attributes": ["title"] } });
    let cleared = patch(&muster, &v1, &path, cleared).await.expect(200);
    assert!(cleared.body.get("title").is_none());
    assert!(muster.get(&v2, &path).await.expect(200).body.get("title").is_none());
    muster.scim(&v1, "DELETE", &path, None).await.expect(204);
    muster.get(&v2, &path).await.expect(404);
}

#[tokio::test]
async fn members_are_added_removed_and_replaced() {
    let muster = Muster::start().await;
    // OneLogin's forms (`tests/fixtures/conversations/onelogin-v1/group.json`); the answer is the
    // group.
    let v2 = muster.tenant_with("roster", "onelogin").await;
    let v1 = older(&v2);
    let (ada, bob) = (muster.person(&v2, "ada").await, muster.person(&v2, "bob").await);
    let group = json!({ "schemas": [CORE], "displayName": "Poets" });
    let group = format!("/Groups/{}", muster.post(&v1, "/Groups", group).await.expect(201).id());
    let members = |answer: Answer| {
        let members = answer.body["members"].as_array().cloned().unwrap_or_default();
        members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let add = json!({ "members": [
        { "value": ada, "operation": "add" }, { "value": bob, "display": "bob" },
    ] });
    let joined = patch(&muster, &v1, &group, add).await.expect(200);
    assert_eq!(members(joined), [ada.clone(), bob.clone()]);
    let delete = json!({ "members": [{ "value": ada, "operation": "delete" }] });
    assert_eq!(members(patch(&muster, &v1, &group, delete).await.expect(200)), [bob.as_str()]);
    let overwrite = json!({ "meta": { "attributes": ["members"] }, "members": [{ "value": ada }] });
    assert_eq!(members(patch(&muster, &v1, &group, overwrite).await.expect(200)), [ada.as_str()]);
    let seen = muster.get(&v1, &format!("/Users/{ada}")).await.expect(200);
    assert_eq!(seen.body["groups"][0]["display"], "Poets");
    assert!(seen.body["groups"][0].get("$ref").is_none());
    let clear = json!({ "meta": { "attributes": ["members"] } });
    assert!(members(patch(&muster, &v1, &group, clear).await.expect(200)).is_empty());
    let rename = patch(&muster, &v1, &group, json!({ "displayName": "Bards" })).await.expect(200);
    assert_eq!(rename.body["displayName"], "Bards");
    // The description that Okta sends:
    // `tests/fixtures/conversations/okta-oin-v1/group-description.json`.
    let described = json!({ "urn:okta:custom:group:1.0": { "description": "All who write" } });
    patch(&muster, &v1, &group, described).await.expect(200);
}

/// Both shapes, as Okta's suite for SCIM 1.1 requires them:
/// `tests/fixtures/conversations/SOURCES.md`, "Okta: SPEC suite for SCIM 1.1".
#[track_caller]
fn check_error(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    let detail = answer.body["detail"].as_str().unwrap();
    let code = status.to_string();
    let expected = json!({
        "Errors": [{ "description": detail, "code": code }], "detail": detail, "status": code,
    });
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn every_error_has_both_shapes() {
    let muster = Muster::start().await;
    let v1 = older(&muster.tenant("roster").await);
    let get = async |path: &str| muster.get(&v1, path).await;
    check_error(&get("/Users/unknown").await, 404);
    check_error(&get("/Nothing").await, 404);
    check_error(&get("/Users/1/2/3").await, 404);
    check_error(&get("/Users?filter=ADA@ACME.EXAMPLE").await, 400);
    check_error(&muster.scim(&v1, "DELETE", "/Users", None).await, 405);
    check_error(&muster.post(&v1, "/ServiceProviderConfigs", json!("test")).await, 405);
    check_error(&muster.post(&v1, "/Bulk", json!({})).await, 501);
    check_error(&muster.post(&v1, "/Users", json!({ "schemas": [CORE] })).await, 400);
    muster.post(&v1, "/Users", ada()).await.expect(201);
    check_error(&muster.post(&v1, "/Users", ada()).await, 409);
    let stranger = Tenant { token: "wrong".to_owned(), ..v1.clone() };
    let denied = muster.get(&stranger, "/Users").await;
    assert_eq!(denied.headers["www-authenticate"], "Bearer, Basic");
    check_error(&denied, 401);
    let third = Tenant { base_url: v1.base_url.replace("/v1", "/v3"), ..v1.clone() };
    assert_eq!(muster.get(&third, "/Users").await.status, 404);
}

#[tokio::test]
async fn xml_is_refused_with_a_clear_error() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let v1 = older(&tenant);
    let send = async |name: &str, value: &str| {
        let request = client().post(format!("{}/Users", v1.base_url)).bearer_auth(&v1.token);
        let body = user("ada").to_string();
        let response = request.header(name, value).body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    for (name, value, status) in [
        ("content-type", "application/xml", 415),
        ("accept", "application/xml, text/xml;q=0.5", 406),
    ] {
        let (came, body) = send(name, value).await;
        assert_eq!(came, status);
        assert!(body.contains("XML is not offered"), "{body}");
    }
    let (came, _) = send("accept", "application/xml, */*;q=0.1").await;
    assert_eq!(came, 201);
}

/// Okta's on-premises agent reads this before anything else, in either version:
/// `tests/fixtures/conversations/okta-opp/connect.json`.
#[tokio::test]
async fn the_on_premises_agent_reads_the_capabilities() {
    let muster = Muster::start().await;
    let v2 = muster.tenant("roster").await;
    let v1 = older(&v2);
    let okta = "urn:okta:schemas:scim:providerconfig:1.0";
    let modern = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
    for (tenant, schema) in [(&v1, CORE), (&v2, modern)] {
        let config = muster.get(tenant, "/ServiceProviderConfigs").await.expect(200).body;
        assert_eq!(config["schemas"], json!([schema, okta]));
        assert_eq!(config["patch"]["supported"], true);
        let capabilities = config[okta]["userManagementCapabilities"].as_array().unwrap();
        for word in ["GROUP_PUSH", "OPP_SCIM_INCREMENTAL_IMPORTS", "REACTIVATE_USERS"] {
            assert!(capabilities.contains(&json!(word)), "{capabilities:?}");
        }
        // The connector does not take passwords.
        assert!(!capabilities.contains(&json!("PUSH_PASSWORD_UPDATES")));
    }
    let plain = muster.get(&v2, "/ServiceProviderConfig").await.expect(200).body;
    assert!(plain.get(okta).is_none());
    let types = muster.get(&v1, "/ResourceTypes").await.expect(200).body;
    assert_eq!(types["schemas"], json!([CORE]));
    let user = muster.get(&v1, &format!("/Schemas/{CORE}:User")).await.expect(200).body;
    assert_eq!(user["name"], "User");
    muster.get(&v1, "/ResourceTypes/User").await.expect(200);
    muster.get(&v1, "/Schemas/urn:x").await.expect(404);
}
