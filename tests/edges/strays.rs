//! `active` and `members` where they are not read: no 2xx, since the sender would believe that a person has
//! left.

use muster::scim::Dialect;
use serde_json::{Value, json};

use super::{PATCH, create, version_one};
use crate::support::Muster;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn title(more: &Value) -> Value {
    let mut operation = json!({ "op": "replace", "path": "title", "value": "z" });
    operation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    operation
}

#[tokio::test]
async fn the_state_beside_op_path_and_value_is_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{ada}");
    for dialect in Dialect::ALL.map(Dialect::name) {
        let change = json!({ "dialect": dialect });
        let admin = format!("/tenants/{}", tenant.name);
        muster.admin("PATCH", &admin, Some(change)).await.expect(200);
        let leave = json!({ "op": "replace", "path": "active", "value": false });
        let plain = title(&json!({}));
        for body in [
            json!({ "schemas": [PATCH], "Operations": [title(&json!({ "active": false }))] }),
            json!({ "schemas": [PATCH], "Operations": [title(&json!({ "enabled": false }))] }),
            json!({ "schemas": [PATCH], "Operations": [plain], "active": false }),
            json!({ "schemas": [PATCH], "Operations": [plain], "operation": [leave] }),
            json!({ "schemas": [PATCH], "Operations": [], "active": false }),
        ] {
            let answer = muster.scim(&tenant, "PATCH", &path, Some(body.clone())).await;
            assert_eq!(answer.status, 400, "{dialect}: {body}");
        }
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{
                "method": "PATCH", "path": path, "active": false,
                "data": { "schemas": [PATCH], "Operations": [plain] },
            }],
        });
        muster.post(&tenant, "/Bulk", bulk).await.expect(400);
    }
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body["active"], true);
}

#[tokio::test]
async fn the_state_inside_another_value_is_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("two-state", "generic").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{ada}");
    for values in [
        json!({ "name": { "active": false, "givenName": "q" } }),
        json!({ "title": "a", "Resources": [{ "active": false }] }),
        json!({ "title": "a", "data": { "user": { "active": false } } }),
        json!({ ENTERPRISE: { "manager": { "value": "x", "active": false } } }),
    ] {
        let patch = json!([{ "op": "replace", "value": values }]);
        let answer = muster.patch(&tenant, &path, patch).await;
        assert_eq!(answer.status, 400, "PATCH {values}");
        let mut whole = crate::support::user("ada");
        whole.as_object_mut().unwrap().remove("active");
        whole.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
        let answer = muster.scim(&tenant, "PUT", &path, Some(whole)).await;
        assert_eq!(answer.status, 400, "PUT {values}");
        let mut body = values.clone();
        body["schemas"] = json!(["urn:scim:schemas:core:1.0"]);
        if values.get(ENTERPRISE).is_none() {
            let v1 = version_one(&tenant);
            let answer = muster.scim(&v1, "PATCH", &path, Some(body)).await;
            assert_eq!(answer.status, 400, "1.1 PATCH {values}");
        }
    }
    let by_path = json!([{ "op": "replace", "path": "name", "value": { "active": false } }]);
    muster.patch(&tenant, &path, by_path).await.expect(400);
    // A value of a list may have a state of its own.
    let address = json!({ "value": "ada@home.example", "active": false });
    let add = json!([{ "op": "add", "path": "emails", "value": [address] }]);
    muster.patch(&tenant, &path, add).await.expect(200);
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body["active"], true);
}

#[tokio::test]
async fn a_member_filter_that_no_member_fulfils_is_refused() {
    let muster = Muster::start().await;
    for dialect in Dialect::ALL.map(Dialect::name) {
        let tenant = muster.tenant_with("roster", dialect).await;
        let ada = create(&muster, &tenant, "ada", true).await;
        let members = json!([{ "value": ada }]);
        let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
        let body = json!({ "schemas": [schema], "displayName": "Sales", "members": members });
        let group = muster.post(&tenant, "/Groups", body).await.expect(201).id();
        let path = format!("/Groups/{group}");
        for filter in [
            format!("$ref eq \"../Users/{ada}\""),
            format!("$ref eq \"/Users/{ada}\""),
            "value eq null".to_owned(),
            "value eq \"\"".to_owned(),
        ] {
            let remove = json!([{ "op": "remove", "path": format!("members[{filter}]") }]);
            let answer = muster.patch(&tenant, &path, remove).await;
            assert_eq!(answer.status, 400, "{dialect}: {filter}");
        }
        let filter = format!("members[$ref eq \"{}/Users/{ada}\"]", tenant.base_url);
        let remove = json!([{ "op": "remove", "path": filter }]);
        let removed = muster.patch(&tenant, &path, remove).await;
        assert!((200..300).contains(&removed.status), "{dialect}: {}", removed.body);
        let users = json!([{ "op": "remove", "path": format!("users[value eq \"{ada}\"]") }]);
        muster.patch(&tenant, &path, users).await.expect(400);
    }
}
