//! The audit log: each change by an operator leaves a row, in its transaction, without secrets and for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::sample::Fault;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::test_host::TestHost;
use crate::support::{Answer, Muster, client};

/// A replay reads the journal and changes nothing.
const CHANGES_NOTHING: [&str; 1] = ["replay"];

async fn rows(muster: &Muster, query: &str) -> Vec<Value> {
    let page = muster.admin("GET", &format!("/audit?limit=1000{query}"), None).await.expect(200);
    page.body["items"].as_array().unwrap().clone()
}

/// Sends requests, each an operation of the reference, and asserts that it leaves rows in the audit log.
struct Operator<'a> {
    muster: &'a Muster,
    reference: Value,
    done: BTreeSet<String>,
}

impl Operator<'_> {
    /// The method and the route of an operation.
    fn route(&self, id: &str) -> (String, String) {
        let paths = self.reference["paths"].as_object().unwrap();
        let routes = paths.iter().flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, it)| (method, path, it))
        });
        let mut found = routes.filter(|(_, _, it)| it["operationId"] == id);
        let (method, path, _) = found.next().unwrap_or_else(|| panic!("no operation {id}"));
        (method.to_uppercase(), path.clone())
    }

    async fn does(&mut self, id: &str, values: &[&str], body: Value) -> Answer {
        let (method, route) = self.route(id);
        let mut values = values.iter();
        let parts = route.split('/').map(|part| match part.starts_with('{') {
            true => values.next().unwrap(),
            false => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        let body = (!body.is_null()).then_some(body);
        let answer = self.muster.admin(&method, &path, body).await;
        self.has_left_rows(id, answer).await
    }

    async fn has_left_rows(&mut self, id: &str, answer: Answer) -> Answer {
        assert!(answer.status < 300, "{id}: {answer:?}");
        let (method, route) = self.route(id);
        let request = answer.headers["x-request-id"].to_str().unwrap();
        let all = rows(self.muster, "").await;
        let left: Vec<&Value> = all.iter().filter(|row| row["request"] == request).collect();
        assert!(!left.is_empty(), "{id} left no row");
        for row in left {
            assert_eq!(row["action"], format!("{method} {route}"), "{row}");
            assert_eq!(row["by"], "local environment", "{row}");
            assert!(row["token"].is_string() && row["before"] != row["after"], "{row}");
        }
        self.done.insert(id.to_owned());
        answer
    }
}

async fn reference(muster: &Muster) -> Value {
    let url = format!("{}/admin/v1/openapi.json", muster.stage.url);
    let text = client().get(url).send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The ids of all operations that are not read-only.
fn changes(reference: &Value) -> BTreeSet<String> {
    let items = reference["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap());
    let changes = operations.filter(|(method, _)| *method != "get");
    changes.map(|(_, it)| it["operationId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_change_of_the_admin_api_leaves_a_row_in_the_audit_log() {
    let muster = Muster::start_with(LocalEnvironmentConfig {
        job_pause: Duration::from_millis(20),
        answer_within: Duration::from_secs(2),
        ..LocalEnvironmentConfig::default()
    });
    let muster = muster.await;
    let reference = reference(&muster).await;
    let mut operator = Operator { muster: &muster, reference, done: BTreeSet::new() };
    let it = &mut operator;
    let null = Value::Null;

    it.does("create_app", &[], json!({ "name": "crm", "connector": "roster@0.1.0" })).await;
    it.does("set_app", &["crm"], json!({ "reply": "when-recorded" })).await;
    let pushed = muster.push(guest("roster-next")).await;
    it.has_left_rows("push_connector", pushed).await;
    let next = json!({ "connector": "roster@0.2.0", "accept": true });
    it.does("promote", &["crm"], next).await;
    it.does("roll_back", &["crm"], json!({})).await;
    it.does("remove_app", &["two-state"], null.clone()).await;
    it.does("retire_connector", &["two-state"], null.clone()).await;
    it.does("restore_connector", &["two-state@0.1.0"], null.clone()).await;

    it.does("create_tenant", &[], json!({ "id": "acme", "app": "crm" })).await;
    it.does("set_tenant", &["acme"], json!({ "dialect": "okta" })).await;
    let token = it.does("create_token", &["acme"], json!({})).await.id();
    it.does("revoke_token", &["acme", &token], null.clone()).await;
    let admin = json!({ "name": "deploy", "role": "operate" });
    let admin = it.does("create_admin_token", &[], admin).await.id();
    it.does("revoke_admin_token", &[&admin], null.clone()).await;

    let tenant = muster.tenant("three-state").await;
    let there_before = json!({ "email": "ada@acme.example", "name": "Ada" });
    let accounts = format!(
        "{}/organizations/{}/accounts",
        muster.stage.sample.base_url(),
        tenant.organization
    );
    let made = client()
        .post(accounts)
        .bearer_auth("sample-app-token")
        .json(&there_before)
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), 201);
    let ada = muster.person(&tenant, "ada").await;
    let name = tenant.name.as_str();
    it.does("adopt_person", &[name, &ada], null.clone()).await;
    muster.settled().await;
    let bob = muster.person(&tenant, "bob").await;
    muster.scim(&tenant, "DELETE", &format!("/Users/{bob}"), None).await.expect(204);
    it.does("erase_person", &[name, &bob], json!({ "preview": false })).await;
    it.does("protect_person", &[name, &ada], null.clone()).await;
    it.does("unprotect_person", &[name, &ada], null.clone()).await;
    it.does("pause_tenant", &[name], null.clone()).await;
    it.does("connect_tenant", &[name], json!({})).await;
    let account = &muster.stage.sample.accounts(&tenant.organization)[0].id;
    let path = format!("POST /organizations/{}/accounts/{account}", tenant.organization);
    muster.stage.sample.fail(Fault::status(path, 422, 1_000_000));
    muster.set_active(&tenant, &ada, false).await.expect(429);
    let open = format!("/operations?tenant={name}&state=open");
    let open = muster.admin("GET", &open, None).await.expect(200).body["items"][0]["id"].clone();
    let open = open.as_str().unwrap();
    it.does("retry_operation", &[open], null.clone()).await;
    it.does("drop_operation", &[open], null.clone()).await;
    let people = json!({ "people": "deactivate" });
    let job = it.does("disconnect_tenant", &[name], people).await.id();
    it.does("cancel_job", &[&job], null.clone()).await;
    muster.stage.sample.heal();
    let other = muster.tenant("roster").await.name;
    it.does("disconnect_tenant", &[&other], json!({ "people": "release" })).await;
    while muster.admin("GET", &format!("/tenants/{other}"), None).await.body["state"]
        != "disconnected"
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while !muster.admin("GET", "/jobs?state=running", None).await.expect(200).body["items"]
        .as_array()
        .unwrap()
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    it.does("remove_tenant", &[&other], null).await;
    muster.settled().await;

    let mut done = operator.done;
    done.extend(CHANGES_NOTHING.map(str::to_owned));
    assert_eq!(done, changes(&operator.reference), "each operation must be tried here");
}

#[tokio::test]
async fn a_row_says_what_was_before_and_after_and_shows_no_secret() {
    let muster = Muster::start().await;
    let endpoints = |secret: &str| {
        json!({ "app": {
            "base_url": "https://app.example",
            "auth": { "bearer": { "value": secret } }, "headers": { "x-key": secret },
        } })
    };
    let app = json!({ "name": "crm", "connector": "two-state", "endpoints": endpoints("hunter2") });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
    let change = json!({ "reply": "when-recorded", "set_endpoints": endpoints("hunter3") });
    muster.admin("PATCH", "/apps/crm", Some(change.clone())).await.expect(200);
    // The same once more changes nothing.
    muster.admin("PATCH", "/apps/crm", Some(change)).await.expect(200);
    muster.admin("DELETE", "/apps/crm", None).await.expect(204);
    let all = rows(&muster, "").await;
    let crm: Vec<&Value> = all.iter().filter(|row| row["subject"] == "crm").collect();
    let [removed, changed, created] = crm[..] else { panic!("{crm:?}") };
    assert_eq!((&created["before"], &removed["after"]), (&Value::Null, &Value::Null));
    assert_eq!(created["after"]["endpoints"]["app"]["base_url"], "https://app.example");
    let concealed = json!({ "app": {
        "auth": { "bearer": { "value": "…" } }, "headers": { "x-key": "…" },
    } });
    let before = json!({ "reply": "when-done", "endpoints": concealed });
    let after = json!({ "reply": "when-recorded", "endpoints": concealed });
    assert_eq!((&changed["before"], &changed["after"]), (&before, &after));
    assert!(!json!(all).to_string().contains("hunter"), "{all:?}");
}

#[tokio::test]
async fn the_audit_log_is_filtered_and_paged() {
    let muster = Muster::start().await;
    for app in ["a", "b", "c"] {
        let app = json!({ "name": app, "connector": "roster@0.1.0" });
        muster.admin("POST", "/apps", Some(app)).await.expect(201);
    }
    let tenant = json!({ "id": "acme", "app": "a" });
    muster.admin("POST", "/tenants", Some(tenant)).await.expect(201);
    muster.admin("POST", "/tenants/acme/tokens", Some(json!({}))).await.expect(201);
    let subjects = async |query: &str| {
        let all = rows(&muster, query).await;
        all.iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(subjects("").await, "token tenant app app app");
    assert_eq!(subjects("&tenant=acme").await, "token tenant");
    assert_eq!(subjects("&by=local%20environment").await, "token tenant app app app");
    assert_eq!(subjects("&by=deploy").await, "");
    assert_eq!(subjects("&since=2999-01-01T00:00:00Z").await, "");
    assert_eq!(
        subjects("&until=2999-01-01T00:00:00Z&since=2020-01-01T00:00:00Z&tenant=acme").await,
        "token tenant"
    );
    let first = muster.admin("GET", "/audit?limit=2", None).await.expect(200).body;
    let next = format!("/audit?limit=9&cursor={}", first["next"].as_str().unwrap());
    let next = muster.admin("GET", &next, None).await.expect(200).body;
    assert_eq!(next["items"].as_array().unwrap().len(), 3);

    let (status, said) = muster.command(&["audit", "--tenant", "acme", "--since", "1d"]).await;
    assert!(status == Some(0) && said.contains("POST /tenants/{tenant}/tokens"), "{said}");
    assert!(said.contains("local environment") && !said.contains("app a"), "{said}");
    let (status, said) = muster.command(&["audit", "--tenant", "acne"]).await;
    assert!(status == Some(1) && said.contains("no tenant acne; there are: acme"), "{said}");
}

#[tokio::test]
async fn a_change_and_its_audit_row_are_both_there_after_a_kill_or_neither() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    for (point, there) in [("journal", false), ("journal-done", true)] {
        // What the start writes must not be the write that is met.
        drop(test_host.spawn(None));
        let host = test_host.spawn(Some(&format!("{point}:1")));
        let set = json!({ "reply": "when-recorded" });
        let answer = test_host.try_admin(&host, "PATCH", "/apps/people", set).await;
        assert_eq!(answer, None, "the host died");
        drop(host);
        let host = test_host.spawn(None);
        let app = test_host.admin(&host, "GET", "/apps/people", Value::Null).await;
        let audit = test_host.admin(&host, "GET", "/audit", Value::Null).await;
        let rows = audit["items"].as_array().unwrap().iter();
        let row = rows.filter(|row| row["action"] == "PATCH /apps/{app}").count();
        assert_eq!((app["reply"] == "when-recorded", row == 1), (there, there), "{point}");
    }
}

#[tokio::test]
async fn no_row_of_the_audit_log_is_changed_or_removed() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    let database = Connection::open(test_host.data.path().join("muster.db")).unwrap();
    let count = || database.query_row("SELECT count(*) FROM audit", [], |row| row.get::<_, i64>(0));
    let before = count().unwrap();
    assert!(before > 0);
    for sql in ["DELETE FROM audit", "UPDATE audit SET name = 'x'"] {
        let refused = database.execute(sql, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(count().unwrap(), before);
}
