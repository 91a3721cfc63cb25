//! SCIM 1.1: the URN of the core schema as a key, and values that are deleted.

use muster::scim::Dialect;
use serde_json::{Value, json};

use super::{create, version_one};
use crate::support::{Muster, Tenant, user};

const CORE: &str = "urn:scim:schemas:core:1.0";
const ENTERPRISE: &str = "urn:scim:schemas:extension:enterprise:1.0";

fn of_version_one(mut body: Value, more: &Value) -> Value {
    body["schemas"] = json!([CORE]);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn person(name: &str) -> Value {
    let mut body = user(name);
    body.as_object_mut().unwrap().remove("active");
    body
}

#[tokio::test]
async fn the_urn_of_the_core_schema_holds_attributes_at_every_door() {
    let muster = Muster::start().await;
    for dialect in Dialect::ALL.map(Dialect::name) {
        let tenant = version_one(&muster.tenant_with("roster", dialect).await);
        let off = json!({ CORE: { "active": false } });
        let body = of_version_one(person("bob"), &off);
        let made = muster.post(&tenant, "/Users", body).await.expect(201);
        assert_eq!(made.body["active"], false, "{dialect}");
        let path = format!("/Users/{}", made.id());
        for method in ["PUT", "PATCH"] {
            if method == "PUT" && dialect == "interop" {
                continue;
            }
            for active in [true, false] {
                let more = json!({ CORE: { "active": active } });
                let body = of_version_one(person("bob"), &more);
                let after = muster.scim(&tenant, method, &path, Some(body)).await.expect(200);
                assert_eq!(after.body["active"], active, "{dialect}: {method}");
            }
            for more in [
                json!({ "active": true, CORE: { "active": false } }),
                json!({ CORE: false }),
                json!({ CORE: { "user": { "active": true } } }),
            ] {
                let body = of_version_one(person("bob"), &more);
                let answer = muster.scim(&tenant, method, &path, Some(body)).await;
                assert_eq!(answer.status, 400, "{dialect}: {method} {more}");
            }
            let lenient = !matches!(dialect, "strict" | "interop");
            let more =
                json!({ format!("{CORE}:active"): true, format!("{ENTERPRISE}:division"): "d" });
            let body = of_version_one(person("bob"), &more);
            let after = muster.scim(&tenant, method, &path, Some(body)).await;
            assert_eq!(after.status, if lenient { 200 } else { 400 }, "{dialect}: {}", after.body);
            if lenient {
                assert_eq!(after.body["active"], true, "{dialect}: {method}");
                assert_eq!(after.body[ENTERPRISE]["division"], "d", "{dialect}: {method}");
            }
        }
    }
}

#[tokio::test]
async fn the_urn_of_the_core_schema_holds_members_at_every_door() {
    let muster = Muster::start().await;
    for dialect in ["okta", "strict"] {
        let two = muster.tenant_with("roster", dialect).await;
        let ada = create(&muster, &two, "ada", true).await;
        let bob = create(&muster, &two, "bob", true).await;
        let tenant = version_one(&two);
        let group = |ids: &[&str]| {
            let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
            of_version_one(
                json!({ "displayName": "Sales" }),
                &json!({ CORE: { "members": members } }),
            )
        };
        let made = muster.post(&tenant, "/Groups", group(&[&ada])).await.expect(201);
        let path = format!("/Groups/{}", made.id());
        assert_eq!(members(&muster, &tenant, &path).await, [ada.as_str()]);
        muster.scim(&tenant, "PUT", &path, Some(group(&[&bob]))).await.expect(200);
        assert_eq!(members(&muster, &tenant, &path).await, [bob.as_str()]);
        let added = muster.scim(&tenant, "PATCH", &path, Some(group(&[&ada]))).await;
        assert!((200..300).contains(&added.status), "{}", added.body);
        assert_eq!(members(&muster, &tenant, &path).await.len(), 2);
        muster.scim(&tenant, "PUT", &path, Some(group(&[]))).await.expect(200);
        assert!(members(&muster, &tenant, &path).await.is_empty());
    }
}

#[tokio::test]
async fn a_value_to_delete_that_is_not_understood_is_refused() {
    let muster = Muster::start().await;
    for dialect in ["okta", "onelogin", "strict"] {
        let two = muster.tenant_with("roster", dialect).await;
        let ada = create(&muster, &two, "ada", true).await;
        let tenant = version_one(&two);
        let body =
            json!({ "schemas": [CORE], "displayName": "Sales", "members": [{ "value": ada }] });
        let path =
            format!("/Groups/{}", muster.post(&tenant, "/Groups", body).await.expect(201).id());
        for member in [
            json!({ "value": ada, "operations": "delete" }),
            json!({ "value": ada, "opertion": "Delete" }),
            json!({ "value": ada, "action": "remove" }),
            json!({ "value": ada, "op": "delete" }),
            json!({ "value": ada, "operation": "remove" }),
            json!({ "display": "x", "operation": "delete" }),
            json!({ "type": "User", "operation": "delete" }),
            json!({ "operation": "delete" }),
        ] {
            let body = json!({ "schemas": [CORE], "members": [member] });
            let answer = muster.scim(&tenant, "PATCH", &path, Some(body)).await;
            assert_eq!(answer.status, 400, "{dialect}: {member}");
            let put = json!({ "displayName": "Sales", "schemas": [CORE], "members": [member] });
            let answer = muster.scim(&tenant, "PUT", &path, Some(put)).await;
            assert_eq!(answer.status, 400, "{dialect}: PUT {member}");
        }
        assert_eq!(members(&muster, &tenant, &path).await, [ada.as_str()]);
        let person = format!("/Users/{ada}");
        let email = json!({ "value": "ada@acme.example", "type": "work", "operations": "delete" });
        let body = json!({ "schemas": [CORE], "emails": [email] });
        muster.scim(&tenant, "PATCH", &person, Some(body)).await.expect(400);
        let body = json!({
            "schemas": [CORE], "members": [{ "value": ada, "operation": "delete", "display": "x" }],
        });
        let left = muster.scim(&tenant, "PATCH", &path, Some(body)).await;
        assert!((200..300).contains(&left.status), "{}", left.body);
        assert!(members(&muster, &tenant, &path).await.is_empty());
    }
}

async fn members(muster: &Muster, tenant: &Tenant, path: &str) -> Vec<String> {
    let group = muster.get(tenant, path).await.expect(200).body;
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect()
}
