//! A host killed with `kill -9` while the rows of a removed tenant are deleted.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::test_host::{HostProcess, TestHost};

const TENANT: &str = "/tenants/people";

/// Asks the host to disconnect the tenant and waits until it has.
async fn disconnect(test_host: &TestHost, host: &HostProcess) {
    let request = json!({ "people": "release" });
    test_host.admin(host, "POST", &format!("{TENANT}/disconnect"), request).await;
    for _ in 0..400 {
        let tenant = test_host.admin(host, "GET", TENANT, Value::Null).await;
        if tenant["state"] == "disconnected" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the tenant is not disconnected");
}

#[tokio::test]
async fn a_tenant_that_was_being_removed_is_gone_after_a_restart_and_its_name_is_free_in_time() {
    // The second passage is after a first step.
    for passage in ["tenant-rows:1", "tenant-rows:2"] {
        let test_host = TestHost::with_roster().await;
        let host = test_host.spawn(None);
        for name in ["ada", "bob"] {
            let user = crate::support::user(name);
            let (status, created) = test_host.scim(&host, "POST", "/Users", user).await.unwrap();
            assert_eq!(status, 201, "{created}");
        }
        disconnect(&test_host, &host).await;
        drop(host);

        let mut dying = test_host.spawn(Some(passage));
        assert!(test_host.try_admin(&dying, "DELETE", TENANT, Value::Null).await.is_none());
        dying.child.wait().unwrap();
        let host = test_host.spawn(None);
        let (status, _) = test_host.try_admin(&host, "GET", TENANT, Value::Null).await.unwrap();
        assert_eq!(status, 404);
        let operations = "/operations?tenant=people&kind=create";
        let kept = test_host.admin(&host, "GET", operations, Value::Null).await;
        assert_eq!(kept["items"].as_array().unwrap().len(), 2);

        let spec = json!({ "id": "people", "app": "people" });
        let mut status = 409;
        for _ in 0..200 {
            let created = test_host.try_admin(&host, "POST", "/tenants", spec.clone()).await;
            status = created.unwrap().0;
            if status != 409 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(status, 201, "{passage}");
        let tenant = test_host.admin(&host, "GET", TENANT, Value::Null).await;
        assert_eq!(tenant["backlog"]["open"], 0);
    }
}
