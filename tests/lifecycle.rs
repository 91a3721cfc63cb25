//! The lifecycle of users (create, deactivate, delete, return) on each kind of app.

use muster::store::OperationState;
use serde_json::json;

use crate::support::{Muster, user};

fn members(muster: &Muster, organization: &str) -> Vec<String> {
    muster.stage.sample.members(organization).into_iter().map(|p| p.profile.email).collect()
}

#[tokio::test]
async fn a_deactivated_user_of_a_two_state_app_is_still_found() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let id = muster.person(&tenant, "ada").await;
    assert_eq!(members(&muster, &tenant.organization), ["ada@acme.example"]);

    let left = muster.set_active(&tenant, &id, false).await.expect(200);
    assert_eq!(left.body["active"], false);
    assert_eq!(members(&muster, &tenant.organization), [""; 0]);
    let seen = muster.get(&tenant, &format!("/Users/{id}")).await.expect(200);
    assert_eq!(seen.body["active"], false);
    let filter = "/Users?filter=userName%20eq%20%22ADA@acme.example%22";
    let found = muster.get(&tenant, filter).await.expect(200).body;
    assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &json!(id)));

    muster.set_active(&tenant, &id, true).await.expect(200);
    assert_eq!(members(&muster, &tenant.organization), ["ada@acme.example"]);
    let back = muster.get(&tenant, &format!("/Users/{id}")).await.expect(200);
    assert_eq!(back.body["active"], true);
}

#[tokio::test]
async fn a_user_deactivated_in_one_organisation_stays_in_the_other() {
    let muster = Muster::start().await;
    let one = muster.tenant("two-state").await;
    let two = muster.tenant("two-state").await;
    let id = muster.person(&one, "ada").await;
    muster.person(&two, "ada").await;
    assert_eq!(muster.stage.sample.people().len(), 1, "the app should have one person");

    muster.set_active(&one, &id, false).await.expect(200);
    assert_eq!(members(&muster, &one.organization), [""; 0]);
    assert_eq!(members(&muster, &two.organization), ["ada@acme.example"]);
    muster.scim(&one, "DELETE", &format!("/Users/{id}"), None).await.expect(204);
    assert_eq!(members(&muster, &two.organization), ["ada@acme.example"]);
    assert_eq!(muster.stage.sample.people().len(), 1);
}

#[tokio::test]
async fn a_user_of_a_three_state_app_is_suspended_and_resumed() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let id = muster.person(&tenant, "ada").await;
    let status = || format!("{:?}", muster.stage.sample.accounts(&tenant.organization)[0].status);
    assert_eq!(status(), "Active");
    muster.set_active(&tenant, &id, false).await.expect(200);
    assert_eq!(status(), "Suspended");
    muster.set_active(&tenant, &id, true).await.expect(200);
    assert_eq!(status(), "Active");
}

#[tokio::test]
async fn a_deleted_user_is_not_found_and_can_be_created_again() {
    let muster = Muster::start().await;
    for connector in ["roster", "two-state", "three-state"] {
        let tenant = muster.tenant(connector).await;
        let id = muster.person(&tenant, "ada").await;
        let path = format!("/Users/{id}");
        muster.scim(&tenant, "DELETE", &path, None).await.expect(204);
        muster.get(&tenant, &path).await.expect(404);
        muster.scim(&tenant, "DELETE", &path, None).await.expect(404);
        muster.scim(&tenant, "PUT", &path, Some(user("ada"))).await.expect(404);
        assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 0);
        let again = muster.person(&tenant, "ada").await;
        assert_ne!(again, id, "an id is never used again");
    }
}

#[tokio::test]
async fn a_put_without_active_does_not_change_it() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let id = muster.person(&tenant, "ada").await;
    muster.set_active(&tenant, &id, false).await.expect(200);
    let mut profile = user("ada");
    profile.as_object_mut().unwrap().remove("active");
    profile["title"] = json!("Countess");
    let put = muster.scim(&tenant, "PUT", &format!("/Users/{id}"), Some(profile)).await.expect(200);
    assert_eq!((&put.body["active"], &put.body["title"]), (&json!(false), &json!("Countess")));
    assert_eq!(members(&muster, &tenant.organization), [""; 0]);
}

#[tokio::test]
async fn a_request_without_changes_causes_no_operation_and_no_call() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let id = muster.person(&tenant, "ada").await;
    let before = muster.get(&tenant, &format!("/Users/{id}")).await.body;
    let operations = muster.operations(OperationState::Done).await.len();
    let calls = muster.app_calls(&tenant).await.len();
    let same = muster.set_active(&tenant, &id, true).await.expect(200);
    assert_eq!(same.body, before);
    assert_eq!(muster.operations(OperationState::Done).await.len(), operations);
    assert_eq!(muster.app_calls(&tenant).await.len(), calls);
}

#[tokio::test]
async fn a_protected_account_is_never_deprovisioned() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let id = muster.person(&tenant, "owner").await;
    let admin = format!("/tenants/{}/people/{id}", tenant.name);
    muster.admin("POST", &format!("{admin}/protect"), None).await.expect(204);
    let refused = muster.set_active(&tenant, &id, false).await.expect(403);
    assert!(refused.body["detail"].as_str().unwrap().contains("protected"));
    muster.scim(&tenant, "DELETE", &format!("/Users/{id}"), None).await.expect(403);
    // A profile update keeps the protection.
    let title = json!([{ "op": "replace", "path": "title", "value": "CEO" }]);
    muster.patch(&tenant, &format!("/Users/{id}"), title).await.expect(200);
    muster.set_active(&tenant, &id, false).await.expect(403);
    muster.admin("POST", &format!("{admin}/unprotect"), None).await.expect(204);
    muster.set_active(&tenant, &id, false).await.expect(200);
}

#[tokio::test]
async fn a_user_created_inactive_is_provisioned_when_activated() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let mut pending = user("ada");
    pending["active"] = json!(false);
    let created = muster.post(&tenant, "/Users", pending).await.expect(201);
    assert_eq!(created.body["active"], false);
    assert_eq!(muster.app_calls(&tenant).await.len(), 0);
    muster.set_active(&tenant, &created.id(), true).await.expect(200);
    assert_eq!(members(&muster, &tenant.organization), ["ada@acme.example"]);
}

#[tokio::test]
async fn an_operation_shows_its_connector_and_its_exchanges_without_secrets() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    muster.person(&tenant, "ada").await;
    let listed = muster.admin("GET", &format!("/operations?tenant={}", tenant.name), None).await;
    let id = listed.body["items"][0]["id"].as_str().unwrap().to_owned();
    let operation = muster.admin("GET", &format!("/operations/{id}"), None).await.expect(200).body;
    assert_eq!((&operation["kind"], &operation["state"]), (&json!("create"), &json!("done")));
    assert_eq!(operation["connector"].as_str().unwrap().len(), 64);
    let calls: Vec<String> = operation["exchanges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| format!("{} {}", e["request"]["method"], e["response"]["Ok"]["status"]))
        .collect();
    assert_eq!(calls, ["\"GET\" 200", "\"POST\" 201", "\"PUT\" 204"]);
    assert!(!operation.to_string().contains("1mz050nq"), "the password must not be in the journal");
    assert!(
        !operation.to_string().contains("sample-app-token"),
        "the app's token must not be in the journal"
    );
}

#[tokio::test]
async fn twenty_clients_at_once_lose_no_change_of_one_user() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = muster.person(&tenant, "ada").await;
    let path = format!("/Users/{id}");
    let change = async |n: usize| {
        let address = format!("ada{n}@example.com");
        let value = json!([{ "value": address, "type": format!("type-{n}") }]);
        let add = json!([{ "op": "add", "path": "emails", "value": value }]);
        muster.patch(&tenant, &path, add).await.expect(200);
        address
    };
    let mut sent = futures_util::future::join_all((0..20).map(change)).await;
    let user = muster.get(&tenant, &path).await.expect(200).body;
    let emails = user["emails"].as_array().unwrap().iter();
    let kept: Vec<&str> = emails.map(|email| email["value"].as_str().unwrap()).collect();
    sent.retain(|address| !kept.contains(&address.as_str()));
    assert!(sent.is_empty(), "lost: {sent:?}");
    // One version for the create, and one for each change.
    let tag = format!("W/\"{}\"", 21);
    assert_eq!(user["meta"]["version"], tag);
}
