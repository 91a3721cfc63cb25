//! `active` without a value: the state stays as it is.

use serde_json::json;

use super::{Door, PATCH, bulk, create, version_one};
use crate::support::{Answer, Muster, Tenant};

/// Values that stand for none.
fn unassigned() -> [serde_json::Value; 4] {
    [json!(null), json!(""), json!([]), json!([null])]
}

/// The state is shown, and the person is found by it.
#[track_caller]
fn is_kept(read: &Answer, listed: &Answer, id: &str, active: bool) {
    assert_eq!(read.body["active"], active, "{}", read.body);
    let found = listed.body["Resources"].as_array().unwrap();
    assert!(found.iter().any(|it| it["id"] == id), "{}", listed.body);
}

async fn check_kept(muster: &Muster, tenant: &Tenant, id: &str, active: bool) {
    let read = muster.get(tenant, &format!("/Users/{id}")).await.expect(200);
    let filter = format!("/Users?filter=active%20eq%20{active}");
    let listed = muster.get(tenant, &filter).await.expect(200);
    is_kept(&read, &listed, id, active);
}

#[tokio::test]
async fn active_without_a_value_keeps_the_state_at_every_door() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    for active in [true, false] {
        let id = create(&muster, &tenant, &format!("ada{active}"), active).await;
        let path = format!("/Users/{id}");
        for value in unassigned() {
            for door in Door::ALL {
                door.set(&muster, &tenant, &path, "active", &value).await.expect(200);
                check_kept(&muster, &tenant, &id, active).await;
            }
        }
    }
}

#[tokio::test]
async fn active_that_is_removed_keeps_the_state_at_every_door() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    for active in [true, false] {
        let id = create(&muster, &tenant, &format!("ada{active}"), active).await;
        let path = format!("/Users/{id}");
        let removal = json!([{ "op": "remove", "path": "active" }]);
        muster.patch(&tenant, &path, removal.clone()).await.expect(200);
        check_kept(&muster, &tenant, &id, active).await;
        let data = json!({ "schemas": [PATCH], "Operations": removal });
        let operation = json!({ "method": "PATCH", "path": path, "data": data });
        bulk(&muster, &tenant, operation).await.expect(200);
        check_kept(&muster, &tenant, &id, active).await;
        let cleared = json!({
            "schemas": ["urn:scim:schemas:core:1.0"], "meta": { "attributes": ["active"] },
        });
        muster.scim(&version_one(&tenant), "PATCH", &path, Some(cleared)).await.expect(200);
        check_kept(&muster, &tenant, &id, active).await;
    }
}

#[tokio::test]
async fn a_whole_resource_without_a_state_keeps_it() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let id = create(&muster, &tenant, "ada", false).await;
    for value in unassigned() {
        let mut body = crate::support::user("ada");
        body["active"] = value;
        let path = format!("/Users/{id}");
        muster.scim(&tenant, "PUT", &path, Some(body.clone())).await.expect(200);
        check_kept(&muster, &tenant, &id, false).await;
        muster.scim(&version_one(&tenant), "PUT", &path, Some(body)).await.expect(200);
        check_kept(&muster, &tenant, &id, false).await;
    }
    // A new person without a state is active.
    let mut body = crate::support::user("bob");
    body["active"] = json!(null);
    let bob = muster.post(&tenant, "/Users", body).await.expect(201).id();
    check_kept(&muster, &tenant, &bob, true).await;
}

#[tokio::test]
async fn strictly_active_without_a_value_is_refused_at_every_door() {
    let muster = Muster::start().await;
    for dialect in ["strict", "interop"] {
        let tenant = muster.tenant_with("roster", dialect).await;
        let id = create(&muster, &tenant, "ada", true).await;
        let path = format!("/Users/{id}");
        for value in unassigned() {
            for door in Door::ALL {
                if door == Door::Pathless && dialect == "interop" {
                    continue;
                }
                let answer = door.set(&muster, &tenant, &path, "active", &value).await;
                let answer = answer.expect(400);
                if door != Door::VersionOne {
                    assert_eq!(answer.body["scimType"], "invalidValue", "{door:?} {value}");
                }
            }
        }
        check_kept(&muster, &tenant, &id, true).await;
    }
}
