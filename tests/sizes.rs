//! How large resources may be: what is larger is refused at the door, and what is larger already hinders no
//! leaver.

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::test_host::TestHost;
use crate::support::{Muster, Tenant, patch_op, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const DEVICE: &str = "urn:example:scim:schemas:core:1.0:Device";

fn letters(count: usize) -> String {
    "a".repeat(count)
}

/// Attributes with one byte too many, each with the name and the bound that the refusal says.
fn over_their_bounds() -> Vec<(Value, &'static str, usize)> {
    vec![
        (json!({ "userName": letters(321) }), "userName", 320),
        (json!({ "title": letters(8193) }), "title", 8192),
        (json!({ "externalId": letters(8193) }), "externalId", 8192),
        (json!({ "name": { "givenName": letters(8193) } }), "name.givenName", 8192),
        (
            json!({ "emails": [{ "value": "a@b" }, { "value": letters(8193) }] }),
            "emails.value",
            8192,
        ),
        (json!({ "photos": [{ "value": letters(8193) }] }), "photos.value", 8192),
        (
            json!({ "x509Certificates": [{ "value": letters(32772) }] }),
            "x509Certificates.value",
            32768,
        ),
        (json!({ ENTERPRISE: { "department": letters(8193) } }), "department", 8192),
        (json!({ "password": letters(8193) }), "password", 8192),
    ]
}

/// A user with this many texts of 8,000 bytes beside the usual attributes.
fn large(name: &str, texts: usize) -> Value {
    let mut body = user(name);
    let phone = |n: usize| json!({ "type": n.to_string(), "value": letters(8000) });
    body["phoneNumbers"] = (0..texts).map(phone).collect();
    body
}

#[track_caller]
fn check(error: &Value, attribute: &str, limit: usize) {
    assert_eq!(error["scimType"], "invalidValue", "{error}");
    let detail = error["detail"].as_str().unwrap();
    let rest =
        detail.split_once(&format!("{attribute} has ")).unwrap_or_else(|| panic!("{detail}")).1;
    let bytes: usize = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(bytes > limit && rest.contains(&format!("at most {limit} are kept")), "{detail}");
}

#[tokio::test]
async fn a_value_over_its_bound_is_refused_in_every_way_of_writing_it() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("three-state", "generic").await;
    let path = format!("/Users/{}", muster.person(&tenant, "ada").await);
    let before = muster.get(&tenant, &path).await.body;
    for (wrong, attribute, limit) in over_their_bounds() {
        let mut whole = user("bob");
        whole.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        check(
            &muster.post(&tenant, "/Users", whole.clone()).await.expect(400).body,
            attribute,
            limit,
        );
        let put = muster.scim(&tenant, "PUT", &path, Some(whole.clone())).await.expect(400);
        check(&put.body, attribute, limit);
        for op in ["add", "replace"] {
            let operations = json!([{ "op": op, "value": wrong }]);
            check(
                &muster.patch(&tenant, &path, operations).await.expect(400).body,
                attribute,
                limit,
            );
        }
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "1", "data": whole }],
        });
        let bulk = muster.post(&tenant, "/Bulk", bulk).await.expect(200).body;
        assert_eq!(bulk["Operations"][0]["status"], "400");
        check(&bulk["Operations"][0]["response"], attribute, limit);
    }
    assert_eq!(muster.get(&tenant, &path).await.body, before);
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 1);
}

#[tokio::test]
async fn a_value_at_its_bound_is_kept() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("three-state", "generic").await;
    let mut body = user("ada");
    body["userName"] = letters(320).into();
    body["title"] = letters(8192).into();
    body["x509Certificates"] = json!([{ "value": letters(32768) }]);
    let id = muster.post(&tenant, "/Users", body).await.expect(201).id();
    let kept = muster.get(&tenant, &format!("/Users/{id}")).await.body;
    assert_eq!(kept["title"], letters(8192));
    assert_eq!(kept["x509Certificates"][0]["value"], letters(32768));
}

#[tokio::test]
async fn a_value_over_its_bound_is_refused_in_scim_1_1() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("three-state", "generic").await;
    let older = Tenant { base_url: tenant.base_url.replace("/v2", "/v1"), ..tenant.clone() };
    let path = format!("/Users/{}", muster.person(&tenant, "ada").await);
    let patch = json!({ "schemas": ["urn:scim:schemas:core:1.0"], "title": letters(8193) });
    let refused = muster.scim(&older, "PATCH", &path, Some(patch)).await.expect(400).body;
    assert!(refused.to_string().contains("title has 8193 bytes"), "{refused}");
}

#[tokio::test]
async fn a_user_or_group_over_the_bound_as_a_whole_is_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("three-state", "generic").await;
    let refused = muster.post(&tenant, "/Users", large("ada", 9)).await.expect(400).body;
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.contains("the User would have 72") && detail.contains("at most 65536"),
        "{detail}"
    );
    let path = format!(
        "/Users/{}",
        muster.post(&tenant, "/Users", large("ada", 8)).await.expect(201).id()
    );
    let more =
        json!([{ "op": "add", "path": "addresses", "value": [{ "formatted": letters(8000) }] }]);
    muster.patch(&tenant, &path, more).await.expect(400);
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": letters(8193),
    });
    let refused = muster.post(&tenant, "/Groups", group).await.expect(400).body;
    check(&refused, "displayName", 8192);
}

#[tokio::test]
async fn the_members_of_a_group_do_not_count_and_their_ids_are_bounded() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("three-state", "generic").await;
    let ada = muster.person(&tenant, "ada").await;
    let mut members = vec![json!({ "value": ada, "display": letters(70_000) })];
    let group = |members: &[Value]| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "Staff", "members": members,
        })
    };
    muster.post(&tenant, "/Groups", group(&members)).await.expect(201);
    members.push(json!({ "value": letters(1025) }));
    let refused = muster.post(&tenant, "/Groups", group(&members)).await.expect(400).body;
    assert!(
        refused["detail"].as_str().unwrap().contains("members.value has 1025 bytes"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_schema_of_a_connector_may_allow_more() {
    let muster = Muster::start().await;
    muster.push(guest("agentic")).await.expect(201);
    let app = json!({ "name": "office", "connector": "agentic", "settings": { "roles": [] } });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    let tenant = muster.plain_tenant("acme", "office").await;
    let device = |attribute: &str, bytes: usize| {
        let mut body = json!({ "schemas": [DEVICE], "displayName": "lamp", "serial": "1" });
        body[attribute] = letters(bytes).into();
        body
    };
    let path = format!(
        "/Devices/{}",
        muster.post(&tenant, "/Devices", device("serial", 16_384)).await.expect(201).id()
    );
    for (attribute, limit) in [("serial", 16_384), ("displayName", 8192)] {
        let body = device(attribute, limit + 1);
        check(&muster.post(&tenant, "/Devices", body).await.expect(400).body, attribute, limit);
    }
    let mut put = device("displayName", 8193);
    put["serial"] = letters(16_384).into();
    let refused = muster.scim(&tenant, "PUT", &path, Some(put)).await.expect(400).body;
    check(&refused, "displayName", 8192);
    let schema = muster.get(&tenant, &format!("/Schemas/{DEVICE}")).await.expect(200).body;
    let serial = schema["attributes"].as_array().unwrap().iter().find(|it| it["name"] == "serial");
    assert_eq!(serial.unwrap()["maxBytes"], 16_384);
}

#[tokio::test]
async fn what_is_too_large_beside_a_deactivation_does_not_keep_a_leaver_in() {
    let muster = Muster::start().await;
    for connector in ["two-state", "three-state"] {
        let tenant = muster.tenant_with(connector, "generic").await;
        let id = muster.person(&tenant, "ada").await;
        let before = muster.get(&tenant, &format!("/Users/{id}")).await.body;
        let mut put = user("ada");
        put["title"] = letters(8193).into();
        let path = format!("/Users/{id}");
        muster.scim(&tenant, "PUT", &path, Some(put.clone())).await.expect(400);
        put["active"] = false.into();
        let left = muster.scim(&tenant, "PUT", &path, Some(put.clone())).await.expect(200).body;
        assert_eq!(left["active"], false);
        assert!(left.get("title").is_none(), "{left}");
        assert_eq!(left["emails"], before["emails"]);
        // Who is out already is not a leaver.
        muster.scim(&tenant, "PUT", &path, Some(put.clone())).await.expect(400);
        put["active"] = true.into();
        muster.scim(&tenant, "PUT", &path, Some(put)).await.expect(400);
        assert_eq!(muster.get(&tenant, &path).await.body["active"], false);
    }
}

#[tokio::test]
async fn a_deactivation_that_is_too_large_ends_well_though_the_app_refuses_it_at_first() {
    let muster = Muster::start_answering_within(std::time::Duration::from_millis(300)).await;
    let tenant = muster.tenant_with("three-state", "generic").await;
    let id = muster.person(&tenant, "ada").await;
    let path = format!("/Users/{id}");
    let mut put = user("ada");
    put["title"] = letters(8193).into();
    put["active"] = false.into();
    muster.stage.sample.fail(muster::sample::Fault::status("P", 503, 100));
    let later = muster.scim(&tenant, "PUT", &path, Some(put.clone())).await;
    assert!(matches!(later.status, 429 | 503), "{later:?}");
    let again = muster.scim(&tenant, "PUT", &path, Some(put.clone())).await;
    assert!(matches!(again.status, 429 | 503), "{again:?}");
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(muster.get(&tenant, &path).await.body["active"], false);
}

#[tokio::test]
async fn a_user_that_is_too_large_already_is_read_changed_deactivated_and_deleted() {
    let url = async |sample: &muster::sample::Sample| sample.base_url();
    let host = TestHost::of_embedded("three-state", "resource_kib = 1024\n", url).await;
    let first = host.spawn(None);
    let (status, made) = host.scim(&first, "POST", "/Users", large("ada", 40)).await.unwrap();
    assert_eq!(status, 201, "{made}");
    drop(first);
    host.configure("resource_kib = 16\n");
    let second = host.spawn(None);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let patch = async |operations: Value| {
        host.scim(&second, "PATCH", &path, patch_op(operations)).await.unwrap()
    };
    let (status, read) = host.scim(&second, "GET", &path, Value::Null).await.unwrap();
    assert_eq!((status, &read["phoneNumbers"]), (200, &made["phoneNumbers"]));
    let (status, refused) =
        patch(json!([{ "op": "add", "path": "title", "value": "Countess" }])).await;
    assert_eq!(status, 400, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("at most 16384"), "{refused}");
    let (status, left) =
        patch(json!([{ "op": "replace", "path": "active", "value": false }])).await;
    assert_eq!((status, &left["active"]), (200, &json!(false)), "{left}");
    let (status, back) = patch(json!([{ "op": "replace", "path": "active", "value": true }])).await;
    assert_eq!((status, &back["active"]), (200, &json!(true)), "{back}");
    let mut put = large("ada", 40);
    put["active"] = false.into();
    let (status, left) = host.scim(&second, "PUT", &path, put).await.unwrap();
    assert_eq!((status, &left["active"]), (200, &json!(false)), "{left}");
    let fewer = json!([{ "op": "remove", "path": "phoneNumbers[type eq \"1\"]" }]);
    let (status, fewer) = patch(fewer).await;
    assert_eq!((status, fewer["phoneNumbers"].as_array().unwrap().len()), (200, 39));
    assert_eq!(host.scim(&second, "DELETE", &path, Value::Null).await.unwrap().0, 204);
    host.settled(&second).await;
}
