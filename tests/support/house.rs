//! A host in a process of its own, which can be killed, with the app outside of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster::sample::{self, Sample};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::guests::guest;
use super::{client, compiled, data_directory, user};

/// A host's data, an app with a tenant, and whoever calls.
pub(crate) struct House {
    pub(crate) data: TempDir,
    sample: Sample,
    http: reqwest::Client,
    tenant: &'static str,
    token: String,
}

/// The host's process. It is killed with the test.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) url: String,
}

/// What was answered: the status, and the body.
pub(crate) type Answered = (u16, Value);

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
        command.env("MUSTER_LOG", "error").stdout(Stdio::piped());
        let log = File::create(data.join("host.log")).unwrap();
        command.stderr(log);
        if let Some(die_at) = die_at {
            command.env("MUSTER_DIE_AT", die_at);
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let log = || std::fs::read_to_string(data.join("host.log")).unwrap();
        Self { child, url: url.unwrap_or_else(|| panic!("{line:?}: {}", log())).to_owned() }
    }
}

impl House {
    /// An app that the four-call connector decides for, and a tenant of it.
    pub(crate) async fn furnish() -> Self {
        let mut house = Self::empty("calls").await;
        std::fs::create_dir_all(compiled()).unwrap();
        std::os::unix::fs::symlink(compiled(), house.data.path().join("compiled")).unwrap();
        let host = house.start(None);
        house.push(&host, guest("four-calls")).await.unwrap();
        let endpoint = json!({
            "base_url": house.sample.base_url(),
            "auth": { "bearer": { "value": "app" } },
            "private_addresses": true,
        });
        let app = json!({ "connector": "four-calls", "endpoints": { "app": endpoint } });
        house.admin(&host, "PUT", "/apps/calls", app).await;
        house.settle_in(&host).await;
        house
    }

    /// An app that the embedded roster decides for, and a tenant of it. Its compiled connectors are
    /// its own.
    pub(crate) async fn of_roster() -> Self {
        let mut house = Self::empty("people").await;
        let host = house.start(None);
        house.admin(&host, "PUT", "/apps/people", json!({ "connector": "roster@0.1.0" })).await;
        house.settle_in(&host).await;
        house
    }

    async fn empty(tenant: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sample = sample::serve(listener, "app").unwrap();
        Self { data: data_directory(), sample, http: client(), tenant, token: String::new() }
    }

    async fn settle_in(&mut self, host: &Running) {
        let path = format!("/tenants/{}", self.tenant);
        let tenant = json!({ "app": self.tenant, "dialect": "okta" });
        self.admin(host, "PUT", &path, tenant).await;
        let token = self.admin(host, "POST", &format!("{path}/tokens"), json!({})).await;
        token["token"].as_str().unwrap().clone_into(&mut self.token);
    }

    /// Starts the host, to die at a fail point where one is named.
    pub(crate) fn start(&self, die_at: Option<&str>) -> Running {
        Running::start(self.data.path(), die_at)
    }

    pub(crate) fn admin_token(&self) -> String {
        let path = self.data.path().join("admin.token");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    /// Calls the admin API, which says yes.
    pub(crate) async fn admin(
        &self,
        host: &Running,
        method: &str,
        path: &str,
        body: Value,
    ) -> Value {
        let (status, answer) = self.ask(host, method, path, body).await.unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {answer}");
        answer
    }

    /// Calls the admin API; none where the host died meanwhile.
    pub(crate) async fn ask(
        &self,
        host: &Running,
        method: &str,
        path: &str,
        body: Value,
    ) -> Option<Answered> {
        let url = format!("{}/admin/v1{path}", host.url);
        self.call(&self.admin_token(), method, url, body).await
    }

    /// Pushes a connector; none where the host died meanwhile.
    pub(crate) async fn push(&self, host: &Running, wasm: Vec<u8>) -> Option<Answered> {
        let request = self.http.post(format!("{}/admin/v1/connectors", host.url)).body(wasm);
        answered(request.bearer_auth(self.admin_token())).await
    }

    /// Asks as the tenant's identity provider; none where the host died meanwhile.
    pub(crate) async fn scim(
        &self,
        host: &Running,
        method: &str,
        path: &str,
        body: Value,
    ) -> Option<Answered> {
        let url = format!("{}/t/{}/scim/v2{path}", host.url, self.tenant);
        self.call(&self.token, method, url, body).await
    }

    async fn call(&self, token: &str, method: &str, url: String, body: Value) -> Option<Answered> {
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        answered(request.header("content-type", "application/scim+json").body(body)).await
    }

    /// Creates the person; none where the host died meanwhile.
    pub(crate) async fn create(&self, host: &Running) -> Option<u16> {
        Some(self.scim(host, "POST", "/Users", user("ada")).await?.0)
    }

    /// Who decides for somebody new.
    pub(crate) async fn decides(&self, host: &Running, name: &str) -> String {
        let (status, created) = self.scim(host, "POST", "/Users", user(name)).await.unwrap();
        assert_eq!(status, 201, "{created}");
        let newest = self.admin(host, "GET", "/operations?limit=1", Value::Null).await;
        newest["operations"][0]["version"].as_str().unwrap().to_owned()
    }

    /// Which versions there are, and who decides.
    pub(crate) async fn versions(&self, host: &Running) -> Value {
        let connectors = self.admin(host, "GET", "/connectors", Value::Null).await;
        let connectors = connectors["connectors"].as_array().unwrap().iter().map(|it| {
            json!([it["name"], it["version"], it["digest"], it["tenants"], it["retired"].is_null()])
        });
        let apps = self.admin(host, "GET", "/apps", Value::Null).await;
        let apps = apps["apps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| json!([it["name"], it["version"], it["previous_version"], it["reply"]]));
        json!({ "connectors": connectors.collect::<Vec<_>>(), "apps": apps.collect::<Vec<_>>() })
    }

    /// The files of its compiled connectors.
    pub(crate) fn compiled(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.data.path().join("compiled")).unwrap();
        let name = |it: std::io::Result<std::fs::DirEntry>| it.unwrap().file_name();
        let mut names: Vec<_> = files.map(|it| name(it).into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Creates two people in one request: what is answered for each; none where the host died.
    pub(crate) async fn create_two(&self, host: &Running) -> Option<Vec<String>> {
        let operation = |name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": user(name) });
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [operation("ada"), operation("bob")],
        });
        let (_, answer) = self.scim(host, "POST", "/Bulk", body).await?;
        let operations = answer["Operations"].as_array().unwrap().iter();
        Some(operations.map(|it| it["status"].as_str().unwrap().to_owned()).collect())
    }

    pub(crate) async fn people(&self, host: &Running) -> u64 {
        let (_, list) = self.scim(host, "GET", "/Users", Value::Null).await.unwrap();
        list["totalResults"].as_u64().unwrap()
    }

    /// Waits until nothing is open.
    pub(crate) async fn settled(&self, host: &Running) {
        for _ in 0..200 {
            let open = self.admin(host, "GET", "/operations?state=open", Value::Null).await;
            if open["operations"].as_array().unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("an operation stays open");
    }

    /// How often each call had an effect in the app.
    pub(crate) fn effects(&self) -> HashMap<String, usize> {
        let mut effects = HashMap::new();
        for call in self.sample.log() {
            if call.method == "POST" && call.status == 201 && !call.repeated {
                *effects.entry(call.body["name"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        effects
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Option<Answered> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    Some((status, body))
}
