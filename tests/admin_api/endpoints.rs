//! How the endpoints of an app are shown, and what is said of credentials without TLS.

use serde_json::{Value, json};

use crate::support::Muster;

fn app(base_url: &str) -> Value {
    json!({
        "name": "crm",
        "connector": "two-state",
        "settings": { "organization": "acme" },
        "endpoints": { "app": {
            "base_url": base_url,
            "auth": { "bearer": { "value": "hunter2" } },
            "headers": { "x-api-key": "hunter3" },
        }},
    })
}

#[tokio::test]
async fn values_of_headers_are_shown_as_secrets_are_and_kept_if_they_are_sent_again() {
    let muster = Muster::start().await;
    let made = muster.admin("POST", "/apps", Some(app("https://a.example"))).await.expect(201).body;
    assert_eq!(made["endpoints"]["app"]["headers"], json!({ "x-api-key": "…" }));
    let (_, shown) = muster.command(&["app", "show", "crm", "--json"]).await;
    assert!(!shown.contains("hunter"), "{shown}");

    let stored = async || {
        let app = muster.stage.host.store.app("crm").await.unwrap().unwrap();
        serde_json::from_str::<Value>(&app.endpoints).unwrap()["app"].clone()
    };
    let before = stored().await;
    let mut endpoints = made["endpoints"].clone();
    endpoints["app"]["timeout"] = json!("20s");
    let change = json!({ "endpoints": endpoints });
    let changed = muster.admin("PATCH", "/apps/crm", Some(change)).await.expect(200).body;
    assert_eq!(changed["endpoints"], endpoints);
    let after = stored().await;
    assert_eq!((&after["auth"], &after["headers"]), (&before["auth"], &before["headers"]));
    assert!(after["auth"]["bearer"]["sealed"].is_string(), "{after}");
    assert_eq!(
        (&after["headers"]["x-api-key"], &after["timeout"]),
        (&json!("hunter3"), &json!("20s"))
    );

    for (name, value) in [("auth", Value::Null), ("headers", json!({}))] {
        let mut elsewhere = endpoints.clone();
        elsewhere["app"]["base_url"] = json!("https://b.example");
        elsewhere["app"][name] = value;
        let change = json!({ "endpoints": elsewhere });
        let refused = muster.admin("PATCH", "/apps/crm", Some(change)).await.expect(422);
        assert!(
            refused.body["detail"].as_str().unwrap().contains("stands for"),
            "{}",
            refused.body
        );
    }
}

#[tokio::test]
async fn operators_are_warned_of_credentials_without_tls() {
    let muster = Muster::start().await;
    let made = muster.admin("POST", "/apps", Some(app("http://a.example"))).await.expect(201).body;
    assert!(made["warnings"][0].as_str().unwrap().contains("http://"), "{made}");
    let (_, shown) = muster.command(&["app", "show", "crm"]).await;
    assert!(shown.contains("readable"), "{shown}");
    let mut endpoints = made["endpoints"].clone();
    endpoints["app"] = json!({ "base_url": "https://a.example" });
    let change = json!({ "endpoints": endpoints });
    let changed = muster.admin("PATCH", "/apps/crm", Some(change)).await.expect(200).body;
    assert!(changed["warnings"].is_null(), "{changed}");
}
