//! What the owner of a host allows endpoints to use, in `muster.toml`: variables, files and private addresses.

use std::fs;

use serde_json::{Value, json};

use crate::support::test_host::TestHost;
use crate::support::user;

async fn refusal(test_host: &TestHost, endpoint: &Value) -> String {
    let host = test_host.spawn(None);
    // An app that is there and cannot be served keeps nothing else from being served.
    assert_eq!(test_host.people(&host).await, 0);
    let change = json!({ "set_endpoints": { "app": endpoint } });
    let answer = test_host.try_admin(&host, "PATCH", "/apps/crm", change).await;
    let (status, body) = answer.unwrap();
    assert_eq!(status, 422, "{body}");
    body["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_app_whose_secret_or_address_is_not_allowed_any_more_keeps_no_host_from_starting() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    let secrets = test_host.data.path().join("elsewhere");
    fs::create_dir(&secrets).unwrap();
    fs::write(secrets.join("crm"), "app").unwrap();
    let base_url = test_host.sample.base_url();
    for (allowed, endpoint, setting) in [
        (
            "secret_variables = [\"HOME\"]",
            json!({ "base_url": "https://app.example", "auth": { "bearer": { "env": "HOME" } } }),
            "secret_variables in muster.toml does not allow; it allows MUSTER_SECRET_*",
        ),
        (
            "secret_files = [\"elsewhere\"]",
            json!({
                "base_url": "https://app.example",
                "auth": { "bearer": { "file": "elsewhere/crm" } },
            }),
            "in no folder that secret_files in muster.toml allows; it allows secrets",
        ),
    ] {
        test_host.configure(allowed);
        let host = test_host.spawn(None);
        let app = json!({
            "name": "crm", "connector": "two-state", "endpoints": { "app": endpoint },
        });
        test_host.admin(&host, "POST", "/apps", app).await;
        drop(host);
        test_host.configure("");
        let said = refusal(&test_host, &endpoint).await;
        assert!(said.contains(setting), "{said}");
        let host = test_host.spawn(None);
        test_host.admin(&host, "DELETE", "/apps/crm", Value::Null).await;
    }

    let host = test_host.spawn(None);
    let endpoint = json!({ "base_url": base_url, "private_addresses": true });
    let app = json!({ "name": "crm", "connector": "two-state", "endpoints": { "app": endpoint } });
    test_host.admin(&host, "POST", "/apps", app).await;
    let tenant = json!({ "id": "acme", "app": "crm", "settings": { "organization": "acme" } });
    test_host.admin(&host, "POST", "/tenants", tenant).await;
    drop(host);
    let config = test_host.data.path().join("muster.toml");
    for (allowed, why) in [
        ("", "name them in private_addresses in its muster.toml"),
        ("private_addresses = [\"10.0.0.0/8\"]", "not among private_addresses in muster.toml"),
    ] {
        fs::write(&config, allowed).unwrap();
        let said = refusal(&test_host, &endpoint).await;
        assert!(said.contains(why), "{said}");
    }
    let host = test_host.spawn(None);
    let (status, _) = test_host.scim(&host, "POST", "/Users", user("ada")).await.unwrap();
    assert_eq!(status, 201, "the other app is served");
}
