//! What leaves the sandbox: requests that are too large, or that cannot be sent, harm only the tenant
//! and the connector that make them; and no connector learns a secret by the headers that it sets, or by
//! the places where it puts a password.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use muster::sample::Fault;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::false_manifests::with_manifest;
use crate::support::{Answer, Muster, Tenant, user};

/// The manifest of a connector that does what its settings say.
fn manifest(name: &str) -> Value {
    json!({
        "name": name,
        "version": "1.0.0",
        "description": "Does as it is told.",
        "membership": "three-state",
        "lifecycle": { "create": { "membership": "active", "text": "Joins." } },
        "settings": { "type": "object" },
        "endpoints": [{ "name": "app", "description": "The app." }],
        "features": { "password": true },
    })
}

/// An app that answers each call with the headers and the body that it got, and remembers both.
#[derive(Clone, Default)]
struct EchoingApp(Arc<Mutex<Vec<String>>>);

impl EchoingApp {
    /// Starts the app. Returns the configuration of its endpoint.
    async fn serve(&self) -> Value {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = self.clone();
        let echo = move |headers: HeaderMap, body: Bytes| async move {
            let told = format!("{headers:?} {}", String::from_utf8_lossy(&body));
            app.0.lock().unwrap().push(told.clone());
            told
        };
        tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(echo)).await.unwrap();
        });
        let auth = json!({ "bearer": { "value": "s3cret/Token" } });
        json!({ "base_url": url, "auth": auth, "private_addresses": true })
    }

    /// What it was told since the last time.
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A tenant of a new app of this connector, with these settings and this endpoint.
async fn tenant_of(
    muster: &Muster,
    name: &str,
    connector: &str,
    to_do: String,
    endpoint: &Value,
) -> Tenant {
    let app = json!({
        "name": name, "connector": connector, "settings": { "do": to_do },
        "endpoints": { "app": endpoint },
    });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    muster.plain_tenant(name, name).await
}

/// A tenant of an app whose connector does what it is told, and calls the sample app.
async fn told(muster: &Muster, app: &str, to_do: &str) -> Tenant {
    muster.push(with_manifest(&manifest("told"))).await;
    let settings = serde_json::from_value(json!({ "do": to_do })).unwrap();
    muster.stage.app_with(app, "told", settings, ["app"]).await.unwrap();
    muster.plain_tenant(app, app).await
}

/// The newest operation of a tenant, as operators see it.
async fn newest(muster: &Muster, tenant: &Tenant) -> Value {
    let path = format!("/operations?tenant={}&limit=1", tenant.name);
    muster.admin("GET", &path, None).await.expect(200).body["items"][0].clone()
}

async fn create(muster: &Muster, tenant: &Tenant, name: &str) -> Answer {
    muster.post(tenant, "/Users", user(name)).await
}

#[tokio::test]
async fn a_request_of_too_many_parts_fails_its_operation_with_the_limit_and_affects_no_other_tenant()
 {
    let muster = Muster::start().await;
    let other = muster.tenant("two-state").await;
    for (to_do, limit) in [
        ("headers 24573", "its request has 24573 headers; the limit is 64"),
        ("pairs 30000", "its request's query has 30000 pairs; the limit is 256"),
        ("long-query 70000", "bytes; the limit is 8192"),
    ] {
        let tenant = told(&muster, to_do.split(' ').next().unwrap(), to_do).await;
        let refused = create(&muster, &tenant, "ada").await.expect(500).body;
        assert!(refused["detail"].as_str().unwrap().contains("connector failed"), "{refused}");
        let operation = newest(&muster, &tenant).await;
        assert!(operation["note"].as_str().unwrap().contains(limit), "{operation}");
        assert!(muster.app_calls(&tenant).await.is_empty(), "{to_do}");
        muster.person(&other, &format!("ada-{}", tenant.name)).await;
    }
}

#[tokio::test]
async fn a_tenant_whose_settings_make_bad_urls_stops_no_other_tenant_of_the_app() {
    let muster = Muster::start().await;
    let (bad, good) = (muster.tenant("two-state").await, muster.tenant("two-state").await);
    let settings = json!({ "organization": "bad", "fields": { "email": "x".repeat(70_000) } });
    let path = format!("/tenants/{}", bad.name);
    muster.admin("PATCH", &path, Some(json!({ "settings": settings }))).await.expect(200);
    for n in 0..5 {
        create(&muster, &bad, &format!("ada-{n}")).await.expect(500);
    }
    assert!(muster.app_calls(&bad).await.is_empty());
    create(&muster, &good, "bob").await.expect(201);
}

#[tokio::test]
async fn a_tenant_whose_calls_get_no_answer_stops_no_other_tenant_of_the_app() {
    let muster = Muster::start().await;
    let (cut, good) = (muster.tenant("three-state").await, muster.tenant("three-state").await);
    for method in ["GET", "POST"] {
        let calls = format!("{method} /organizations/{}/", cut.organization);
        muster.stage.sample.fail(Fault { times: 10_000, ..Fault::cut(&calls) });
    }
    let people = ["ada", "bob"].map(|name| create(&muster, &cut, name));
    for unanswered in futures_util::future::join_all(people).await {
        unanswered.expect(429);
    }
    create(&muster, &cut, "cid").await.expect(429);
    let note = newest(&muster, &cut).await["note"].clone();
    let address = &muster.stage.app_url;
    let said = format!("was not sent: the calls before it to {address}");
    assert!(note.as_str().unwrap().contains(&said), "{note}");
    create(&muster, &good, "dan").await.expect(201);
    muster.stage.sample.heal();
    // A request that is repeated tries its operation at once.
    for name in ["ada", "bob", "cid"] {
        while create(&muster, &cut, name).await.status == 429 {
            sleep(Duration::from_millis(100)).await;
        }
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_header_that_shows_secrets_in_part_or_rewrites_the_request_is_refused_before_it_leaves() {
    let (muster, app) = (Muster::start().await, EchoingApp::default());
    let mut endpoint = app.serve().await;
    endpoint["connector_headers"] = json!(["X-Request-Source"]);
    muster.push(with_manifest(&manifest("told"))).await.expect(201);
    for header in [
        "range",
        "accept-encoding",
        "accept-charset",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "forwarded",
        "x-forwarded-for",
        "via",
        "te",
        "upgrade",
        "authorization",
        "x-tenant",
    ] {
        let tenant = tenant_of(&muster, header, "told", format!("header {header}"), &endpoint);
        let tenant = tenant.await;
        create(&muster, &tenant, "ada").await.expect(500);
        let note = newest(&muster, &tenant).await["note"].to_string();
        assert!(note.contains(&format!("the request header \\\"{header}\\\"")), "{note}");
    }
    assert_eq!(app.told(), Vec::<String>::new());
    for header in ["accept", "if-match", "prefer", "user-agent", "x-request-source"] {
        let name = format!("allowed-{header}");
        let tenant = tenant_of(&muster, &name, "told", format!("header {header}"), &endpoint);
        create(&muster, &tenant.await, "ada").await.expect(201);
        assert!(app.told()[0].contains(header), "{header}");
    }
}

#[tokio::test]
async fn a_password_outside_of_its_fields_is_refused_before_the_call_leaves() {
    let (muster, app) = (Muster::start().await, EchoingApp::default());
    let endpoint = app.serve().await;
    muster.push(with_manifest(&manifest("told"))).await.expect(201);
    for place in [
        "member",
        "listed",
        "part",
        "name",
        "twice",
        "path",
        "query",
        "header",
        "text",
        "form-member",
        "note",
        "id",
        "data",
        "refusal",
        "log",
    ] {
        let tenant = tenant_of(&muster, place, "told", format!("password {place}"), &endpoint);
        let tenant = tenant.await;
        let refused = create(&muster, &tenant, "ada").await.expect(500).body;
        assert!(!refused.to_string().contains("muster-password"), "{place}: {refused}");
        let note = newest(&muster, &tenant).await["note"].to_string();
        assert!(note.contains("the placeholder for a password"), "{place}: {note}");
    }
    assert_eq!(app.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_password_reaches_the_app_in_the_fields_that_the_manifest_lists_and_is_kept_nowhere() {
    let (muster, app) = (Muster::start().await, EchoingApp::default());
    let endpoint = app.serve().await;
    let mut listing = manifest("listing");
    let fields = json!({ "endpoint": "app", "method": "POST", "fields": ["/user/secret"] });
    listing["passwords"] = json!([fields]);
    for manifest in [&listing, &manifest("told")] {
        muster.push(with_manifest(manifest)).await.expect(201);
    }
    for (connector, place) in [("told", "field"), ("told", "form"), ("listing", "listed")] {
        let name = format!("{connector}-{place}");
        let tenant = tenant_of(&muster, &name, connector, format!("password {place}"), &endpoint);
        let tenant = tenant.await;
        create(&muster, &tenant, "ada").await.expect(201);
        let told = app.told();
        assert!(told[0].contains("1mz050nq"), "{place}: {told:?}");
        let id = newest(&muster, &tenant).await["id"].as_str().unwrap().to_owned();
        let explained = muster.admin("GET", &format!("/operations/{id}"), None).await.body;
        let explained = explained.to_string();
        assert!(explained.contains("muster-password-"), "{explained}");
        assert!(!explained.contains("1mz050nq") && !explained.contains("s3cret"), "{explained}");
    }
    let tenant =
        tenant_of(&muster, "unlisted", "listing", "password field".to_owned(), &endpoint).await;
    create(&muster, &tenant, "ada").await.expect(500);
    assert_eq!(app.told(), Vec::<String>::new());
    muster.settled().await;
    assert!(!muster.is_on_disk("1mz050nq"));
}
