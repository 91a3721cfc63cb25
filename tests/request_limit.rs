//! The limit on a tenant's requests, and what is carried out beyond it.

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::lifecycle::RequestRate;
use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, patch_op, user};

/// A host that answers twenty requests of a tenant, and one more each second.
async fn limited() -> Muster {
    let request_rate = RequestRate { per_second: 1, burst: 20 };
    Muster::start_with(LocalEnvironmentConfig { request_rate, ..Default::default() }).await
}

async fn bulk(muster: &Muster, tenant: &Tenant, operations: Vec<Value>) -> Answer {
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let body = json!({ "schemas": [schema], "Operations": operations });
    muster.post(tenant, "/Bulk", body).await
}

/// Uses the rate of a tenant up for about a minute, by operations that are refused one by one.
async fn use_up(muster: &Muster, tenant: &Tenant) {
    let operation = json!({ "method": "POST", "path": "/Users", "bulkId": "a", "data": {} });
    let operations = (0..100).map(|n| {
        let mut operation = operation.clone();
        operation["bulkId"] = json!(n.to_string());
        operation
    });
    bulk(muster, tenant, operations.collect()).await.expect(200);
}

#[tokio::test]
async fn a_tenant_beyond_its_rate_gets_429_and_another_tenant_is_answered() {
    let muster = limited().await;
    let (loud, quiet) = (muster.tenant("roster").await, muster.tenant("roster").await);
    let mut answered = 0;
    let refused = loop {
        let answer = muster.get(&loud, "/Users").await;
        if answer.status != 200 {
            break answer.expect(429);
        }
        answered += 1;
    };
    assert!(answered >= 20, "{answered}");
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.body["status"], "429");
    muster.get(&quiet, "/Users").await.expect(200);
    // A stranger uses nothing up.
    for _ in 0..30 {
        let url = format!("{}/Users", quiet.base_url);
        muster.send("GET", &url, "wrong", None).await.expect(401);
    }
    muster.get(&quiet, "/Users").await.expect(200);
}

#[tokio::test]
async fn a_bulk_request_costs_its_operations() {
    let muster = limited().await;
    let tenant = muster.tenant("roster").await;
    use_up(&muster, &tenant).await;
    let refused = muster.get(&tenant, "/Users").await.expect(429);
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((30..=90).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn leavers_are_carried_out_beyond_the_rate_in_the_spelling_of_each_dialect() {
    let muster = limited().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let mut people = Vec::new();
    for name in ["ada", "bob", "cyd", "dan", "eve", "fay"] {
        people.push(muster.person(&tenant, name).await);
    }
    let members = people.iter().map(|id| json!({ "value": id })).collect::<Vec<_>>();
    let team = json!({ "displayName": "Team", "members": members });
    let team = format!("/Groups/{}", muster.post(&tenant, "/Groups", team).await.expect(201).id());
    let path = |n: usize| format!("/Users/{}", people[n]);
    use_up(&muster, &tenant).await;
    muster.get(&tenant, "/Users").await.expect(429);

    let retitle = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &path(0), retitle).await.expect(429);
    muster.scim(&tenant, "PUT", &path(0), Some(user("ada"))).await.expect(429);
    muster.post(&tenant, "/Users", user("gil")).await.expect(429);
    let grant = json!([{ "op": "add", "path": "members", "value": [{ "value": people[0] }] }]);
    muster.patch(&tenant, &team, grant).await.expect(429);

    for (n, operation) in [
        json!({ "op": "replace", "value": { "active": false } }),
        json!({ "op": "Replace", "path": "active", "value": "False" }),
    ]
    .into_iter()
    .enumerate()
    {
        muster.patch(&tenant, &path(n), json!([operation])).await.expect(200);
    }
    let mut inactive = user("cyd");
    inactive["active"] = json!(false);
    muster.scim(&tenant, "PUT", &path(2), Some(inactive)).await.expect(200);
    let removal =
        json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", people[3]) }]);
    let removed = muster.patch(&tenant, &team, removal).await;
    assert!([200, 204].contains(&removed.status), "{}", removed.body);
    muster.scim(&tenant, "DELETE", &path(3), None).await.expect(204);
    let deletion = json!({ "method": "DELETE", "path": path(4) });
    let deactivation = patch_op(json!([{ "op": "replace", "path": "active", "value": false }]));
    let deactivation = json!({ "method": "PATCH", "path": path(5), "data": deactivation });
    let carried_out =
        bulk(&muster, &tenant, vec![deletion.clone(), deactivation]).await.expect(200);
    assert_eq!(carried_out.body["Operations"][0]["status"], "204", "{}", carried_out.body);
    assert_eq!(carried_out.body["Operations"][1]["status"], "200", "{}", carried_out.body);
    let joiner = json!({ "method": "POST", "path": "/Users", "bulkId": "a", "data": user("hal") });
    bulk(&muster, &tenant, vec![deletion, joiner]).await.expect(429);
}

#[tokio::test]
async fn a_tenant_has_a_rate_of_its_own_if_an_operator_sets_one() {
    let muster = limited().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}", tenant.name);
    let rate = async || muster.admin("GET", &path, None).await.body["requests_per_second"].clone();
    assert_eq!(rate().await, Value::Null);
    use_up(&muster, &tenant).await;
    muster.get(&tenant, "/Users").await.expect(429);
    let set = async |rate: &str| {
        let args = ["tenant", "set", &tenant.name, "--requests-per-second", rate];
        muster.command(&args).await
    };
    assert_eq!(set("0").await.0, Some(0));
    assert_eq!(rate().await, 0);
    muster.get(&tenant, "/Users").await.expect(200);
    let (status, said) = set("default").await;
    assert!(status == Some(0) && said.contains("default"), "{said}");
    assert_eq!(rate().await, Value::Null);
    muster.get(&tenant, "/Users").await.expect(429);
    let (status, said) = set("many").await;
    assert!(status != Some(0) && said.contains("0 for no limit"), "{said}");
    let change = json!({ "requests_per_second": 2_000_000 });
    muster.admin("PATCH", &path, Some(change)).await.expect(422);
}
