//! Authentication: tokens of tenants and of the admin API, and what a caller without a valid token
//! learns.

mod strangers;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use muster::cli::local_environment::{LocalEnvironment, LocalEnvironmentConfig};
use muster::clock::{Clock, rfc3339};
use muster::store::Store;
use serde_json::{Value, json};

use crate::support::{Muster, Tenant, client, compiled, data_directory};

async fn status_with(muster: &Muster, tenant: &Tenant, authorization: Option<&str>) -> u16 {
    let mut request = client().get(format!("{}/Users", tenant.base_url));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let status = request.send().await.unwrap().status().as_u16();
    assert!(!muster.stage.url.is_empty());
    status
}

#[tokio::test]
async fn a_token_is_accepted_with_and_without_the_bearer_scheme() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let token = tenant.token.clone();
    assert_eq!(status_with(&muster, &tenant, Some(&format!("Bearer {token}"))).await, 200);
    assert_eq!(status_with(&muster, &tenant, Some(&token)).await, 200);
    assert_eq!(status_with(&muster, &tenant, Some("non-token")).await, 401);
    assert_eq!(status_with(&muster, &tenant, None).await, 401);
    let cut = &token[..token.len() - 1];
    assert_eq!(status_with(&muster, &tenant, Some(&format!("Bearer {cut}"))).await, 401);
}

#[tokio::test]
async fn basic_authentication_needs_user_and_password() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}/tokens", tenant.name);
    let token = muster.admin("POST", &path, Some(json!({ "user": "okta" }))).await.expect(201);
    let password = token.body["token"].as_str().unwrap();
    let basic =
        |user: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    assert_eq!(status_with(&muster, &tenant, Some(&basic("okta"))).await, 200);
    assert_eq!(status_with(&muster, &tenant, Some(&basic("other"))).await, 401);
    assert_eq!(status_with(&muster, &tenant, Some(&format!("Bearer {password}"))).await, 401);
}

#[tokio::test]
async fn a_tenant_has_two_live_tokens_at_most_and_a_revoked_one_is_rejected() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}/tokens", tenant.name);
    let second = muster.admin("POST", &path, Some(json!({}))).await.expect(201);
    let refused = muster.admin("POST", &path, Some(json!({}))).await.expect(409);
    assert!(refused.body["detail"].as_str().unwrap().contains("revoke one first"));

    let token = second.body["token"].as_str().unwrap().to_owned();
    assert_eq!(status_with(&muster, &tenant, Some(&token)).await, 200);
    let id = second.body["id"].as_str().unwrap();
    muster.admin("DELETE", &format!("{path}/{id}"), None).await;
    assert_eq!(status_with(&muster, &tenant, Some(&token)).await, 401);
    assert_eq!(status_with(&muster, &tenant, Some(&tenant.token)).await, 200);
}

#[tokio::test]
async fn operators_see_when_a_token_was_last_used() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}/tokens", tenant.name);
    let last_used = async || muster.admin("GET", &path, None).await.body["items"][0].clone();
    assert_eq!(last_used().await["last_used"], Value::Null);
    let cut = &tenant.token[..tenant.token.len() - 1];
    assert_eq!(status_with(&muster, &tenant, Some(cut)).await, 401);
    assert_eq!(
        last_used().await["last_used"],
        Value::Null,
        "a wrong token does not count as a use"
    );
    let before = Clock::system().now();
    assert_eq!(status_with(&muster, &tenant, Some(&tenant.token)).await, 200);
    let used = last_used().await["last_used"].as_str().unwrap().to_owned();
    // Uses are recorded with a resolution of one second.
    assert!(used[..19] >= rfc3339(before)[..19], "{used}");
    // Adding a token reloads the configuration, which keeps the last use.
    muster.admin("POST", &path, Some(json!({}))).await.expect(201);
    assert!(last_used().await["last_used"].as_str().unwrap() >= used.as_str());
}

#[tokio::test]
async fn the_last_use_of_a_token_survives_a_restart() {
    let data = data_directory();
    let stage = LocalEnvironment::start(LocalEnvironmentConfig {
        data: Some(data.path().to_owned()),
        compiler: env!("CARGO_BIN_EXE_muster").into(),
        compiled: Some(compiled()),
        ..LocalEnvironmentConfig::default()
    });
    let stage = stage.await.unwrap();
    let token = stage.tenant("acme", "roster", "okta", "acme").await.unwrap();
    let users = format!("{}/Users", token.base_url);
    let request = client().get(users).bearer_auth(token.token);
    assert_eq!(request.send().await.unwrap().status(), 200);
    stage.stop().await.unwrap();
    let store = Store::open(&data.path().join("muster.db"), Clock::system()).await.unwrap();
    let stored = store.credentials().await.unwrap();
    assert!(stored.iter().find(|row| row.id == token.id).unwrap().last_used.is_some());
}

#[tokio::test]
async fn an_expired_token_is_rejected() {
    let clock = Clock::adjustable();
    let config = LocalEnvironmentConfig { clock: clock.clone(), ..Default::default() };
    let muster = Muster::start_with(config).await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}/tokens", tenant.name);
    let hour = std::time::Duration::from_secs(3600);
    let spec = json!({ "expires": clock.now().saturating_add(hour).unwrap().to_string() });
    let token = muster.admin("POST", &path, Some(spec)).await.expect(201);
    let token = token.body["token"].as_str().unwrap();
    assert_eq!(status_with(&muster, &tenant, Some(token)).await, 200);
    clock.set_ahead(2 * hour);
    assert_eq!(status_with(&muster, &tenant, Some(token)).await, 401);
}

#[tokio::test]
async fn an_expired_token_is_listed_as_such() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}/tokens", tenant.name);
    let soon = Clock::system().now() + jiff::SignedDuration::from_millis(1500);
    let spec = json!({ "expires": soon.to_string() });
    muster.admin("POST", &path, Some(spec)).await.expect(201);
    let list = async || muster.command(&["token", "list", &tenant.name]).await.1;
    let mut listed = list().await;
    while !listed.contains("(expired)") && Clock::system().now() < soon {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        listed = list().await;
    }
    let listed = list().await;
    assert_eq!(listed.matches("(expired)").count(), 1, "{listed}");
    assert!(listed.lines().all(|line| line.trim_end() == line), "{listed:?}");
}

#[tokio::test]
async fn a_token_that_would_end_before_now_is_not_created() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}/tokens", tenant.name);
    for (expires, why) in [
        ("2001-01-01T00:00:00Z", "the time is past"),
        ("-000001-01-01T00:00:00Z", "the time is past"),
        ("9999-12-31T00:00:00Z", "before 9999-12-31"),
        ("10000-01-01T00:00:00Z", "RFC 3339"),
        ("tomorrow", "RFC 3339"),
    ] {
        let refused = muster.admin("POST", &path, Some(json!({ "expires": expires }))).await;
        let refused = refused.expect(422);
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(why) && detail.contains("until it is revoked"), "{detail}");
        let args = ["token", "add", &tenant.name, "--expires", expires];
        let (status, said) = muster.command(&args).await;
        // An option's value that begins with a hyphen is not read as one.
        assert!(status != Some(0) && (said.contains(why) || expires.starts_with('-')), "{said}");
    }
    let last = json!({ "expires": "9999-12-30T00:00:00Z" });
    let token = muster.admin("POST", &path, Some(last)).await.expect(201);
    let token = token.body["token"].as_str().unwrap();
    assert_eq!(status_with(&muster, &tenant, Some(token)).await, 200);
}

#[tokio::test]
async fn a_tenant_accepts_no_token_and_no_id_of_another_tenant() {
    let muster = Muster::start().await;
    let ours = muster.tenant("roster").await;
    let theirs = muster.tenant("roster").await;
    let id = muster.person(&theirs, "eve").await;
    assert_eq!(status_with(&muster, &ours, Some(&theirs.token)).await, 401);
    let foreign = muster.get(&ours, &format!("/Users/{id}")).await.expect(404).body;
    let unknown = muster.get(&ours, "/Users/00919288221112222").await.expect(404).body;
    assert_eq!(
        foreign["detail"].as_str().unwrap().replace(&id, "x"),
        unknown["detail"].as_str().unwrap().replace("00919288221112222", "x")
    );
    // The same name in another tenant is not a conflict, so it reveals nothing.
    muster.person(&ours, "eve").await;
}

#[tokio::test]
async fn an_unknown_tenant_is_answered_like_a_wrong_token() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let unknown =
        Tenant { base_url: tenant.base_url.replace(&tenant.name, "unknown"), ..tenant.clone() };
    let unknown = muster.get(&unknown, "/Users").await.expect(401);
    let wrong = Tenant { token: "wrong".to_owned(), ..tenant };
    let wrong = muster.get(&wrong, "/Users").await.expect(401);
    assert_eq!(unknown.body, wrong.body);
    assert_eq!(unknown.headers["www-authenticate"], "Bearer, Basic");
}

#[tokio::test]
async fn the_admin_api_rejects_tokens_of_tenants() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let url = format!("{}/admin/v1/tenants", muster.stage.url);
    muster.send("GET", &url, &tenant.token, None).await.expect(401);
    muster.admin("GET", "/tenants", None).await.expect(200);
}
