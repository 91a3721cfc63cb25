//! Invalid requests: the answer is always a SCIM error in JSON, and nothing has changed.

use serde_json::{Value, json};

use crate::support::{Muster, Tenant, client, patch_op, user};

/// Sends raw bytes, and checks the answer by the rules for every error.
async fn check(
    muster: &Muster,
    tenant: &Tenant,
    (method, path): (&str, &str),
    body: impl Into<Vec<u8>>,
    content_type: &str,
    (status, scim_type, word): (u16, Option<&str>, &str),
) {
    let before = everything(muster, tenant).await;
    let response = client()
        .request(method.parse().unwrap(), format!("{}{path}", tenant.base_url))
        .bearer_auth(&tenant.token)
        .header("content-type", content_type)
        .body(body.into())
        .send()
        .await
        .unwrap();
    let case = format!("{method} {path}");
    assert_eq!(response.status().as_u16(), status, "{case}");
    assert_eq!(response.headers()["content-type"], "application/scim+json", "{case}");
    let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(error["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{case}");
    assert_eq!(error["status"], status.to_string(), "{case}");
    assert_eq!(error["scimType"].as_str(), scim_type, "{case}: {error}");
    let detail = error["detail"].as_str().unwrap();
    assert!(detail.contains(word), "{case}: {detail}");
    assert_eq!(everything(muster, tenant).await, before, "{case} changed something");
}

async fn everything(muster: &Muster, tenant: &Tenant) -> Value {
    muster.get(tenant, "/Users?count=500").await.expect(200).body
}

const JSON: &str = "application/scim+json";

#[tokio::test]
async fn bad_bodies() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "strict").await;
    let syntax = |word: &'static str| (400, Some("invalidSyntax"), word);
    let value = |word: &'static str| (400, Some("invalidValue"), word);
    let post = ("POST", "/Users");
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let large = format!(r#"{{"userName":"{}"}}"#, "a".repeat(2 << 20));
    let with = |name: &str, wrong: Value| {
        let mut body = user("ada");
        body.as_object_mut().unwrap().insert(name.to_owned(), wrong);
        body.to_string()
    };
    check(&muster, &tenant, post, "{", JSON, syntax("line 1")).await;
    check(&muster, &tenant, post, "", JSON, syntax("")).await;
    check(&muster, &tenant, post, "[]", JSON, syntax("")).await;
    check(&muster, &tenant, post, b"\xff\xfe".to_vec(), JSON, syntax("UTF-8")).await;
    check(&muster, &tenant, post, deep, JSON, syntax("")).await;
    check(&muster, &tenant, post, large, JSON, (413, None, "larger than")).await;
    check(&muster, &tenant, post, "{}", "application/xml", (415, None, "application/scim+json"))
        .await;
    check(&muster, &tenant, post, with("userName", Value::Null), JSON, value("userName")).await;
    check(&muster, &tenant, post, with("userName", json!("")), JSON, value("userName")).await;
    check(&muster, &tenant, post, with("userName", json!(7)), JSON, value("userName")).await;
    check(&muster, &tenant, post, with("active", json!("maybe")), JSON, value("active")).await;
    check(&muster, &tenant, post, with("emails", json!("a@b")), JSON, value("emails")).await;
    check(&muster, &tenant, post, with("colour", json!("red")), JSON, syntax("colour")).await;
}

#[tokio::test]
async fn bad_patches() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = muster.person(&tenant, "ada").await;
    let path = format!("/Users/{id}");
    let patch = ("PATCH", path.as_str());
    let op = |operations: Value| patch_op(operations).to_string();
    let nothing = op(json!([]));
    let odd = op(json!([{ "op": "move", "path": "title" }]));
    let nowhere = op(json!([{ "op": "replace", "path": "title..x", "value": "x" }]));
    let read_only = op(json!([{ "op": "replace", "path": "meta.created", "value": "x" }]));
    let half = op(json!([
        { "op": "replace", "path": "title", "value": "Countess" },
        { "op": "replace", "path": "active", "value": "perhaps" },
    ]));
    check(&muster, &tenant, patch, nothing, JSON, (400, Some("invalidSyntax"), "Operations")).await;
    check(&muster, &tenant, patch, odd, JSON, (400, Some("invalidSyntax"), "move")).await;
    check(&muster, &tenant, patch, nowhere, JSON, (400, Some("invalidPath"), "")).await;
    check(&muster, &tenant, patch, read_only, JSON, (400, Some("mutability"), "meta")).await;
    // The first operation is possible, but a PATCH is applied as a whole or not at all.
    check(&muster, &tenant, patch, half, JSON, (400, Some("invalidValue"), "active")).await;
}

#[tokio::test]
async fn bad_paths_and_queries() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let unknown = (404, None, "");
    let filter = (400, Some("invalidFilter"), "");
    let no_text = (400, Some("invalidPath"), "UTF-8");
    check(&muster, &tenant, ("GET", "/Users/%FF"), "", JSON, no_text).await;
    check(&muster, &tenant, ("PUT", "/Users/%C3"), user("ada").to_string(), JSON, no_text).await;
    check(&muster, &tenant, ("GET", "/Schemas/%FF"), "", JSON, no_text).await;
    check(&muster, &tenant, ("GET", "/%FF"), "", JSON, no_text).await;
    check(&muster, &tenant, ("GET", "/1/2/3/%FF"), "", JSON, unknown).await;
    check(&muster, &tenant, ("GET", "/Nothing"), "", JSON, unknown).await;
    check(&muster, &tenant, ("GET", "/Users/1/2/3"), "", JSON, unknown).await;
    check(&muster, &tenant, ("PUT", "/Users/unknown"), user("ada").to_string(), JSON, unknown)
        .await;
    check(&muster, &tenant, ("DELETE", "/Users/unknown"), "", JSON, unknown).await;
    check(&muster, &tenant, ("DELETE", "/Users"), "", JSON, (405, None, "DELETE")).await;
    check(&muster, &tenant, ("POST", "/Schemas"), "{}", JSON, (405, None, "POST")).await;
    check(
        &muster,
        &tenant,
        ("POST", "/Bulk"),
        "{}",
        JSON,
        (400, Some("invalidSyntax"), "Operations"),
    )
    .await;
    check(&muster, &tenant, ("GET", "/Me"), "", JSON, (501, None, "/Me")).await;
    check(&muster, &tenant, ("GET", "/Users?filter=userName%20eq"), "", JSON, filter).await;
    check(&muster, &tenant, ("GET", "/Users?filter=active%20gt%20true"), "", JSON, filter).await;
    check(
        &muster,
        &tenant,
        ("GET", "/Users?count=many"),
        "",
        JSON,
        (400, Some("invalidValue"), "count"),
    )
    .await;
}

#[tokio::test]
async fn only_an_authenticated_caller_learns_that_a_path_is_wrong() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let stranger = Tenant { token: "wrong".to_owned(), ..tenant.clone() };
    muster.get(&stranger, "/Users/%FF").await.expect(401);
    let unknown = tenant.base_url.replace(&tenant.name, "%FF");
    muster.send("GET", &format!("{unknown}/Users"), &tenant.token, None).await.expect(401);
    let apps = format!("{}/admin/v1/apps/%FF", muster.stage.url);
    muster.send("GET", &apps, &tenant.token, None).await.expect(401);
    let refused = muster.admin("GET", "/apps/%FF", None).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidPath");
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_and_changes_no_user() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    muster.person(&tenant, "ada").await;
    let other = muster.person(&tenant, "bob").await;
    let mut again = user("ada");
    again["userName"] = json!("ADA@ACME.EXAMPLE");
    let taken = (409, Some("uniqueness"), "userName");
    check(&muster, &tenant, ("POST", "/Users"), again.to_string(), JSON, taken).await;
    let path = format!("/Users/{other}");
    let renamed = patch_op(json!([
        { "op": "replace", "path": "userName", "value": "ada@acme.example" },
    ]));
    check(&muster, &tenant, ("PATCH", &path), renamed.to_string(), JSON, taken).await;
}
