//! Versions of resources: `ETag`, `If-Match` and `If-None-Match` (RFC 7644 §3.14), and the address
//! in the same answers (RFC 7643 §3.1).

use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant, patch_op, user};

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

fn rename(name: &str) -> Value {
    patch_op(json!([{ "op": "replace", "path": "displayName", "value": name }]))
}

async fn send_if(
    muster: &Muster,
    tenant: &Tenant,
    (method, path): (&str, &str),
    (name, value): (&str, &str),
    body: Option<Value>,
) -> Answer {
    muster.scim_with(tenant, method, path, &[(name, value)], body).await
}

#[track_caller]
fn refuses(answer: Answer, version: &str) {
    let answer = answer.expect(412);
    assert_eq!(answer.body["status"], "412");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains(version), "{detail}");
}

/// Assertions 16, 17 and 37.
#[tokio::test]
async fn rfc7643_3_1_version_and_location_are_the_same_in_body_and_headers() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    for (endpoint, body) in
        [("/Users", user("ada")), ("/Groups", json!({ "displayName": "Staff" }))]
    {
        let created = muster.post(&tenant, endpoint, body).await.expect(201);
        let location = created.body["meta"]["location"].as_str().unwrap();
        assert_eq!(location, format!("{}{endpoint}/{}", tenant.base_url, created.id()));
        assert_eq!(header(&created, "location"), location);
        let path = format!("{endpoint}/{}", created.id());
        let read = muster.get(&tenant, &path).await.expect(200);
        let patched = muster.scim(&tenant, "PATCH", &path, Some(rename("Other"))).await.expect(200);
        let again = muster.scim(&tenant, "PATCH", &path, Some(rename("Other"))).await.expect(200);
        for answer in [&created, &read, &patched, &again] {
            assert_eq!(header(answer, "content-location"), location);
            assert_eq!(answer.body["meta"]["location"], location);
            assert_eq!(answer.body["meta"]["version"], header(answer, "etag"));
        }
        assert_eq!(header(&read, "etag"), header(&created, "etag"));
        assert_ne!(header(&patched, "etag"), header(&read, "etag"), "the state changed");
        assert_eq!(header(&again, "etag"), header(&patched, "etag"), "nothing changed");
    }
    let config = muster.get(&tenant, "/ServiceProviderConfig").await.expect(200);
    assert_eq!(config.body["etag"], json!({ "supported": true }));
}

#[tokio::test]
async fn rfc7644_3_5_2_a_patch_answered_by_204_has_its_headers() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let group = json!({ "displayName": "Staff" });
    let path = format!("/Groups/{}", muster.post(&tenant, "/Groups", group).await.id());
    let patched = muster.scim(&tenant, "PATCH", &path, Some(rename("Crew"))).await.expect(204);
    let read = muster.get(&tenant, &path).await.expect(200);
    assert_eq!(header(&patched, "etag"), header(&read, "etag"));
    assert_eq!(header(&patched, "content-location"), header(&read, "content-location"));
    assert_eq!(patched.body, Value::Null);
}

/// Assertion 44.
#[tokio::test]
async fn rfc7644_3_14_a_reader_with_the_present_version_gets_304() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/Users/{}", muster.person(&tenant, "ada").await);
    let tag = header(&muster.get(&tenant, &path).await, "etag").to_owned();
    let strong = tag.trim_start_matches("W/").to_owned();
    for known in [&*tag, &*strong, &format!("W/\"x\", {tag}"), "*"] {
        let read = send_if(&muster, &tenant, ("GET", &path), ("if-none-match", known), None).await;
        assert_eq!((read.status, &read.body), (304, &Value::Null), "{known}");
        assert_eq!(header(&read, "etag"), tag);
    }
    let read = send_if(&muster, &tenant, ("GET", &path), ("if-none-match", "W/\"x\""), None).await;
    assert_eq!(read.expect(200).body["displayName"], "ada Doe");
    muster.scim(&tenant, "PATCH", &path, Some(rename("Ada L"))).await.expect(200);
    let read = send_if(&muster, &tenant, ("GET", &path), ("if-none-match", &tag), None).await;
    assert_eq!(read.expect(200).body["displayName"], "Ada L");
}

/// Assertion 44.
#[tokio::test]
async fn rfc7644_3_14_a_write_for_another_version_is_412_and_changes_nothing() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let group = json!({ "displayName": "ada Doe" });
    let group = format!("/Groups/{}", muster.post(&tenant, "/Groups", group).await.id());
    for path in [group, format!("/Users/{}", muster.person(&tenant, "ada").await)] {
        let before = muster.get(&tenant, &path).await.expect(200);
        let tag = header(&before, "etag").to_owned();
        let whole = Some(before.body.clone());
        for (method, body) in [("PUT", whole), ("PATCH", Some(rename("x"))), ("DELETE", None)] {
            let other = ("if-match", "W/\"other\"");
            let send =
                |condition, body| send_if(&muster, &tenant, (method, &path), condition, body);
            refuses(send(other, body.clone()).await, &tag);
            refuses(send(("if-none-match", &*tag), body.clone()).await, &tag);
            let broken = send(("if-match", "other"), body).await.expect(400);
            assert_eq!(broken.body["scimType"], "invalidValue");
        }
        assert_eq!(muster.get(&tenant, &path).await.body, before.body);
        let named = ("if-match", &*tag);
        send_if(&muster, &tenant, ("PATCH", &path), named, Some(rename("y"))).await;
        let after = muster.get(&tenant, &path).await.expect(200);
        assert_eq!(after.body["displayName"], "y");
        refuses(send_if(&muster, &tenant, ("DELETE", &path), named, None).await, "W/");
        let present = ("if-match", header(&after, "etag"));
        send_if(&muster, &tenant, ("DELETE", &path), present, None).await.expect(204);
        // RFC 9110 §13.2.1: preconditions are not evaluated for a request that fails anyway.
        send_if(&muster, &tenant, ("DELETE", &path), present, None).await.expect(404);
        send_if(&muster, &tenant, ("GET", &path), ("if-none-match", "*"), None).await.expect(404);
    }
}

/// Assertion 44: a deleted user leaves the group, although no request wrote the group.
#[tokio::test]
async fn rfc7644_3_14_deleting_a_member_changes_the_version_of_the_group() {
    let muster = Muster::start().await;
    for connector in ["roster", "two-state"] {
        let tenant = muster.tenant(connector).await;
        let (ann, bob) = (muster.person(&tenant, "ann").await, muster.person(&tenant, "bob").await);
        let group = json!({
            "displayName": "Compilers",
            "members": [{ "value": ann }, { "value": bob }],
        });
        let group = format!("/Groups/{}", muster.post(&tenant, "/Groups", group).await.id());
        let before = muster.get(&tenant, &group).await.expect(200);
        let tag = header(&before, "etag").to_owned();
        muster.scim(&tenant, "DELETE", &format!("/Users/{bob}"), None).await.expect(204);

        let unless = ("if-none-match", &*tag);
        let after = send_if(&muster, &tenant, ("GET", &group), unless, None).await.expect(200);
        assert_eq!(after.body["members"].as_array().unwrap().len(), 1);
        assert!(changed(&after) > changed(&before), "{} {}", changed(&after), changed(&before));
        let named = ("if-match", &*tag);
        refuses(send_if(&muster, &tenant, ("DELETE", &group), named, None).await, "W/");
        let present = ("if-match", header(&after, "etag"));
        let body = Some(rename("Linkers"));
        let renamed = send_if(&muster, &tenant, ("PATCH", &group), present, body).await;
        let read = muster.get(&tenant, &group).await.expect(200);
        assert_eq!(header(&renamed, "etag"), header(&read, "etag"));
        let mut found = url::form_urlencoded::Serializer::new("/Groups?".to_owned());
        found.append_pair("filter", &format!("meta.version eq {}", read.body["meta"]["version"]));
        let found = muster.get(&tenant, &found.finish()).await.expect(200);
        assert_eq!(found.body["totalResults"], 1, "{}", found.body);
    }
}

fn changed(answer: &Answer) -> &str {
    answer.body["meta"]["lastModified"].as_str().unwrap()
}

/// Concurrent writes for the same version: exactly one succeeds in each round.
async fn racing(muster: &Muster, tenant: &Tenant, path: &str) {
    for round in 0..5 {
        let tag = header(&muster.get(tenant, path).await, "etag").to_owned();
        let one = |n: usize| {
            let (tag, body) = (&tag, rename(&format!("{round}-{n}")));
            async move {
                send_if(muster, tenant, ("PATCH", path), ("if-match", tag), Some(body)).await.status
            }
        };
        let all = futures_util::future::join_all((0..20).map(one)).await;
        let won = all.iter().filter(|status| matches!(status, 200 | 204)).count();
        let lost = all.iter().filter(|status| **status == 412).count();
        assert_eq!((won, lost), (1, 19), "{path}: {all:?}");
    }
}

#[tokio::test]
async fn rfc7644_3_14_of_concurrent_writes_for_one_version_one_succeeds() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    racing(&muster, &tenant, &format!("/Users/{}", muster.person(&tenant, "ada").await)).await;
    let group = json!({ "displayName": "Staff" });
    let group = muster.post(&tenant, "/Groups", group).await.id();
    racing(&muster, &tenant, &format!("/Groups/{group}")).await;
}

/// A group with more new members than fit into one operation is still written completely.
#[tokio::test]
async fn rfc7644_3_14_a_large_push_for_the_present_version_is_completed() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let mut members = Vec::new();
    for n in 0..130 {
        members.push(json!({ "value": muster.person(&tenant, &format!("p{n}")).await }));
    }
    let created = muster.post(&tenant, "/Groups", json!({ "displayName": "Staff" })).await;
    let path = format!("/Groups/{}", created.id());
    let push = patch_op(json!([{ "op": "add", "path": "members", "value": members }]));
    let present = ("if-match", header(&created, "etag"));
    send_if(&muster, &tenant, ("PATCH", &path), present, Some(push)).await.expect(204);
    let members = muster.get(&tenant, &path).await.body["members"].as_array().unwrap().len();
    assert_eq!(members, 130);
}
