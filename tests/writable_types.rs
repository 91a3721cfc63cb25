//! Resource types that a connector adds and identity providers write: kept and served by the host, and
//! not asked about.

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::{Answer, Muster, Tenant};

const DEVICE: &str = "urn:example:scim:schemas:core:1.0:Device";
const LEASE: &str = "urn:example:scim:schemas:extension:lease:1.0:Device";
const UNTIL: &str = "2027-01-31T00:00:00Z";

async fn office() -> (Muster, Tenant) {
    let muster = Muster::start().await;
    muster.push(guest("agentic")).await.expect(201);
    let roles = json!({ "roles": [{ "id": "role-1", "displayName": "First" }] });
    let app = json!({ "name": "office", "connector": "agentic", "settings": roles });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    let tenant = muster.plain_tenant("acme", "office").await;
    (muster, tenant)
}

fn device(name: &str) -> Value {
    json!({
        "schemas": [DEVICE, LEASE],
        "externalId": format!("asset-{name}"),
        "displayName": name,
        "serial": format!("serial of {name}"),
        "emails": [{ "value": format!("{name}@devices.example") }],
        LEASE: { "until": UNTIL },
    })
}

async fn created(muster: &Muster, tenant: &Tenant, name: &str) -> Answer {
    muster.post(tenant, "/Devices", device(name)).await.expect(201)
}

async fn found(muster: &Muster, tenant: &Tenant, filter: &str) -> Vec<String> {
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
    let list = muster.get(tenant, &format!("/Devices?{query}")).await.expect(200).body;
    let named = |it: &Value| it["displayName"].as_str().unwrap().to_owned();
    list["Resources"].as_array().unwrap().iter().map(named).collect()
}

async fn operations(muster: &Muster) -> Value {
    muster.admin("GET", "/operations", None).await.expect(200).body["items"].clone()
}

#[tokio::test]
async fn a_device_is_created_read_replaced_patched_and_deleted() {
    let (muster, tenant) = office().await;
    let answer = created(&muster, &tenant, "lamp").await;
    let path = format!("/Devices/{}", answer.id());
    assert_eq!(answer.headers["location"], format!("{}{path}", tenant.base_url));
    assert_eq!(answer.body["meta"]["resourceType"], "Device");
    assert_eq!(answer.body[LEASE]["until"], UNTIL);
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body, answer.body);

    let mut put = device("desk lamp");
    put["serial"] = "serial of lamp".into();
    let replaced = muster.scim(&tenant, "PUT", &path, Some(put.clone())).await.expect(200).body;
    assert_eq!(replaced["displayName"], "desk lamp");
    assert_ne!(replaced["meta"]["version"], answer.body["meta"]["version"]);
    let again = muster.scim(&tenant, "PUT", &path, Some(put)).await.expect(200).body;
    assert_eq!(again["meta"], replaced["meta"], "a request that changes nothing is no version");

    let owner = muster.person(&tenant, "ada").await;
    let operations_before = operations(&muster).await;
    let patch = json!([
        { "op": "add", "path": "owner", "value": { "value": owner } },
        { "op": "replace", "path": "active", "value": false },
        { "op": "remove", "path": format!("{LEASE}:until") },
    ]);
    let patched = muster.patch(&tenant, &path, patch).await.expect(200).body;
    assert_eq!(patched["owner"]["value"], owner);
    assert_eq!(patched["active"], false);
    assert!(patched.get(LEASE).is_none(), "{patched}");

    assert_eq!(found(&muster, &tenant, "displayName eq \"DESK lamp\"").await, ["desk lamp"]);
    assert_eq!(found(&muster, &tenant, "active eq false").await, ["desk lamp"]);
    assert_eq!(
        found(&muster, &tenant, "emails.value eq \"desk lamp@devices.example\"").await,
        ["desk lamp"]
    );
    assert!(found(&muster, &tenant, "active eq true").await.is_empty());

    muster.scim(&tenant, "DELETE", &path, None).await.expect(204);
    muster.get(&tenant, &path).await.expect(404);
    muster.scim(&tenant, "DELETE", &path, None).await.expect(404);
    let patch = json!([{ "op": "replace", "path": "active", "value": true }]);
    muster.patch(&tenant, &path, patch).await.expect(404);
    assert_eq!(operations(&muster).await, operations_before, "no operation is about a device");
}

#[tokio::test]
async fn the_schema_of_the_type_is_enforced() {
    let (muster, tenant) = office().await;
    muster.post(&tenant, "/Devices", json!({ "schemas": [DEVICE] })).await.expect(400);
    let wrong = json!({ "schemas": [DEVICE], "displayName": { "value": 1 } });
    muster.post(&tenant, "/Devices", wrong).await.expect(400);
    let path = format!("/Devices/{}", created(&muster, &tenant, "lamp").await.id());
    let serial = json!([{ "op": "replace", "path": "serial", "value": "another" }]);
    let refused = muster.patch(&tenant, &path, serial).await.expect(400).body;
    assert_eq!(refused["scimType"], "mutability");
    let name = json!([{ "op": "remove", "path": "displayName" }]);
    muster.patch(&tenant, &path, name).await.expect(400);
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body["displayName"], "lamp");
    let role = json!({ "displayName": "Second" });
    muster.post(&tenant, "/Roles", role).await.expect(501);
    muster.scim(&tenant, "DELETE", "/Roles/role-1", None).await.expect(501);
}

#[tokio::test]
async fn a_precondition_guards_a_device() {
    let (muster, tenant) = office().await;
    let answer = created(&muster, &tenant, "lamp").await;
    let path = format!("/Devices/{}", answer.id());
    let version = answer.body["meta"]["version"].as_str().unwrap().to_owned();
    let rename = |name: &str| {
        let operations = json!([{ "op": "replace", "path": "displayName", "value": name }]);
        Some(crate::support::patch_op(operations))
    };
    let tag = [("If-Match", version.as_str())];
    muster.scim_with(&tenant, "PATCH", &path, &tag, rename("one")).await.expect(200);
    muster.scim_with(&tenant, "PATCH", &path, &tag, rename("two")).await.expect(412);
    muster.scim_with(&tenant, "DELETE", &path, &tag, None).await.expect(412);
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body["displayName"], "one");
}

#[tokio::test]
async fn a_bulk_request_refers_from_a_device_to_a_new_person() {
    let (muster, tenant) = office().await;
    let mut lamp = device("lamp");
    lamp["owner"] = json!({ "value": "bulkId:ada" });
    let operations = json!([
        { "method": "POST", "path": "/Devices", "bulkId": "lamp", "data": lamp },
        {
            "method": "POST", "path": "/Users", "bulkId": "ada",
            "data": crate::support::user("ada"),
        },
    ]);
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let request = json!({ "schemas": [schema], "Operations": operations });
    let answer = muster.post(&tenant, "/Bulk", request).await.expect(200).body;
    let results = answer["Operations"].as_array().unwrap();
    assert!(results.iter().all(|it| it["status"] == "201"), "{answer}");
    let person = found_person(&muster, &tenant).await;
    let list = muster.get(&tenant, "/Devices").await.expect(200).body;
    assert_eq!(list["Resources"][0]["owner"]["value"], person);
}

async fn found_person(muster: &Muster, tenant: &Tenant) -> Value {
    muster.get(tenant, "/Users").await.expect(200).body["Resources"][0]["id"].clone()
}

#[tokio::test]
async fn a_device_is_no_member_of_a_group() {
    let (muster, tenant) = office().await;
    muster.admin("PATCH", "/tenants/acme", Some(json!({ "dialect": "generic" }))).await.expect(200);
    let members = json!([{ "value": created(&muster, &tenant, "lamp").await.id() }]);
    let group = json!({ "displayName": "Lamps", "members": members });
    muster.post(&tenant, "/Groups", group).await.expect(400);
    let group = muster.post(&tenant, "/Groups", json!({ "displayName": "Lamps" })).await;
    let path = format!("/Groups/{}", group.expect(201).id());
    let add = json!([{ "op": "add", "path": "members", "value": members }]);
    muster.patch(&tenant, &path, add).await.expect(400);
    let role = json!([{ "op": "add", "path": "members", "value": [{ "value": "role-1" }] }]);
    muster.patch(&tenant, &path, role).await.expect(400);
}

#[tokio::test]
async fn concurrent_writes_of_a_device_are_all_kept() {
    let (muster, tenant) = office().await;
    let path = format!("/Devices/{}", created(&muster, &tenant, "lamp").await.id());
    let add = async |n: usize| {
        let address = format!("lamp-{n}@devices.example");
        let add = json!([{ "op": "add", "path": "emails", "value": [{ "value": address }] }]);
        muster.patch(&tenant, &path, add).await.expect(200);
    };
    futures_util::future::join_all((0..20).map(add)).await;
    let lamp = muster.get(&tenant, &path).await.expect(200).body;
    assert_eq!(lamp["emails"].as_array().unwrap().len(), 21, "{lamp}");
}

#[tokio::test]
async fn devices_wait_for_no_app_and_outlive_a_change_of_settings() {
    let (muster, tenant) = office().await;
    created(&muster, &tenant, "lamp").await;
    let settings = json!({ "settings": { "roles": [] } });
    muster.admin("PATCH", "/apps/office", Some(settings)).await.expect(200);
    assert_eq!(found(&muster, &tenant, "displayName pr").await, ["lamp"]);

    muster.admin("POST", "/tenants/acme/pause", None).await.expect(200);
    created(&muster, &tenant, "chair").await;
    assert_eq!(operations(&muster).await, json!([]));
    muster.admin("POST", "/tenants/acme/connect", None).await.expect(200);
    assert_eq!(found(&muster, &tenant, "displayName sw \"chair\"").await, ["chair"]);
    let other = muster.plain_tenant("globex", "office").await;
    assert!(found(&muster, &other, "displayName pr").await.is_empty());
}

#[tokio::test]
async fn scim_1_1_writes_the_same_devices() {
    let (muster, v2) = office().await;
    let v1 = Tenant { base_url: v2.base_url.replace("/v2", "/v1"), ..v2.clone() };
    let path = format!("/Devices/{}", created(&muster, &v1, "lamp").await.id());
    let patch =
        json!({ "schemas": [DEVICE], "active": false, "meta": { "attributes": ["owner"] } });
    muster.scim(&v1, "PATCH", &path, Some(patch)).await.expect(200);
    let modern = muster.get(&v2, &path).await.expect(200).body;
    assert_eq!((&modern["active"], &modern["displayName"]), (&json!(false), &json!("lamp")));
    muster.scim(&v1, "PUT", &path, Some(device("lamp"))).await.expect(200);
    muster.scim(&v1, "DELETE", &path, None).await.expect(204);
    muster.get(&v2, &path).await.expect(404);
}

#[tokio::test]
async fn each_dialect_writes_devices() {
    let (muster, tenant) = office().await;
    for dialect in ["entra", "generic", "google", "interop", "okta", "onelogin", "ping", "strict"] {
        let change = json!({ "dialect": dialect });
        muster.admin("PATCH", "/tenants/acme", Some(change)).await.expect(200);
        let path = format!("/Devices/{}", created(&muster, &tenant, dialect).await.id());
        let patch = json!([{ "op": "replace", "path": "active", "value": false }]);
        let patched = muster.patch(&tenant, &path, patch).await.expect(200).body;
        assert_eq!((&patched["active"], &patched["displayName"]), (&json!(false), &json!(dialect)));
        muster.scim(&tenant, "DELETE", &path, None).await.expect(204);
    }
}
