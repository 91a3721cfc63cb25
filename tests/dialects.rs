//! Dialects: recognised by the client if none is set, and deviations counted for operators.

use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, patch_op};

const OKTA: (&str, &str) = ("user-agent", "Okta SCIM Client 1.0.0");

async fn seen(muster: &Muster, tenant: &Tenant) -> Value {
    muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await.expect(200).body
}

async fn renamed(muster: &Muster, tenant: &Tenant, headers: &[(&str, &str)], id: &str) -> Answer {
    let rename = patch_op(json!([{ "op": "replace", "value": { "displayName": "Crew" } }]));
    muster.scim_with(tenant, "PATCH", &format!("/Groups/{id}"), headers, Some(rename)).await
}

#[tokio::test]
async fn a_client_recognised_by_its_user_agent_is_answered_in_its_dialect() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let group = muster.post(&tenant, "/Groups", json!({ "displayName": "Team" })).await.id();
    renamed(&muster, &tenant, &[], &group).await.expect(200);
    assert_eq!(seen(&muster, &tenant).await["recognised"], Value::Null);
    // Only Okta and Entra are answered with 204: `tests/fixtures/conversations/SOURCES.md`, "Okta:
    // groups" and "Entra: groups are read without members".
    renamed(&muster, &tenant, &[OKTA], &group).await.expect(204);
    assert_eq!(seen(&muster, &tenant).await["recognised"], "okta");
    let chosen = muster.tenant_with("roster", "ping").await;
    let group = muster.post(&chosen, "/Groups", json!({ "displayName": "Team" })).await.id();
    renamed(&muster, &chosen, &[OKTA], &group).await.expect(200);
}

#[tokio::test]
async fn deviations_are_counted_for_each_tenant_and_survive_a_change_of_the_tenant() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let other = muster.tenant("roster").await;
    let id = muster.person(&tenant, "ada").await;
    for active in [false, true] {
        let value = json!([{ "op": "Replace", "value": { "active": active.to_string() } }]);
        muster.patch(&tenant, &format!("/Users/{id}"), value).await.expect(200);
    }
    let spec = json!({ "dialect": "okta" });
    let after = muster.admin("PATCH", &format!("/tenants/{}", tenant.name), Some(spec)).await;
    let counted = |shown: &Value, rule: &str| {
        let deviations = shown["deviations"].as_array().unwrap();
        let found = deviations.iter().find(|it| it["rule"] == rule);
        found.map(|it| (it["times"].as_u64().unwrap(), it["what"].as_str().unwrap().to_owned()))
    };
    let shown = after.expect(200).body;
    let case = Some((2, "`op` in another case, such as Replace".to_owned()));
    assert_eq!(counted(&shown, "operation-case"), case, "{shown}");
    assert_eq!(counted(&shown, "string-for-boolean").map(|it| it.0), Some(2));
    assert_eq!(seen(&muster, &other).await["deviations"], json!([]));
}

#[tokio::test]
async fn an_operator_is_advised_that_an_entra_tenant_lacks_its_flag() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "entra").await;
    let id = muster.person(&tenant, "ada").await;
    let path = format!("/Users/{id}");
    let value = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    muster.patch(&tenant, &path, value).await.expect(200);
    let advice = seen(&muster, &tenant).await["advice"].clone();
    assert!(advice.as_str().is_some_and(|it| it.contains("aadOptscim062020")), "{advice}");
    let value = json!([{ "op": "replace", "path": "active", "value": true }]);
    muster.patch(&tenant, &format!("{path}?aadOptscim062020"), value).await.expect(200);
    assert_eq!(seen(&muster, &tenant).await["advice"], Value::Null);
}

#[tokio::test]
async fn the_interoperability_profile_has_no_put_and_needs_paths() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "interop").await;
    let id = muster.person(&tenant, "ada").await;
    let path = format!("/Users/{id}");
    let put = muster.scim(&tenant, "PUT", &path, Some(crate::support::user("ada"))).await;
    let detail = put.expect(501).body["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("use PATCH"), "{detail}");
    let pathless = json!([{ "op": "replace", "value": { "title": "Countess" } }]);
    muster.patch(&tenant, &path, pathless.clone()).await.expect(400);
    let with_path = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &path, with_path).await.expect(200);
    // RFC 7644 §3.5.2.3 does not ask for a path.
    let strict = muster.tenant_with("roster", "strict").await;
    let id = muster.person(&strict, "ada").await;
    muster.patch(&strict, &format!("/Users/{id}"), pathless).await.expect(200);
}
