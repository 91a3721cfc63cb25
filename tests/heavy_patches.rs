//! A PATCH over many values: computed beside the server's threads, within a budget, and refused beyond.

use std::sync::Arc;

use muster::cli::local_environment::LocalEnvironmentConfig;
use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, user};

/// A user with so many addresses of so many bytes.
fn with_addresses(name: &str, count: usize, bytes: usize) -> Value {
    let mut body = user(name);
    let email = |n: usize| json!({ "type": "other", "value": format!("{n:0>bytes$}@b") });
    body["emails"] = (0..count).map(email).collect();
    body
}

/// So many operations, each with this condition on every address.
fn operations(count: usize, condition: &str) -> Value {
    let path = format!("emails[{condition}].display");
    let operation = || json!({ "op": "remove", "path": path });
    (0..count).map(|_| operation()).collect()
}

async fn made(muster: &Muster, tenant: &Tenant, body: Value) -> String {
    format!("/Users/{}", muster.post(tenant, "/Users", body).await.expect(201).id())
}

/// The test's runtime has one thread, so the server has no other: it answers while a PATCH is computed only if
/// another thread computes it.
#[tokio::test]
async fn health_checks_and_other_tenants_are_answered_while_heavy_patches_are_computed() {
    let config =
        LocalEnvironmentConfig { largest_resource: 1 << 20, ..LocalEnvironmentConfig::default() };
    let muster = Arc::new(Muster::start_with(config).await);
    let loud = muster.tenant_with("roster", "generic").await;
    let quiet = muster.tenant_with("three-state", "generic").await;
    let mut patches = Vec::new();
    for n in 0..4 {
        let path = made(&muster, &loud, with_addresses(&format!("user{n}"), 1000, 300)).await;
        let (muster, loud) = (Arc::clone(&muster), loud.clone());
        patches.push(async move {
            let heavy = operations(40, "value co \"x\" or display eq \"y\"");
            muster.patch(&loud, &path, heavy).await.expect(200)
        });
    }
    let patches: Vec<_> = patches.into_iter().map(tokio::spawn).collect();
    let health = format!("{}/health/live", muster.stage.url);
    for _ in 0..3 {
        muster.send("GET", &health, "", None).await.expect(200);
    }
    let id = muster.person(&quiet, "ada").await;
    muster.set_active(&quiet, &id, false).await.expect(200);
    assert!(patches.iter().any(|patch| !patch.is_finished()), "the PATCHes are not heavy");
    for patch in patches {
        patch.await.unwrap();
    }
}

#[track_caller]
fn check(refused: &Answer, word: &str) {
    assert!(refused.body["detail"].as_str().unwrap().contains(word), "{refused:?}");
}

#[tokio::test]
async fn a_patch_that_would_take_too_much_is_refused_and_changes_nothing() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let path = made(&muster, &tenant, with_addresses("ada", 1000, 20)).await;
    let before = muster.get(&tenant, &path).await.body;
    let condition = vec!["value eq \"x\""; 30].join(" or ");
    let refused = muster.patch(&tenant, &path, operations(900, &condition)).await.expect(413);
    check(&refused, "too many operations and conditions");
    let listed: Vec<Value> = (0..20_000).map(|n| json!({ "value": n.to_string() })).collect();
    let listed = json!([{ "op": "remove", "path": "emails", "value": listed }]);
    check(&muster.patch(&tenant, &path, listed).await.expect(413), "too many operations");
    let key = format!("emails[{condition}].display");
    let keys = vec![json!({ "op": "replace", "value": { key: "x" } }); 900];
    check(&muster.patch(&tenant, &path, keys.into()).await.expect(413), "too many operations");
    assert_eq!(muster.get(&tenant, &path).await.body, before);
    // One of many operations with few conditions is carried out, and so is any deactivation.
    let left = json!([
        { "op": "remove", "path": "emails[value eq \"x\"]" },
        { "op": "replace", "path": "active", "value": false },
    ]);
    assert_eq!(muster.patch(&tenant, &path, left).await.expect(200).body["active"], false);
}

#[tokio::test]
async fn a_value_is_not_copied_into_so_many_others_that_a_user_becomes_large() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let path = made(&muster, &tenant, with_addresses("ada", 900, 20)).await;
    let before = muster.get(&tenant, &path).await.body;
    let long = "d".repeat(8000);
    for operation in [
        json!({ "op": "replace", "path": "emails.display", "value": long }),
        json!({ "op": "add", "path": "emails[type eq \"other\"].display", "value": long }),
        json!({ "op": "replace", "path": "emails[type eq \"other\"]", "value": { "display": long } }),
    ] {
        let refused = muster.patch(&tenant, &path, json!([operation])).await.expect(400);
        assert_eq!(refused.body["scimType"], "invalidValue");
        check(&refused, "would be written into 900 values");
    }
    assert_eq!(muster.get(&tenant, &path).await.body, before);
    let short = json!([{ "op": "replace", "path": "emails.display", "value": "home" }]);
    let patched = muster.patch(&tenant, &path, short).await.expect(200).body;
    assert_eq!(patched["emails"][899]["display"], "home");
}
