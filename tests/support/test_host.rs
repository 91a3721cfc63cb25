//! A host that runs as a separate process, so that a test can kill it. The sample app runs in the
//! test's process and outlives it.

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

/// A data directory with one app and one tenant, the sample app, and an HTTP client. The host itself
/// runs only while a [`HostProcess`] exists.
pub(crate) struct TestHost {
    pub(crate) data: TempDir,
    pub(crate) sample: Sample,
    http: reqwest::Client,
    /// The name of the tenant, and of its app.
    tenant: &'static str,
    token: String,
}

/// A running host. Dropping it kills the process.
pub(crate) struct HostProcess {
    pub(crate) child: Child,
    pub(crate) url: String,
}

/// Bounds of the write-ahead log, in pages: it is moved into the database all the time.
const SHORT_LOG: &str = "8/24/1000";

/// Tests send more requests than an identity provider.
const NO_LIMIT: &str = "requests_per_second = 0\n";

/// A response: its status and its body. `Null` stands for an empty body.
pub(crate) type StatusAndBody = (u16, Value);

impl Drop for HostProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl HostProcess {
    pub(crate) fn start(data: &Path, die_at: Option<&str>) -> Self {
        let die_at = die_at.map(|point| ("MUSTER_DIE_AT", point));
        Self::with_environment(data, die_at.as_slice())
    }

    fn with_environment(data: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        let config = data.join("muster.toml");
        if !config.exists() {
            std::fs::write(&config, NO_LIMIT).unwrap();
        }
        command.arg("--config").arg(config);
        command.env("MUSTER_LOG", "error").stdout(Stdio::piped());
        let log = File::create(data.join("host.log")).unwrap();
        command.stderr(log);
        command.envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let log = || std::fs::read_to_string(data.join("host.log")).unwrap();
        Self { child, url: url.unwrap_or_else(|| panic!("{line:?}: {}", log())).to_owned() }
    }
}

impl TestHost {
    /// A host with an app on the four-calls connector, and a tenant of it.
    pub(crate) async fn start() -> Self {
        let mut test_host = Self::new("calls").await;
        share_compiled(test_host.data.path());
        let host = test_host.spawn(None);
        test_host.push(&host, guest("four-calls")).await.unwrap();
        let endpoint = json!({
            "base_url": test_host.sample.base_url(),
            "auth": { "bearer": { "value": "app" } },
            "private_addresses": true,
        });
        let app = json!({
            "name": "calls", "connector": "four-calls", "endpoints": { "app": endpoint },
        });
        test_host.admin(&host, "POST", "/apps", app).await;
        test_host.create_tenant(&host).await;
        test_host
    }

    /// A host with an app on the embedded roster connector, and a tenant of it. It does not share
    /// its cache of compiled connectors with other tests.
    pub(crate) async fn with_roster() -> Self {
        Self::roster(Self::new("people").await).await
    }

    /// The same, with the cache of compiled connectors that tests share.
    pub(crate) async fn with_roster_and_shared_cache() -> Self {
        let test_host = Self::new("people").await;
        share_compiled(test_host.data.path());
        Self::roster(test_host).await
    }

    async fn roster(mut test_host: Self) -> Self {
        let host = test_host.spawn(None);
        let app = json!({ "name": "people", "connector": "roster@0.1.0" });
        test_host.admin(&host, "POST", "/apps", app).await;
        test_host.create_tenant(&host).await;
        test_host
    }

    /// A host with an app on an embedded connector that calls the sample app at this URL, and a tenant
    /// of it. `config` is its `muster.toml`.
    pub(crate) async fn of_embedded(
        connector: &str,
        config: &str,
        url: impl AsyncFnOnce(&Sample) -> String,
    ) -> Self {
        let mut test_host = Self::new("people").await;
        test_host.configure(config);
        share_compiled(test_host.data.path());
        let host = test_host.spawn(None);
        let endpoint = json!({
            "base_url": url(&test_host.sample).await,
            "auth": { "bearer": { "value": "app" } },
            "private_addresses": true,
        });
        let app = json!({
            "name": "people", "connector": connector, "endpoints": { "app": endpoint },
        });
        test_host.admin(&host, "POST", "/apps", app).await;
        test_host.create_tenant(&host).await;
        test_host
    }

    /// Writes the `muster.toml` of the next start.
    pub(crate) fn configure(&self, config: &str) {
        allow_loopback(self.data.path(), &format!("{NO_LIMIT}{config}"));
    }

    async fn new(tenant: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sample = sample::serve(listener, "app").unwrap();
        let data = data_directory();
        allow_loopback(data.path(), "");
        Self { data, sample, http: client(), tenant, token: String::new() }
    }

    /// A host with a data directory of another one, whose tenant has this token.
    pub(crate) async fn restored(data: TempDir, tenant: &'static str, token: &str) -> Self {
        share_compiled(data.path());
        allow_loopback(data.path(), "");
        Self { data, token: token.to_owned(), ..Self::new(tenant).await }
    }

    /// The token of the tenant.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    async fn create_tenant(&mut self, host: &HostProcess) {
        let tenant = json!({ "id": self.tenant, "app": self.tenant, "dialect": "okta" });
        self.admin(host, "POST", "/tenants", tenant).await;
        let path = format!("/tenants/{}/tokens", self.tenant);
        let token = self.admin(host, "POST", &path, json!({})).await;
        token["token"].as_str().unwrap().clone_into(&mut self.token);
    }

    /// Starts the process. If a fail point is given, the process kills itself there.
    pub(crate) fn spawn(&self, die_at: Option<&str>) -> HostProcess {
        HostProcess::start(self.data.path(), die_at)
    }

    /// Starts the process, which panics at this passage of a fail point, such as `call:2`.
    pub(crate) fn spawn_panicking(&self, at: &str) -> HostProcess {
        HostProcess::with_environment(self.data.path(), &[("MUSTER_PANIC_AT", at)])
    }

    /// What the process that was started last has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("host.log")).unwrap()
    }

    /// Starts the process with a write-ahead log of a few pages, so that it is moved into the database
    /// all the time. If a fail point is given, the process kills itself there.
    pub(crate) fn spawn_with_short_log(&self, die_at: Option<&str>) -> HostProcess {
        let mut variables = vec![("MUSTER_LOG_BOUNDS", SHORT_LOG)];
        variables.extend(die_at.map(|point| ("MUSTER_DIE_AT", point)));
        HostProcess::with_environment(self.data.path(), &variables)
    }

    /// The same for a panic.
    pub(crate) fn spawn_panicking_with_short_log(&self, at: &str) -> HostProcess {
        let variables = [("MUSTER_LOG_BOUNDS", SHORT_LOG), ("MUSTER_PANIC_AT", at)];
        HostProcess::with_environment(self.data.path(), &variables)
    }

    pub(crate) fn admin_token(&self) -> String {
        let path = self.data.path().join("admin.token");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    /// Calls the admin API, which must answer with a 2xx.
    pub(crate) async fn admin(
        &self,
        host: &HostProcess,
        method: &str,
        path: &str,
        body: Value,
    ) -> Value {
        let (status, answer) = self.try_admin(host, method, path, body).await.unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {answer}");
        answer
    }

    /// Calls the admin API; `None` if the host died before it answered.
    pub(crate) async fn try_admin(
        &self,
        host: &HostProcess,
        method: &str,
        path: &str,
        body: Value,
    ) -> Option<StatusAndBody> {
        let url = format!("{}/admin/v1{path}", host.url);
        self.call(&self.admin_token(), method, url, body).await
    }

    /// Pushes a connector; `None` if the host died before it answered.
    pub(crate) async fn push(&self, host: &HostProcess, wasm: Vec<u8>) -> Option<StatusAndBody> {
        let request = self.http.post(format!("{}/admin/v1/connectors", host.url)).body(wasm);
        answer(request.bearer_auth(self.admin_token())).await
    }

    /// Sends a SCIM request with the tenant's token; `None` if the host died before it answered.
    pub(crate) async fn scim(
        &self,
        host: &HostProcess,
        method: &str,
        path: &str,
        body: Value,
    ) -> Option<StatusAndBody> {
        let url = format!("{}/t/{}/scim/v2{path}", host.url, self.tenant);
        self.call(&self.token, method, url, body).await
    }

    async fn call(
        &self,
        token: &str,
        method: &str,
        url: String,
        body: Value,
    ) -> Option<StatusAndBody> {
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        answer(request.header("content-type", "application/scim+json").body(body)).await
    }

    /// Creates the user `ada` and returns the status; `None` if the host died before it answered.
    pub(crate) async fn create(&self, host: &HostProcess) -> Option<u16> {
        Some(self.scim(host, "POST", "/Users", user("ada")).await?.0)
    }

    /// Creates a user, and returns the connector version that decided.
    pub(crate) async fn deciding_version(&self, host: &HostProcess, name: &str) -> String {
        let (status, created) = self.scim(host, "POST", "/Users", user(name)).await.unwrap();
        assert_eq!(status, 201, "{created}");
        let newest = self.admin(host, "GET", "/operations?limit=1", Value::Null).await;
        newest["items"][0]["version"].as_str().unwrap().to_owned()
    }

    /// All connector versions, and the version of each app.
    pub(crate) async fn versions(&self, host: &HostProcess) -> Value {
        let connectors = self.admin(host, "GET", "/connectors", Value::Null).await;
        let connectors = connectors["items"].as_array().unwrap().iter().map(|it| {
            json!([it["name"], it["version"], it["digest"], it["tenants"], it["retired"].is_null()])
        });
        let apps = self.admin(host, "GET", "/apps", Value::Null).await;
        let apps = apps["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| json!([it["name"], it["version"], it["previous_version"], it["reply"]]));
        json!({ "connectors": connectors.collect::<Vec<_>>(), "apps": apps.collect::<Vec<_>>() })
    }

    /// The file names in the cache of compiled connectors, sorted.
    pub(crate) fn compiled(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.data.path().join("compiled")).unwrap();
        let name = |it: std::io::Result<std::fs::DirEntry>| it.unwrap().file_name();
        let mut names: Vec<_> = files.map(|it| name(it).into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Creates two users in one bulk request, and returns the status of each; `None` if the host
    /// died before it answered.
    pub(crate) async fn create_two(&self, host: &HostProcess) -> Option<Vec<String>> {
        let operation = |name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": user(name) });
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [operation("ada"), operation("bob")],
        });
        let (_, answer) = self.scim(host, "POST", "/Bulk", body).await?;
        let operations = answer["Operations"].as_array().unwrap().iter();
        Some(operations.map(|it| it["status"].as_str().unwrap().to_owned()).collect())
    }

    /// The number of users.
    pub(crate) async fn people(&self, host: &HostProcess) -> u64 {
        let (_, list) = self.scim(host, "GET", "/Users", Value::Null).await.unwrap();
        list["totalResults"].as_u64().unwrap()
    }

    /// Waits until no operation is open.
    pub(crate) async fn settled(&self, host: &HostProcess) {
        for _ in 0..200 {
            let open = self.admin(host, "GET", "/operations?state=open", Value::Null).await;
            if open["items"].as_array().unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("an operation is still open after 10 s");
    }

    /// How often each call of the four-calls connector took effect in the app, by the call's name.
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

/// Writes the `muster.toml` of a host whose app is on this machine.
fn allow_loopback(data: &Path, config: &str) {
    let config = format!("private_addresses = [\"127.0.0.0/8\", \"::1\"]\n{config}");
    std::fs::write(data.join("muster.toml"), config).unwrap();
}

/// Has the host with this data directory use the cache of compiled connectors that tests share.
pub(crate) fn share_compiled(data: &Path) {
    std::fs::create_dir_all(compiled()).unwrap();
    std::os::unix::fs::symlink(compiled(), data.join("compiled")).unwrap();
}

async fn answer(request: reqwest::RequestBuilder) -> Option<StatusAndBody> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    Some((status, body))
}
