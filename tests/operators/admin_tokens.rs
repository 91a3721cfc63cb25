//! Admin tokens: their roles and their end, and the file `admin.token`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use muster::clock::Clock;
use serde_json::{Value, json};

use crate::support::test_host::{HostProcess, TestHost};
use crate::support::{Answer, Muster, client};

async fn token(muster: &Muster, spec: Value) -> (String, String) {
    let new = muster.admin("POST", "/tokens", Some(spec)).await.expect(201).body;
    (new["id"].as_str().unwrap().to_owned(), new["token"].as_str().unwrap().to_owned())
}

async fn with(muster: &Muster, token: &str, method: &str, path: &str) -> Answer {
    let url = format!("{}/admin/v1{path}", muster.stage.url);
    muster.send(method, &url, token, None).await
}

#[tokio::test]
async fn each_operation_of_the_admin_api_needs_its_role() {
    let muster = Muster::start().await;
    let mut tokens = Vec::new();
    for role in ["read", "operate", "configure"] {
        tokens.push((role, token(&muster, json!({ "name": role, "role": role })).await.1));
    }
    let url = format!("{}/admin/v1/openapi.json", muster.stage.url);
    let reference = client().get(url).send().await.unwrap().text().await.unwrap();
    let reference: Value = serde_json::from_str(&reference).unwrap();
    for (path, item) in reference["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let needed = &operation["security"][0]["admin_token"][0];
            let Some(needed) = needed.as_str() else {
                assert_eq!(operation["operationId"], "show_reference");
                continue;
            };
            assert_eq!(method == "get", needed == "read", "{method} {path}");
            let needed_at = tokens.iter().position(|(role, _)| *role == needed).unwrap();
            for (at, (role, token)) in tokens.iter().enumerate() {
                // There is nothing of the name that is left in the path.
                let answer = with(&muster, token, &method.to_uppercase(), path).await;
                assert_eq!(
                    answer.status == 403,
                    at < needed_at,
                    "{role} {method} {path}: {answer:?}"
                );
                if at < needed_at {
                    let said = answer.body["detail"].as_str().unwrap();
                    let wanted = format!(
                        "this needs an admin token with the role {needed}; {role} has {role}"
                    );
                    assert_eq!(said, wanted);
                }
            }
        }
    }
    let audit = muster.admin("GET", "/audit", None).await.body;
    let audit = audit["items"].as_array().unwrap().iter();
    assert!(audit.clone().count() >= 3 && audit.clone().all(|row| row["kind"] == "admin-token"));
}

#[tokio::test]
async fn the_roles_are_those_that_operators_need() {
    let muster = Muster::start().await;
    let (_, operate) = token(&muster, json!({ "name": "on call", "role": "operate" })).await;
    for path in [
        "/operations/x/retry",
        "/operations/x/drop",
        "/jobs/x/cancel",
        "/tenants/x/pause",
        "/tenants/x/connect",
        "/tenants/x/people/y/protect",
    ] {
        assert_eq!(with(&muster, &operate, "POST", path).await.status, 404, "{path}");
    }
    for (method, path) in [
        ("POST", "/apps"),
        ("DELETE", "/apps/x"),
        ("POST", "/tenants"),
        ("POST", "/tenants/x/tokens"),
        ("POST", "/connectors"),
        ("POST", "/apps/x/promote"),
        ("POST", "/tokens"),
        ("DELETE", "/tokens/x"),
    ] {
        assert_eq!(with(&muster, &operate, method, path).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn admin_tokens_are_created_listed_and_revoked_by_the_command_line() {
    let muster = Muster::start().await;
    let add = [
        "token",
        "add",
        "--admin",
        "--name",
        "deploy",
        "--role",
        "operate",
        "--expires",
        "90d",
        "--json",
    ];
    let (status, said) = muster.command(&add).await;
    assert_eq!(status, Some(0), "{said}");
    let new: Value = serde_json::from_str(&said).unwrap();
    let (id, text) = (new["id"].as_str().unwrap(), new["token"].as_str().unwrap());
    let ends: jiff::Timestamp = new["expires"].as_str().unwrap().parse().unwrap();
    let days = ends.duration_since(Clock::system().now()).as_hours() / 24;
    assert!((89..=90).contains(&days), "{ends}");
    assert_eq!(with(&muster, text, "GET", "/apps").await.status, 200);
    let (_, listed) = muster.command(&["token", "list", "--admin"]).await;
    let line =
        listed.lines().find(|line| line.contains("deploy")).unwrap_or_else(|| panic!("{listed}"));
    let used = &Clock::system().now().to_string()[..10];
    assert!(line.contains("operate") && line.ends_with('Z') && line.contains(used), "{listed}");
    assert!(!listed.contains(text), "{listed}");
    let (status, said) = muster.command(&["token", "revoke", "--admin", id]).await;
    assert!(status == Some(0) && said.contains("is revoked"), "{said}");
    assert_eq!(with(&muster, text, "GET", "/apps").await.status, 401);

    for (args, why) in [
        (&["token", "add", "--admin", "--name", "x"][..], "--role"),
        (&["token", "add", "acme", "--role", "read"], "--admin"),
        (&["token", "revoke", "--admin", "none"], "there is no admin token none"),
        (
            &["token", "add", "--admin", "--role", "read", "--name", "admin.token"],
            "use another one",
        ),
        (&["token", "add", "--admin", "--role", "read", "--name", ""], "1 to 63 characters"),
    ] {
        let (status, said) = muster.command(args).await;
        assert!(status != Some(0) && said.contains(why), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn the_last_token_that_may_configure_is_not_revoked() {
    let muster = Muster::start().await;
    let all = muster.admin("GET", "/tokens", None).await.body["items"].clone();
    let [only] = &all.as_array().unwrap()[..] else { panic!("{all}") };
    let path = format!("/tokens/{}", only["id"].as_str().unwrap());
    token(&muster, json!({ "name": "a", "role": "operate" })).await;
    let ends = json!({ "name": "b", "role": "configure", "expires": "9000-01-01T00:00:00Z" });
    token(&muster, ends).await;
    let refused = muster.admin("DELETE", &path, None).await.expect(409);
    assert!(refused.body["detail"].as_str().unwrap().contains("make another one first"));
    token(&muster, json!({ "name": "c", "role": "configure" })).await;
    muster.admin("DELETE", &path, None).await.expect(204);
    muster.admin("GET", "/tokens", None).await.expect(401);
}

async fn status(host: &HostProcess, token: &str) -> u16 {
    let request = client().get(format!("{}/admin/v1/apps", host.url)).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_start_without_the_file_of_the_admin_token_ends_the_token_that_was_in_it() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    let file = test_host.data.path().join("admin.token");
    let host = test_host.spawn(None);
    let first = test_host.admin_token();
    let named = json!({ "name": "deploy", "role": "read" });
    let named = test_host.admin(&host, "POST", "/tokens", named).await;
    drop(host);

    // A start with the file changes nothing.
    let host = test_host.spawn(None);
    assert_eq!((test_host.admin_token(), status(&host, &first).await), (first.clone(), 200));
    drop(host);

    fs::remove_file(&file).unwrap();
    let host = test_host.spawn(None);
    let second = test_host.admin_token();
    assert_eq!((status(&host, &first).await, status(&host, &second).await), (401, 200));
    assert_eq!(
        status(&host, named["token"].as_str().unwrap()).await,
        200,
        "it is not the host's own"
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    drop(host);

    // A token that is not valid, such as that of another database, is replaced in the same way.
    fs::write(&file, &first).unwrap();
    let host = test_host.spawn(None);
    let third = test_host.admin_token();
    assert_eq!((status(&host, &second).await, status(&host, &third).await), (401, 200));
    let audit = test_host.admin(&host, "GET", "/audit?by=muster%20serve", Value::Null).await;
    let kinds =
        audit["items"].as_array().unwrap().iter().map(|row| (&row["kind"], row["after"].is_null()));
    let token = json!("admin-token");
    let (made, ended) = ((&token, false), (&token, true));
    assert_eq!(kinds.collect::<Vec<_>>(), [ended, made, ended, made, made]);
}
