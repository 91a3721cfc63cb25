//! What an app needs of a person: it is in the schemas, and never keeps a leaver in.

use muster::sample::Status;
use muster::store::OperationState;
use serde_json::{Value, json};

use crate::support::{Muster, Tenant, user};

fn without_emails(name: &str, active: bool) -> Value {
    let mut body = user(name);
    body["userName"] = name.into();
    body.as_object_mut().unwrap().remove("emails");
    body["active"] = active.into();
    body
}

async fn requires_emails(muster: &Muster, tenant: &Tenant) -> bool {
    let path = "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User";
    let schema = muster.get(tenant, path).await.expect(200).body;
    let attributes = schema["attributes"].as_array().unwrap();
    attributes.iter().find(|it| it["name"] == "emails").unwrap()["required"] == true
}

#[tokio::test]
async fn an_app_that_needs_an_address_shows_it_in_the_schemas() {
    let muster = Muster::start().await;
    for (connector, needed) in [("roster", false), ("two-state", true), ("three-state", true)] {
        let tenant = muster.tenant(connector).await;
        assert_eq!(requires_emails(&muster, &tenant).await, needed, "{connector}");
        let answer = muster.post(&tenant, "/Users", without_emails("ada", true)).await;
        if needed {
            let error = answer.expect(400).body;
            assert_eq!(error["scimType"], "invalidValue");
            assert_eq!(error["detail"], "emails is required");
            let mut named = without_emails("ada", true);
            named["userName"] = json!("ada@acme.example");
            muster.post(&tenant, "/Users", named).await.expect(201);
        } else {
            answer.expect(201);
        }
    }
}

#[tokio::test]
async fn a_person_without_access_may_lack_what_the_app_needs() {
    let muster = Muster::start().await;
    for connector in ["two-state", "three-state"] {
        let tenant = muster.tenant(connector).await;
        let body = without_emails("ada", false);
        let ada = muster.post(&tenant, "/Users", body).await.expect(201).id();
        let path = format!("/Users/{ada}");
        let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
        muster.patch(&tenant, &path, title).await.expect(200);
        let mut whole = user("ada");
        whole["userName"] = "ada".into();
        muster.scim(&tenant, "PUT", &path, Some(whole)).await.expect(200);
        // A person who has access keeps it.
        let removal = json!([{ "op": "remove", "path": "emails" }]);
        muster.patch(&tenant, &path, removal.clone()).await.expect(400);
        let put = without_emails("ada", true);
        muster.scim(&tenant, "PUT", &path, Some(put)).await.expect(400);
        muster.set_active(&tenant, &ada, false).await.expect(200);
        muster.patch(&tenant, &path, removal).await.expect(200);
    }
}

#[tokio::test]
async fn a_leaver_who_lost_the_address_can_be_changed_and_returns_with_one() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let path = format!("/Users/{ada}");
    let put = || Some(without_emails("ada", false));
    muster.scim(&tenant, "PUT", &path, put()).await.expect(200);
    muster.settled().await;
    let calls = muster.app_calls(&tenant).await.len();
    for _ in 0..2 {
        muster.set_active(&tenant, &ada, false).await.expect(200);
        muster.scim(&tenant, "PUT", &path, put()).await.expect(200);
    }
    assert_eq!(muster.app_calls(&tenant).await.len(), calls, "the app agrees already");
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &path, title).await.expect(200);
    let profile = |n: usize| {
        let accounts = muster.stage.sample.accounts(&tenant.organization);
        assert_eq!(accounts.len(), 1);
        (accounts[n].profile.email.clone(), accounts[n].profile.title.clone())
    };
    // The app keeps the address that it has.
    assert_eq!(profile(0), ("ada@acme.example".to_owned(), Some("Countess".to_owned())));
    assert_eq!(muster.operations(OperationState::Failed).await, []);
    let mut back = user("ada");
    back["userName"] = "ada".into();
    back["emails"][0]["value"] = "lovelace@acme.example".into();
    muster.scim(&tenant, "PUT", &path, Some(back)).await.expect(200);
    assert_eq!(profile(0).0, "lovelace@acme.example");
    assert_eq!(muster.stage.sample.accounts(&tenant.organization)[0].status, Status::Active);
    delete_after_losing_the_address(&muster, &tenant, &path).await;
}

/// Deletes a person who is out and has no address any more.
async fn delete_after_losing_the_address(muster: &Muster, tenant: &Tenant, path: &str) {
    muster.scim(tenant, "PUT", path, Some(without_emails("ada", false))).await.expect(200);
    muster.scim(tenant, "DELETE", path, None).await.expect(204);
    assert_eq!(muster.stage.sample.accounts(&tenant.organization), []);
}

#[tokio::test]
async fn a_person_who_is_let_in_has_what_the_app_needs() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let body = without_emails("ada", false);
    let ada = muster.post(&tenant, "/Users", body).await.expect(201).id();
    let path = format!("/Users/{ada}");
    let activate = json!({ "op": "replace", "path": "active", "value": true });
    let without_value = json!({ "op": "add", "path": "emails", "value": [{ "type": "work" }] });
    for operations in [json!([activate]), json!([activate, without_value])] {
        let refused = muster.patch(&tenant, &path, operations.clone()).await.expect(400).body;
        assert_eq!(refused["detail"], "emails is required", "{operations}");
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "PATCH", "path": path, "data": operations }],
        });
        let answer = muster.post(&tenant, "/Bulk", bulk).await.expect(200).body;
        assert_eq!(answer["Operations"][0]["status"], "400", "{answer}");
    }
    let put = without_emails("ada", true);
    muster.scim(&tenant, "PUT", &path, Some(put)).await.expect(400);
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body["active"], false);
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 0);

    let mut named = without_emails("bob", true);
    named["userName"] = "bob@acme.example".into();
    let bob = muster.post(&tenant, "/Users", named).await.expect(201).id();
    let path = format!("/Users/{bob}");
    let rename = json!([{ "op": "replace", "path": "userName", "value": "bob" }]);
    muster.patch(&tenant, &path, rename).await.expect(400);
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 1);
}

#[tokio::test]
async fn what_the_app_needs_keeps_no_leaver_in() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let other = muster.tenant("three-state").await;
    let leaves = [("ada", "PUT"), ("bob", "PATCH")];
    let leaves = leaves.into_iter().flat_map(|it| [(&tenant, it), (&other, it)]);
    for (tenant, (name, leave)) in leaves {
        let id = muster.person(tenant, name).await;
        let path = format!("/Users/{id}");
        let left = match leave {
            "PUT" => {
                let body = without_emails(name, false);
                muster.scim(tenant, "PUT", &path, Some(body)).await
            }
            _ => {
                let both = json!([
                    { "op": "remove", "path": "emails" },
                    { "op": "replace", "path": "active", "value": false },
                ]);
                muster.patch(tenant, &path, both).await
            }
        };
        assert_eq!(left.expect(200).body["active"], false);
    }
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 0);
    let accounts = muster.stage.sample.accounts(&other.organization);
    assert_eq!(accounts.iter().filter(|it| it.status == Status::Active).count(), 0);
    muster.settled().await;
}
