//! `/Bulk` (RFC 7644 §3.7; assertion 76 of `tests/rfc.rs`): many operations, each like a request by
//! itself.

use std::time::Duration;

use muster::sample::Fault;
use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, client, user};

fn request(operations: &Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    })
}

async fn bulk(muster: &Muster, tenant: &Tenant, operations: Value) -> Vec<Value> {
    let answer = muster.post(tenant, "/Bulk", request(&operations)).await.expect(200).body;
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
    assert_eq!(answer["schemas"], json!([schema]));
    answer["Operations"].as_array().unwrap().clone()
}

fn post(name: &str) -> Value {
    json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": user(name) })
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
    let data = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": name,
        "members": members,
    });
    json!({ "method": "POST", "path": "/Groups", "bulkId": name, "data": data })
}

#[track_caller]
fn check(operations: &[Value], expected: &[&str]) {
    let statuses: Vec<_> = operations.iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, expected, "{operations:#?}");
}

async fn members(muster: &Muster, tenant: &Tenant, operation: &Value) -> Vec<String> {
    let path = operation["location"].as_str().unwrap().strip_prefix(&tenant.base_url).unwrap();
    let group = muster.get(tenant, path).await.expect(200).body;
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect()
}

fn id(operation: &Value) -> String {
    operation["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// An example of RFC 7644, as printed there.
fn example(name: &str) -> Value {
    let path = format!("{}/../tests/fixtures/scim/rfc/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn a_temporary_identifier_becomes_the_id_3_7_2() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let body = example("rfc7644-3.7.2-bulk_request-temporary_identifier.json");
    let answer = muster.post(&tenant, "/Bulk", body).await.expect(200).body;
    let operations = answer["Operations"].as_array().unwrap();
    check(operations, &["201", "201"]);
    assert_eq!(operations[0]["bulkId"], "qwerty");
    assert_eq!(operations[0]["method"], "POST");
    assert!(operations[0]["version"].as_str().unwrap().starts_with("W/\""));
    assert!(operations[0].get("response").is_none());
    assert_eq!(members(&muster, &tenant, &operations[1]).await, [id(&operations[0])]);
}

#[tokio::test]
async fn groups_may_refer_to_each_other_3_7_1() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let body = example("rfc7644-3.7.1-bulk_request-circular_conflict.json");
    let answer = muster.post(&tenant, "/Bulk", body).await.expect(200).body;
    let operations = answer["Operations"].as_array().unwrap();
    check(operations, &["201", "201"]);
    assert_eq!(members(&muster, &tenant, &operations[0]).await, [id(&operations[1])]);
    assert_eq!(members(&muster, &tenant, &operations[1]).await, [id(&operations[0])]);
    let path = format!("/Groups/{}", id(&operations[0]));
    let shown = muster.get(&tenant, &path).await.expect(200);
    assert_eq!(shown.body["meta"]["version"], operations[0]["version"]);
}

#[tokio::test]
async fn resources_are_created_before_references_to_them_and_answered_in_the_order_of_the_request()
{
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let mut boss = post("boss");
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    boss["data"][enterprise] = json!({ "manager": { "value": "bulkId:ada" } });
    let join = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "add", "path": "members", "value": [{ "value": "bulkId:boss" }] }],
    });
    let join = json!({ "method": "PATCH", "path": "/Groups/bulkId:poets", "data": join });
    let done =
        bulk(&muster, &tenant, json!([join, group("poets", &["bulkId:ada"]), boss, post("ada")]));
    let done = done.await;
    check(&done, &["200", "201", "201", "201"]);
    assert_eq!(done[1]["bulkId"], "poets");
    assert_eq!(members(&muster, &tenant, &done[1]).await, [id(&done[3]), id(&done[2])]);
    let boss = muster.get(&tenant, &format!("/Users/{}", id(&done[2]))).await.expect(200);
    assert_eq!(boss.body[enterprise]["manager"]["value"], id(&done[3]));
}

#[tokio::test]
async fn every_method_and_every_version_3_7_3() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let mut people = Vec::new();
    for name in ["ada", "bob", "cleo"] {
        let made = muster.post(&tenant, "/Users", user(name)).await.expect(201);
        people.push((made.id(), made.body["meta"]["version"].as_str().unwrap().to_owned()));
    }
    let [(ada, one), (bob, two), (cleo, three)] = &people[..] else { panic!("three people") };
    let mut whole = user("ada");
    whole["title"] = json!("Countess");
    let done = bulk(
        &muster,
        &tenant,
        json!([
            { "method": "PUT", "path": format!("/Users/{ada}"), "version": one, "data": whole },
            // The RFC shows the operations of a PATCH without their envelope.
            { "method": "PATCH", "path": format!("/Users/{bob}"), "version": two,
              "data": [{ "op": "replace", "path": "active", "value": false }] },
            { "method": "PATCH", "path": format!("/Users/{bob}"), "version": "W/\"77\"",
              "data": [{ "op": "replace", "path": "title", "value": "Sir" }] },
            { "method": "DELETE", "path": format!("/Users/{cleo}"), "version": three },
            { "method": "DELETE", "path": format!("/Users/{cleo}") },
        ]),
    )
    .await;
    check(&done, &["200", "200", "412", "204", "404"]);
    let location = format!("{}/Users/{bob}", tenant.base_url);
    assert!(done[1..3].iter().all(|it| it["location"] == location));
    let error = &done[2]["response"];
    assert_eq!(error["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(error["status"], "412");
    assert!(done[3].get("version").is_none() && done[3].get("response").is_none());
    let ada = muster.get(&tenant, &format!("/Users/{ada}")).await.expect(200);
    assert_eq!(ada.body["title"], "Countess");
    assert_eq!(ada.body["meta"]["version"], done[0]["version"]);
    // The app received one call for each, as for a request by itself.
    let calls = muster.app_calls(&tenant).await;
    assert!(calls.iter().any(|call| call.path.ends_with("/suspend")));
    assert!(calls.iter().any(|call| call.method == "DELETE"));
}

#[tokio::test]
async fn after_fail_on_errors_no_further_operation_is_begun() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let wrong = json!({ "method": "POST", "path": "/Users", "bulkId": "x", "data": {} });
    let mut body = request(&json!([post("ada"), wrong, post("bob")]));
    body["failOnErrors"] = json!(1);
    let answer = muster.post(&tenant, "/Bulk", body.clone()).await.expect(200).body;
    check(answer["Operations"].as_array().unwrap(), &["201", "400"]);
    assert!(answer["Operations"][1].get("location").is_none());
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 1);
    // Without `failOnErrors` every operation is tried.
    body.as_object_mut().unwrap().shift_remove("failOnErrors");
    let answer = muster.post(&tenant, "/Bulk", body).await.expect(200).body;
    check(answer["Operations"].as_array().unwrap(), &["409", "400", "201"]);
}

#[tokio::test]
async fn an_operation_that_cannot_be_resolved_or_parsed_fails_by_itself() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let bad = json!({ "method": "POST", "path": "/Users", "bulkId": "bad", "data": {} });
    let mut nameless = post("nameless");
    nameless.as_object_mut().unwrap().shift_remove("bulkId");
    let done = bulk(
        &muster,
        &tenant,
        json!([
            bad,
            group("a", &["bulkId:bad"]),
            group("b", &["bulkId:stranger"]),
            nameless,
            { "method": "GET", "path": "/Users/7" },
            { "method": "POST", "path": "/Planets", "bulkId": "p", "data": {} },
            { "method": "PUT", "path": "/Users", "data": {} },
            { "method": "DELETE", "path": "/Users/bulkId:bad" },
            post("ada"),
        ]),
    )
    .await;
    let expected = ["400", "409", "400", "400", "400", "400", "400", "409", "201"];
    check(&done, &expected);
    let detail = |at: usize| done[at]["response"]["detail"].as_str().unwrap();
    assert!(detail(1).contains("bulkId:bad"), "{}", detail(1));
    assert!(detail(2).contains("bulkId:stranger"), "{}", detail(2));
    assert!(detail(3).contains("bulkId"), "{}", detail(3));
    assert_eq!(muster.get(&tenant, "/Groups").await.body["totalResults"], 0);
}

#[track_caller]
fn check_refused(answer: &Answer, status: u16, word: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.body["status"], status.to_string());
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains(word), "{detail}");
}

#[tokio::test]
async fn limits_are_advertised_and_enforced_3_7_4() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "strict").await;
    let config = muster.get(&tenant, "/ServiceProviderConfig").await.expect(200).body;
    let expected = json!({ "supported": true, "maxOperations": 1000, "maxPayloadSize": 1 << 20 });
    assert_eq!(config["bulk"], expected);
    let send = async |body: Value| muster.post(&tenant, "/Bulk", body).await;
    let many: Vec<_> = (0..1001).map(|n| post(&n.to_string())).collect();
    check_refused(&send(request(&json!(many))).await, 413, "maxOperations (1000)");
    let mut large = post("ada");
    large["data"]["title"] = json!("x".repeat(1 << 20));
    check_refused(&send(request(&json!([large]))).await, 413, "maxPayloadSize (1048576)");
    check_refused(&send(request(&json!([post("ada"), post("ada")]))).await, 400, "twice");
    check_refused(&send(request(&json!({}))).await, 400, "Operations");
    check_refused(&send(json!({ "Operations": [] })).await, 400, "BulkRequest");
    let mut none = request(&json!([]));
    none["failOnErrors"] = json!(0);
    check_refused(&send(none).await, 400, "failOnErrors");
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 0);
}

/// An operation that has to be repeated says so itself, and the others are done.
#[tokio::test]
async fn an_app_that_fails_for_one_fails_for_that_one() {
    let muster = Muster::start_answering_within(Duration::from_secs(2)).await;
    let tenant = muster.tenant("three-state").await;
    let ada = bulk(&muster, &tenant, json!([post("ada")])).await;
    // The app takes longer than the deadline of the request.
    let delay_ms = 5_000;
    muster
        .stage
        .sample
        .fail(Fault { delay_ms, ..Fault::status("POST /organizations", 503, 1_000) });
    let done = bulk(
        &muster,
        &tenant,
        json!([
            { "method": "PATCH", "path": format!("/Users/{}", id(&ada[0])),
              "data": [{ "op": "replace", "path": "title", "value": "Countess" }] },
            post("bob"),
            post("cleo"),
        ]),
    )
    .await;
    check(&done, &["200", "429", "429"]);
    let detail = done[2]["response"]["detail"].as_str().unwrap();
    assert!(detail.contains("has not been begun"), "{detail}");
    muster.stage.sample.heal();
    muster.settled().await;
    // The accepted operation is done; the one that was not begun had no effect.
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 2);
    let again = bulk(&muster, &tenant, json!([post("bob"), post("cleo")])).await;
    check(&again, &["201", "201"]);
}

#[tokio::test]
async fn after_a_caller_has_disconnected_no_further_operation_begins() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let delay_ms = 300;
    muster.stage.sample.fail(Fault { delay_ms, ..Fault::status("POST /organizations", 503, 3) });
    let body = request(&json!([post("ada"), post("bob"), post("cleo")])).to_string();
    let request = client().post(format!("{}/Bulk", tenant.base_url)).bearer_auth(&tenant.token);
    let request = request.header("content-type", "application/scim+json").body(body);
    assert!(request.timeout(Duration::from_millis(200)).send().await.is_err());
    let users = async || muster.get(&tenant, "/Users").await.body["totalResults"].clone();
    for _ in 0..200 {
        if users().await == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    muster.settled().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(users().await, 1, "newer requests may have said something else by then");
}
