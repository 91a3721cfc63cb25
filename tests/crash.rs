//! `kill -9` at any moment of an operation of four calls: after the restart each call has had its
//! effect once, and the person exists once.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster::sample::{self, Sample};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::guests::guest;
use crate::support::{client, data_directory, user};

/// A host in a process of its own, with the app outside of it.
struct House {
    data: TempDir,
    sample: Sample,
    http: reqwest::Client,
    token: String,
}

/// The host's process.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Running {
    fn start(data: &Path, die_at: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.env("MUSTER_LOG", "error").stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(die_at) = die_at {
            command.env("MUSTER_DIE_AT", die_at);
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        Self { child, url: url.unwrap_or_else(|| panic!("no URL in {line:?}")).to_owned() }
    }
}

impl House {
    /// An app that the four-call connector decides for, and a tenant of it.
    async fn furnish() -> Self {
        let data = data_directory();
        let sample = sample::serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), "app").unwrap();
        let mut house = Self { data, sample, http: client(), token: String::new() };
        let host = Running::start(house.data.path(), None);
        let pushed = house
            .http
            .post(format!("{}/admin/v1/connectors", host.url))
            .bearer_auth(house.admin_token())
            .body(guest("four-calls"));
        assert_eq!(pushed.send().await.unwrap().status(), 201);
        let endpoint = json!({
            "base_url": house.sample.base_url(),
            "auth": { "bearer": { "value": "app" } },
            "private_addresses": true,
        });
        let app = json!({ "connector": "four-calls", "endpoints": { "app": endpoint } });
        house.admin(&host, "PUT", "/apps/calls", app).await;
        let tenant = json!({ "app": "calls", "dialect": "okta" });
        house.admin(&host, "PUT", "/tenants/calls", tenant).await;
        let token = house.admin(&host, "POST", "/tenants/calls/tokens", json!({})).await;
        house.token = token["token"].as_str().unwrap().to_owned();
        house
    }

    fn admin_token(&self) -> String {
        let path = self.data.path().join("admin.token");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    async fn admin(&self, host: &Running, method: &str, path: &str, body: Value) -> Value {
        let request = self
            .http
            .request(method.parse().unwrap(), format!("{}/admin/v1{path}", host.url))
            .bearer_auth(self.admin_token())
            .header("content-type", "application/json")
            .body(body.to_string());
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Creates the person; none where the host died meanwhile.
    async fn create(&self, host: &Running) -> Option<u16> {
        let request = self
            .http
            .post(format!("{}/t/calls/scim/v2/Users", host.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/scim+json")
            .body(user("ada").to_string());
        Some(request.send().await.ok()?.status().as_u16())
    }

    /// Creates two people in one request: what is answered for each; none where the host died.
    async fn create_two(&self, host: &Running) -> Option<Vec<String>> {
        let operation = |name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": user(name) });
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [operation("ada"), operation("bob")],
        });
        let request = self
            .http
            .post(format!("{}/t/calls/scim/v2/Bulk", host.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/scim+json")
            .body(body.to_string());
        let text = request.send().await.ok()?.text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        let operations = answer["Operations"].as_array().unwrap().iter();
        Some(operations.map(|it| it["status"].as_str().unwrap().to_owned()).collect())
    }

    async fn people(&self, host: &Running) -> u64 {
        let request =
            self.http.get(format!("{}/t/calls/scim/v2/Users", host.url)).bearer_auth(&self.token);
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["totalResults"].as_u64().unwrap()
    }

    /// Waits until nothing is open.
    async fn settled(&self, host: &Running) {
        for _ in 0..200 {
            let open = self.admin(host, "GET", "/operations?state=open", json!({})).await;
            if open["operations"].as_array().unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("an operation stays open");
    }

    /// How often each call had an effect in the app.
    fn effects(&self) -> HashMap<String, usize> {
        let mut effects = HashMap::new();
        for call in self.sample.log() {
            if call.method == "POST" && call.status == 201 && !call.repeated {
                *effects.entry(call.body["name"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        effects
    }
}

async fn killed_at(point: &str) {
    let house = House::furnish().await;
    let mut dying = Running::start(house.data.path(), Some(point));
    assert_eq!(house.create(&dying).await, None, "{point}: the host was to die");
    assert!(!dying.child.wait().unwrap().success(), "{point}");

    let host = Running::start(house.data.path(), None);
    house.settled(&host).await;
    // The identity provider heard nothing, and asks again.
    let again = house.create(&host).await;
    let expected: &[Option<u16>] = match point {
        // All was done, and only the answer was lost.
        "journal-done:5" => &[Some(409)],
        _ => &[Some(201)],
    };
    assert!(expected.contains(&again), "{point}: {again:?}");
    assert_eq!(house.people(&host).await, 1, "{point}");
    let once: HashMap<String, usize> =
        (1..=4).map(|n| (format!("ada@acme.example {n}"), 1)).collect();
    assert_eq!(house.effects(), once, "{point}");
}

#[tokio::test]
async fn a_host_killed_at_any_journal_write_loses_and_repeats_nothing() {
    for n in 1..=5 {
        killed_at(&format!("journal:{n}")).await;
        killed_at(&format!("journal-done:{n}")).await;
    }
}

#[tokio::test]
async fn a_host_killed_at_any_call_loses_and_repeats_nothing() {
    for n in 1..=4 {
        killed_at(&format!("call:{n}")).await;
        killed_at(&format!("call-done:{n}")).await;
    }
}

/// RFC 7644 §3.7: each operation of a bulk request is as safe as a request by itself.
#[tokio::test]
async fn a_host_killed_within_a_bulk_request_keeps_what_was_done_and_ends_what_had_begun() {
    let house = House::furnish().await;
    // Four calls make the first person; the second one's are under way.
    let mut dying = Running::start(house.data.path(), Some("call:6"));
    assert_eq!(house.create_two(&dying).await, None);
    assert!(!dying.child.wait().unwrap().success());

    let host = Running::start(house.data.path(), None);
    house.settled(&host).await;
    assert_eq!(house.people(&host).await, 2);
    // Nobody was answered: what was done is there already, what was taken up is owed its answer.
    assert_eq!(house.create_two(&host).await, Some(vec!["409".to_owned(), "201".to_owned()]));
    assert_eq!(house.people(&host).await, 2);
    assert!(house.effects().values().all(|times| *times == 1));
    assert_eq!(house.effects().len(), 8);
}
