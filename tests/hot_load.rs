//! Pushing and promoting a connector on a running host, without a restart.

use std::fs;

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::test_host::TestHost;
use crate::support::{Answer, Muster, Tenant, user};

#[tokio::test]
async fn what_is_in_memory_is_not_loaded_a_second_time() {
    let test_host = TestHost::with_roster().await;
    let host = test_host.spawn(None);
    for (file, loaded) in [("roster-next", false), ("roster-next", true)] {
        let before = test_host.compiled();
        let (status, _) = test_host.push(&host, guest(file)).await.unwrap();
        assert_eq!(status, if loaded { 200 } else { 201 });
        assert_eq!(test_host.compiled().len(), before.len() + usize::from(!loaded));
        // Another load would compile it again, and write the file.
        for file in test_host.compiled() {
            fs::remove_file(test_host.data.path().join("compiled").join(file)).unwrap();
        }
    }
}

async fn promote(muster: &Muster, connector: &str) -> Value {
    let body = json!({ "connector": connector, "accept": true });
    muster.admin("POST", "/apps/roster/promote", Some(body)).await.expect(200).body
}

/// Creates a user, and returns the note and the connector digest of its operation.
async fn decided(muster: &Muster, tenant: &Tenant, name: &str) -> (String, String) {
    muster.person(tenant, name).await;
    let path = format!("/operations?tenant={}&limit=1", tenant.name);
    let newest = muster.admin("GET", &path, None).await.body["items"][0].clone();
    let used = &newest["used"];
    assert!(used["decisions"] == 1 && used["memory"].as_u64() > Some(0), "{newest}");
    let text = |member: &str| newest[member].as_str().unwrap().to_owned();
    (text("note"), text("connector"))
}

#[tokio::test]
async fn a_pushed_connector_decides_once_it_is_promoted() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let (_, first) = decided(&muster, &tenant, "ada").await;

    let pushed = muster.push(guest("roster-next")).await.expect(201).body;
    assert_eq!(pushed["manifest"]["version"], "0.2.0");
    // Pushing the same file again changes nothing.
    muster.push(guest("roster-next")).await.expect(200);
    let (_, still) = decided(&muster, &tenant, "bob").await;
    assert_eq!(still, first, "a pushed version does not decide before it is promoted");

    promote(&muster, "roster@0.2.0").await;
    let (note, second) = decided(&muster, &tenant, "cleo").await;
    assert_eq!((note.as_str(), &json!(second)), ("Decided by 0.2.", &pushed["digest"]));

    muster.admin("POST", "/apps/roster/rollback", None).await.expect(200);
    assert_eq!(decided(&muster, &tenant, "dan").await.1, first);
}

#[tokio::test]
async fn no_request_fails_during_promotions_under_load() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    muster.push(guest("roster-next")).await.expect(201);
    let load = async {
        let mut created = 0;
        for round in 0..40 {
            let people =
                (0..8).map(|n| muster.post(&tenant, "/Users", user(&format!("p{round}-{n}"))));
            for answer in futures_util::future::join_all(people).await {
                answer.expect(201);
                created += 1;
            }
        }
        created
    };
    let swaps = async {
        for n in 0..20 {
            promote(&muster, if n % 2 == 0 { "roster@0.2.0" } else { "roster@0.1.0" }).await;
        }
    };
    let (created, ()) = tokio::join!(load, swaps);
    let all = muster.admin("GET", "/operations?state=done&limit=1000", None).await.body;
    let operations = all["items"].as_array().unwrap();
    assert_eq!((operations.len(), created), (320, 320));
    // Each operation names the version that decided it; the note is different in each version.
    for operation in operations {
        let next = operation["note"] == "Decided by 0.2.";
        let version = if next { "roster@0.2.0" } else { "roster@0.1.0" };
        assert_eq!(operation["version"], version, "{operation}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_connector_is_refused_and_changes_nothing() {
    let muster = Muster::start().await;
    let before = muster.admin("GET", "/connectors", None).await.body;
    let Answer { status, body: refused, .. } = muster.push(b"not wasm at all".to_vec()).await;
    assert_eq!(status, 422);
    assert!(!refused["detail"].as_str().unwrap().is_empty());
    let status = muster.push(guest("misbehaving")[..2000].to_vec()).await.status;
    assert_eq!(status, 422);
    assert_eq!(muster.admin("GET", "/connectors", None).await.body, before);
    let unknown = json!({ "connector": "roster@9.9.9" });
    muster.admin("POST", "/apps/roster/promote", Some(unknown)).await.expect(404);
}

#[tokio::test]
async fn another_file_with_the_same_version_is_refused() {
    let muster = Muster::start().await;
    muster.push(guest("roster-next")).await.expect(201);
    // A custom section at the end makes it another file with the same manifest.
    let mut other = guest("roster-next");
    other.extend([0, 2, 1, b'x']);
    let Answer { status, body: refused, .. } = muster.push(other).await;
    assert_eq!(status, 409, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("new version"));
}
