//! A full disk: every write is answered with an error that names the disk, no change is half done,
//! and the host continues without a restart when there is space again.

use std::fs;

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::test_host::{HostProcess, StatusAndBody, TestHost};
use crate::support::user;

/// Limits the size of the host's files, so that the kernel refuses writes as on a full disk.
fn fill(test_host: &TestHost, host: &HostProcess) {
    let wal = test_host.data.path().join("muster.db-wal");
    limit_file_size(host, fs::metadata(wal).unwrap().len());
}

fn free_space(host: &HostProcess) {
    limit_file_size(host, rlimit::INFINITY);
}

fn limit_file_size(host: &HostProcess, bytes: u64) {
    let process = i32::try_from(host.child.id()).unwrap();
    let limits = Some((bytes, rlimit::INFINITY));
    rlimit::prlimit(process, rlimit::Resource::FSIZE, limits, None).unwrap();
}

/// All users, as an identity provider sees them.
async fn people(test_host: &TestHost, host: &HostProcess) -> Value {
    let (status, list) = test_host.scim(host, "GET", "/Users", Value::Null).await.unwrap();
    assert_eq!(status, 200);
    list["Resources"].clone()
}

#[track_caller]
fn assert_disk_error(response: Option<StatusAndBody>, expected: u16) {
    let (status, body) = response.unwrap();
    let detail = body["detail"].as_str().unwrap();
    assert_eq!(status, expected, "{detail}");
    assert!(detail.starts_with("the host's disk"), "{detail}");
}

#[tokio::test]
async fn writes_to_a_full_disk_fail_with_a_disk_error_and_change_nothing() {
    let test_host = TestHost::with_roster().await;
    let host = test_host.spawn(None);
    assert_eq!(test_host.push(&host, guest("roster-next")).await.unwrap().0, 201);
    let (status, ada) = test_host.scim(&host, "POST", "/Users", user("ada")).await.unwrap();
    assert_eq!(status, 201);
    let ada = format!("/Users/{}", ada["id"].as_str().unwrap());
    let (versions, before) = (test_host.versions(&host).await, people(&test_host, &host).await);
    let admin_requests: [(&str, &str, Value); 4] = [
        ("POST", "/apps/people/promote", json!({ "connector": "roster@0.2.0" })),
        ("POST", "/connectors/roster@0.2.0/retire", Value::Null),
        ("POST", "/apps", json!({ "name": "other", "connector": "roster@0.1.0" })),
        ("POST", "/tenants", json!({ "id": "other", "app": "people" })),
    ];
    let deactivate = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "active": false } }],
    });

    fill(&test_host, &host);
    assert_disk_error(test_host.push(&host, guest("planted")).await, 507);
    for (method, path, body) in &admin_requests {
        assert_disk_error(test_host.try_admin(&host, method, path, body.clone()).await, 507);
    }
    // Okta repeats a request that was answered with 429.
    assert_disk_error(test_host.scim(&host, "POST", "/Users", user("bob")).await, 429);
    assert_disk_error(test_host.scim(&host, "PATCH", &ada, deactivate.clone()).await, 429);
    assert_disk_error(test_host.scim(&host, "DELETE", &ada, Value::Null).await, 429);
    assert_eq!(people(&test_host, &host).await, before);
    assert_eq!(test_host.versions(&host).await, versions);

    free_space(&host);
    assert_eq!(test_host.deciding_version(&host, "bob").await, "roster@0.1.0");
    assert_eq!(test_host.scim(&host, "PATCH", &ada, deactivate).await.unwrap().0, 200);
    assert_eq!(test_host.push(&host, guest("planted")).await.unwrap().0, 201);
    let (_, path, body) = &admin_requests[0];
    test_host.admin(&host, "POST", path, body.clone()).await;
    assert_eq!(test_host.deciding_version(&host, "cleo").await, "roster@0.2.0");
    let versions = test_host.versions(&host).await;
    drop(host);

    let host = test_host.spawn(None);
    assert_eq!(test_host.people(&host).await, 3);
    assert_eq!(test_host.versions(&host).await, versions);
}

#[tokio::test]
async fn a_compiled_connector_that_cannot_be_cached_is_used_nevertheless() {
    let test_host = TestHost::with_roster().await;
    let host = test_host.spawn(None);
    let compiled = test_host.data.path().join("compiled");
    fs::remove_dir_all(&compiled).unwrap();
    // A file in place of the directory: nothing can be created in it.
    fs::write(&compiled, "").unwrap();
    assert_eq!(test_host.push(&host, guest("roster-next")).await.unwrap().0, 201);
    let next = json!({ "connector": "roster@0.2.0" });
    test_host.admin(&host, "POST", "/apps/people/promote", next).await;
    assert_eq!(test_host.deciding_version(&host, "ada").await, "roster@0.2.0");
    drop(host);

    // The next start compiles the connector again, and can cache it.
    fs::remove_file(&compiled).unwrap();
    let host = test_host.spawn(None);
    assert_eq!(test_host.deciding_version(&host, "bob").await, "roster@0.2.0");
    assert!(test_host.compiled().len() > 3);
}
