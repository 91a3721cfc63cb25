//! `active` and `members` where they are not read: no 2xx, since the sender would believe that a person has
//! left.

use muster::scim::Dialect;
use serde_json::{Value, json};

use super::{PATCH, create, version_one};
use crate::support::{Muster, Tenant};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const CORE_ONE: &str = "urn:scim:schemas:core:1.0";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Members of a message by which a client may mean that a person leaves, and by which none is read.
fn leaves() -> Vec<Value> {
    vec![
        json!({ "active": false }),
        json!({ "enabled": false }),
        json!({ format!("{USER}:active"): false }),
        json!({ format!("{USER}.active"): false }),
        json!({ USER: { "active": false } }),
        json!({ "user": { "active": false } }),
        json!({ "attributes": { "active": false } }),
        json!({ "data_": { "user": { "isActive": false } } }),
        json!({ "values": [{ "active": false }] }),
        json!({ "changes": [{ "op": "replace", "path": "active", "value": false }] }),
        json!({ "\u{ff41}\u{ff43}\u{ff54}\u{ff49}\u{ff56}\u{ff45}": false }),
        json!({ "%61ctive": false }),
        json!({ "active%20": false }),
    ]
}

fn with(mut object: Value, more: &Value) -> Value {
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

/// The bodies in which `more` stands beside what is read, with their path and method.
fn messages(path: &str, operation: &Value, more: &Value) -> Vec<(&'static str, String, Value)> {
    let envelope = json!({ "schemas": [PATCH], "Operations": [operation] });
    let bulk = |operation: Value, more: &Value| {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [operation],
        });
        with(body, more)
    };
    let bulk_operation = json!({ "method": "PATCH", "path": path, "data": envelope });
    let beside = json!({ "schemas": [PATCH], "Operations": [with(operation.clone(), more)] });
    vec![
        ("PATCH", path.to_owned(), beside),
        ("PATCH", path.to_owned(), with(envelope.clone(), more)),
        ("POST", "/Bulk".to_owned(), bulk(bulk_operation.clone(), more)),
        ("POST", "/Bulk".to_owned(), bulk(with(bulk_operation, more), &json!({}))),
    ]
}

#[tokio::test]
async fn the_state_beside_what_a_message_has_is_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{ada}");
    let operation = json!({ "op": "replace", "path": "title", "value": "z" });
    let leave = json!([{ "op": "replace", "path": "active", "value": false }]);
    for dialect in Dialect::ALL.map(Dialect::name) {
        let change = json!({ "dialect": dialect });
        let admin = format!("/tenants/{}", tenant.name);
        muster.admin("PATCH", &admin, Some(change)).await.expect(200);
        for more in leaves() {
            for (method, path, body) in messages(&path, &operation, &more) {
                let answer = muster.scim(&tenant, method, &path, Some(body.clone())).await;
                assert_eq!(answer.status, 400, "{dialect}: {body}");
            }
        }
        for envelope in [
            json!({ "Operations": [operation], "operation": leave }),
            json!({ "Operations": [operation], "Operation": leave }),
            json!({ "Operations": [operation], "opertions": leave }),
            json!({ "Operations": [], "active": false }),
        ] {
            let body = with(envelope, &json!({ "schemas": [PATCH] }));
            let answer = muster.scim(&tenant, "PATCH", &path, Some(body.clone())).await;
            assert_eq!(answer.status, 400, "{dialect}: {body}");
        }
    }
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body["active"], true);
}

#[tokio::test]
async fn other_members_of_a_message_are_ignored() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{ada}");
    let operation = json!({ "op": "replace", "path": "title", "value": "z" });
    let more = json!({ "name": "replaceTitle", "status": "active", "id": ada, "meta": { "a": 1 } });
    for (method, path, body) in messages(&path, &operation, &more) {
        muster.scim(&tenant, method, &path, Some(body)).await.expect(200);
    }
}

#[tokio::test]
async fn members_beside_what_a_message_has_are_refused_and_empty_no_group() {
    let muster = Muster::start().await;
    for dialect in Dialect::ALL.map(Dialect::name) {
        let tenant = muster.tenant_with("roster", dialect).await;
        let ids = [
            create(&muster, &tenant, "ada", true).await,
            create(&muster, &tenant, "bob", true).await,
        ];
        let one = json!([{ "value": ids[0] }]);
        let path = team(&muster, &tenant, &ids).await;
        let rename = json!({ "op": "replace", "path": "displayName", "value": "Other" });
        for more in [
            json!({ "members": one }),
            json!({ "memebers": one }),
            json!({ format!("{GROUP}:members"): one }),
            json!({ GROUP: { "members": one } }),
            json!({ "group": { "members": one } }),
        ] {
            for (method, path, body) in messages(&path, &rename, &more) {
                let answer = muster.scim(&tenant, method, &path, Some(body.clone())).await;
                assert_eq!(answer.status, 400, "{dialect}: {body}");
            }
        }
        for more in [
            json!({ "Values": one }),
            json!({ "vlaue": one }),
            json!({ "members": one }),
            json!({ "list": one }),
            json!({ "filter": format!("value eq \"{}\"", ids[0]) }),
            json!({ format!("{GROUP}:members"): one }),
            json!({ "value": null, "id": ids[0] }),
        ] {
            let removal = with(json!({ "op": "remove", "path": "members" }), &more);
            let answer = muster.patch(&tenant, &path, json!([removal])).await;
            assert_eq!(answer.status, 400, "{dialect}: {more}");
        }
        assert_eq!(present(&muster, &tenant, &path).await.len(), 2, "{dialect}");
        let all = json!([{ "op": "remove", "path": "members", "value": null }]);
        let emptied = muster.patch(&tenant, &path, all).await;
        assert!((200..300).contains(&emptied.status), "{dialect}: {}", emptied.body);
        assert!(present(&muster, &tenant, &path).await.is_empty());
    }
}

#[tokio::test]
async fn the_state_inside_another_value_is_refused_at_every_door() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("two-state", "generic").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{ada}");
    let off = json!({ "active": false });
    for (n, values) in [
        json!({ "name": { "active": false, "givenName": "q" } }),
        json!({ "name": { "active": false } }),
        json!({ "Resources": [off] }),
        json!({ "data": { "user": off } }),
        json!({ "user": { "enabled": false } }),
        json!({ "path": "active", "value": false }),
        json!({ ENTERPRISE: { "manager": { "value": "x", "active": false } } }),
        json!({ ENTERPRISE: { "department": "x", "active": false } }),
        json!({ ENTERPRISE: { "department": "x", "user": off } }),
        json!({ "emails": [{ "value": "a@b.example", "active": false }] }),
        json!({ "emails": [{ "value": "a@b.example", "user": off }] }),
        json!({ "roles": [{ "value": "r", "Active": "False" }] }),
        json!({ "addresses": [{ "locality": "x", "active": false }] }),
        json!({ "groups": [{ "value": "x", "active": false }] }),
        json!({ "meta": off }),
        json!({ "urn:x:y:2.0:User": off }),
        json!({ "urn:x:y:2.0:User": { "user": [off] } }),
        json!({ "urn:ietf:params:scim:schemas:core:2.0:Users": off }),
        json!({ "urn:ietf:params:scim:schemas:core:2.0": off }),
        json!({ GROUP: off }),
        json!({ "urn:ietf:params:scim:schemas:extension:enterprise:1.0:User": off }),
        json!({ "urn:x:y:2.0:User:active": false }),
    ]
    .iter()
    .enumerate()
    {
        for (method, path, body) in doors(&tenant, &path, "ada", n, values) {
            let (tenant, body) = body;
            let answer = muster.scim(&tenant, method, &path, Some(body.clone())).await;
            assert_eq!(answer.status, 400, "{method} {}{path} {body}", tenant.base_url);
        }
    }
    let plain = json!({ "schemas": [USER], "userName": "x@acme.example", CORE_ONE: off });
    muster.post(&tenant, "/Users", plain).await.expect(400);
    for (name, value) in [("name", off.clone()), ("emails", json!([off])), ("foo", off.clone())] {
        let title = json!({ "op": "replace", "path": "title", "value": "z" });
        let patch = json!([title, { "op": "add", "path": name, "value": value }]);
        muster.patch(&tenant, &path, patch).await.expect(400);
    }
    for gone in ["title", "emails", ENTERPRISE] {
        let patch = json!([{ "op": "remove", "path": gone, "value": off }]);
        muster.patch(&tenant, &path, patch).await.expect(400);
    }
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body["active"], true);
}

type Request = (&'static str, String, (Tenant, Value));

/// The requests that give a person these attributes: PUT, POST and PATCH, in a Bulk request or not, of both
/// versions of SCIM.
fn doors(tenant: &Tenant, path: &str, name: &str, n: usize, values: &Value) -> Vec<Request> {
    let v1 = version_one(tenant);
    let whole = |name: &str, schema: &str| {
        let mut whole = crate::support::user(name);
        whole.as_object_mut().unwrap().remove("active");
        with(with(whole, values), &json!({ "schemas": [schema] }))
    };
    let other = format!("other-{n}");
    let title = with(json!({ "title": "t" }), values);
    let patch = json!({ "schemas": [PATCH], "Operations": [{ "op": "replace", "value": title }] });
    let part = with(title.clone(), &json!({ "schemas": [CORE_ONE] }));
    vec![
        ("PUT", path.to_owned(), (tenant.clone(), whole(name, USER))),
        ("POST", "/Users".to_owned(), (tenant.clone(), whole(&other, USER))),
        ("PATCH", path.to_owned(), (tenant.clone(), patch)),
        ("PUT", path.to_owned(), (v1.clone(), whole(name, CORE_ONE))),
        ("POST", "/Users".to_owned(), (v1.clone(), whole(&other, CORE_ONE))),
        ("PATCH", path.to_owned(), (v1, part)),
    ]
}

#[tokio::test]
async fn members_inside_another_value_are_refused_at_every_door() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "entra").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = team(&muster, &tenant, std::slice::from_ref(&ada)).await;
    for values in [
        json!({ "group": { "members": [] } }),
        json!({ "urn:x:y:2.0:Group": { "members": [] } }),
        json!({ "urn:ietf:params:scim:schemas:core:2.0:Groups": { "members": [] } }),
        json!({ "meta": { "members": [] } }),
        json!({ "memebers": [] }),
    ] {
        let named = with(json!({ "displayName": "Sales" }), &values);
        let v1 = version_one(&tenant);
        let old = with(named.clone(), &json!({ "schemas": [CORE_ONE] }));
        let patch = json!([{ "op": "replace", "value": named }]);
        for answer in [
            muster.scim(&tenant, "PUT", &path, Some(named.clone())).await,
            muster.post(&tenant, "/Groups", named.clone()).await,
            muster.patch(&tenant, &path, patch).await,
            muster.scim(&v1, "PUT", &path, Some(old.clone())).await,
            muster.post(&v1, "/Groups", old.clone()).await,
            muster.scim(&v1, "PATCH", &path, Some(old)).await,
        ] {
            assert_eq!(answer.status, 400, "{values}");
        }
    }
    assert_eq!(present(&muster, &tenant, &path).await, [ada]);
}

#[tokio::test]
async fn a_name_that_resembles_the_state_is_ignored_beside_the_state_at_every_door() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{ada}");
    for (n, (name, value)) in
        [("isEnabled", json!(true)), ("actives", json!(1)), ("cost.active", json!(1))]
            .into_iter()
            .enumerate()
    {
        for (said, status) in [(true, [200, 201]), (false, [400, 400])] {
            let mut values = json!({ name: value });
            if said {
                values["active"] = true.into();
            }
            for (method, path, (tenant, body)) in doors(&tenant, &path, "ada", n, &values) {
                let answer = muster.scim(&tenant, method, &path, Some(body.clone())).await;
                let again = said && answer.status == 409;
                assert!(status.contains(&answer.status) || again, "{method} {body}");
            }
            let mut operations = vec![
                json!({ "op": "replace", "path": name, "value": value }),
                json!({ "op": "replace", "path": "title", "value": "z" }),
            ];
            if said {
                operations.push(json!({ "op": "replace", "path": "active", "value": true }));
            }
            muster.patch(&tenant, &path, operations.into()).await.expect(status[0]);
        }
    }
}

/// The path of a group with these members.
async fn team(muster: &Muster, tenant: &Tenant, ids: &[String]) -> String {
    let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    let body = json!({ "schemas": [GROUP], "displayName": "Sales", "members": members });
    format!("/Groups/{}", muster.post(tenant, "/Groups", body).await.expect(201).id())
}

async fn present(muster: &Muster, tenant: &Tenant, path: &str) -> Vec<String> {
    let group = muster.get(tenant, path).await.expect(200).body;
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_member_filter_that_no_member_fulfils_is_refused() {
    let muster = Muster::start().await;
    for dialect in Dialect::ALL.map(Dialect::name) {
        let tenant = muster.tenant_with("roster", dialect).await;
        let ada = create(&muster, &tenant, "ada", true).await;
        let path = team(&muster, &tenant, std::slice::from_ref(&ada)).await;
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
