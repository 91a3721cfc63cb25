//! `/Me`: the owner of the token, if it has one (RFC 7644 §3.11).

use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, patch_op, user};

/// The tenant, accessed with a new token that has this owner.
async fn owned(muster: &Muster, tenant: &Tenant, owner: &str) -> Tenant {
    let made = add(muster, tenant, owner).await.expect(201);
    Tenant { token: made.body["token"].as_str().unwrap().to_owned(), ..tenant.clone() }
}

async fn add(muster: &Muster, tenant: &Tenant, owner: &str) -> Answer {
    let path = format!("/tenants/{}/tokens", tenant.name);
    muster.admin("POST", &path, Some(json!({ "owner": owner }))).await
}

fn rename(name: &str) -> Value {
    patch_op(json!([{ "op": "replace", "path": "displayName", "value": name }]))
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// Assertion 45: the request is processed directly, and each answer names the permanent address.
#[tokio::test]
async fn rfc7644_3_11_me_is_the_owner_of_the_token() {
    let muster = Muster::start().await;
    for dialect in ["generic", "strict", "okta", "entra"] {
        let tenant = muster.tenant_with("two-state", dialect).await;
        let path = format!("/Users/{}", muster.person(&tenant, "ada").await);
        let ada = owned(&muster, &tenant, "ada@ACME.example").await;
        let location = format!("{}{path}", tenant.base_url);
        let alike = async |query: &str| {
            let me = muster.get(&ada, &format!("/Me{query}")).await.expect(200);
            let named = muster.get(&tenant, &format!("{path}{query}")).await.expect(200);
            assert_eq!(me.body, named.body, "{dialect} {query}");
            assert_eq!(header(&me, "etag"), header(&named, "etag"));
            assert_eq!(header(&me, "location"), location);
            assert_eq!(header(&me, "content-location"), location);
            me
        };
        assert_eq!(alike("").await.body["meta"]["location"], location);
        alike("?attributes=userName,groups").await;
        alike("?excludedAttributes=emails,name").await;
        let head = muster.scim(&ada, "HEAD", "/Me", None).await.expect(200);
        assert_eq!((header(&head, "location"), &head.body), (&*location, &Value::Null));

        let patched = muster.scim(&ada, "PATCH", "/Me", Some(rename("Ada L"))).await.expect(200);
        assert_eq!(
            (header(&patched, "location"), &patched.body["displayName"]),
            (&*location, &json!("Ada L"))
        );
        let whole = user("ada");
        let put = muster.scim(&ada, "PUT", "/Me?attributes=displayName", Some(whole)).await;
        let put = put.expect(200);
        assert_eq!(
            (header(&put, "location"), &put.body["displayName"]),
            (&*location, &json!("ada Doe"))
        );
        assert_eq!(put.body["userName"], Value::Null, "{dialect}");
        alike("").await;

        let gone = muster.scim(&ada, "DELETE", "/Me", None).await.expect(204);
        assert_eq!(header(&gone, "location"), location);
        let calls = muster.app_calls(&tenant).await;
        assert_eq!(calls.last().unwrap().method, "DELETE", "the app received the deletion");
        muster.get(&tenant, &path).await.expect(404);
    }
}

/// Assertions 44 and 45.
#[tokio::test]
async fn rfc7644_3_11_me_honours_preconditions() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let id = muster.person(&tenant, "ada").await;
    let ada = owned(&muster, &tenant, &id).await;
    let tag = header(&muster.get(&ada, "/Me").await, "etag").to_owned();
    let send = async |method: &str, condition: (&str, &str), body: Option<Value>| {
        let answer = muster.scim_with(&ada, method, "/Me", &[condition], body).await;
        assert_eq!(header(&answer, "location"), format!("{}/Users/{id}", tenant.base_url));
        answer
    };
    send("GET", ("if-none-match", &tag), None).await.expect(304);
    for (method, body) in
        [("PUT", Some(user("ada"))), ("PATCH", Some(rename("x"))), ("DELETE", None)]
    {
        send(method, ("if-match", "W/\"other\""), body).await.expect(412);
    }
    send("PATCH", ("if-match", &tag), Some(rename("Ada L"))).await.expect(200);
    send("GET", ("if-none-match", &tag), None).await.expect(200);
    send("DELETE", ("if-match", &tag), None).await.expect(412);
}

/// Assertion 45: the owner is a user and not a name.
#[tokio::test]
async fn rfc7644_3_11_me_stays_the_same_user() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let id = muster.person(&tenant, "ada").await;
    let ada = owned(&muster, &tenant, "ada@acme.example").await;
    let renamed = json!([{ "op": "replace", "path": "userName", "value": "lovelace" }]);
    muster.patch(&tenant, &format!("/Users/{id}"), renamed).await.expect(200);
    assert_eq!(muster.get(&ada, "/Me").await.expect(200).body["userName"], "lovelace");
    muster.scim(&ada, "DELETE", "/Me", None).await.expect(204);
    let mut namesake = user("ada");
    namesake["userName"] = json!("lovelace");
    muster.post(&tenant, "/Users", namesake).await.expect(201);
    let body = || Some(user("ada"));
    for (method, body) in
        [("GET", None), ("PUT", body()), ("PATCH", Some(rename("x"))), ("DELETE", None)]
    {
        let refused = muster.scim(&ada, method, "/Me", body).await.expect(404);
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(&id) && detail.contains("no longer exists"), "{detail}");
    }
    // The token itself stays valid.
    muster.get(&ada, "/Users").await.expect(200);
}

/// Assertion 45.
#[tokio::test]
async fn rfc7644_3_11_me_is_not_implemented_for_a_token_without_owner() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let body = (method != "GET").then(|| user("ada"));
        let answer = muster.scim(&tenant, method, "/Me", body).await.expect(501);
        assert_eq!(answer.body["status"], "501");
        let detail = answer.body["detail"].as_str().unwrap();
        let how = format!("muster token add {} --owner", tenant.name);
        assert!(detail.contains("/Me") && detail.contains(&how), "{detail}");
    }
    let unknown = Tenant { token: "wrong".to_owned(), ..tenant.clone() };
    muster.get(&unknown, "/Me").await.expect(401);
}

/// Assertion 45: `/Me` creates no user, and SCIM 1.1 does not have it.
#[tokio::test]
async fn rfc7644_3_11_me_creates_no_user_and_exists_only_in_scim_2() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let id = muster.person(&tenant, "ada").await;
    let ada = owned(&muster, &tenant, &id).await;
    let refused = muster.post(&ada, "/Me", user("ben")).await.expect(501);
    assert!(refused.body["detail"].as_str().unwrap().contains("/Users"), "{}", refused.body);
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 1);
    let v1 = format!("{}/Me", tenant.base_url.replace("/scim/v2", "/scim/v1"));
    muster.send("GET", &v1, &ada.token, None).await.expect(501);
    let theirs = muster.tenant_with("roster", "generic").await;
    muster.get(&Tenant { token: ada.token, ..theirs }, "/Me").await.expect(401);
}

#[tokio::test]
async fn an_owner_is_a_user_of_the_tenant() {
    let muster = Muster::start().await;
    let (ours, theirs) = (muster.tenant("roster").await, muster.tenant("roster").await);
    let stranger = muster.person(&theirs, "eve").await;
    let staff = muster.post(&ours, "/Groups", json!({ "displayName": "Staff" })).await.id();
    for owner in [&*stranger, "eve@acme.example", &*staff, "Staff", ""] {
        let refused = add(&muster, &ours, owner).await.expect(422);
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("has no user {owner:?}")), "{detail}");
    }
    // A user that an identity provider gives another user's id as its name does not become the
    // owner.
    let ada = muster.person(&ours, "ada").await;
    let mut disguised = user("mallory");
    disguised["userName"] = json!(ada);
    muster.post(&ours, "/Users", disguised).await.expect(201);
    let made = add(&muster, &ours, &ada).await.expect(201);
    assert_eq!(made.body["owner"], ada);
}

#[tokio::test]
async fn operators_see_the_owner_of_a_token() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = muster.person(&tenant, "ada").await;
    let name = tenant.name.as_str();
    let (status, said) = muster.command(&["token", "add", name, "--owner", "missing"]).await;
    assert!(status != Some(0) && said.contains("has no user \"missing\""), "{said}");
    let add = ["token", "add", name, "--owner", "ada@acme.example"];
    let (status, said) = muster.command(&add).await;
    assert!(status == Some(0) && said.contains(&id) && said.contains("/Me"), "{said}");
    let (_, said) = muster.command(&["token", "list", name]).await;
    assert!(said.contains("owner") && said.contains(&id), "{said}");
    let listed = muster.admin("GET", &format!("/tenants/{name}/tokens"), None).await.expect(200);
    let owners = [&listed.body["items"][0]["owner"], &listed.body["items"][1]["owner"]];
    assert_eq!(owners, [&Value::Null, &json!(id)]);
}
