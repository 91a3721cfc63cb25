//! A host under test, in the process of the test, with the sample app as the app of its tenants.

pub(crate) mod guests;
pub(crate) mod meddler;
pub(crate) mod registry;
pub(crate) mod replay;
pub(crate) mod test_host;
pub(crate) mod wrong_server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use muster::cli::local_environment::{LocalEnvironment, LocalEnvironmentConfig};
use muster::lifecycle::snapshot::ReplyMode;
use muster::sample::RecordedCall;
use muster::store::{OperationFilter, OperationState};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running host. Dropping it asserts that no operation is still open.
pub(crate) struct Muster {
    pub(crate) stage: LocalEnvironment,
    http: reqwest::Client,
    admin: String,
    data: TempDir,
}

/// A tenant with its own organisation in the app.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) organization: String,
    pub(crate) base_url: String,
    pub(crate) token: String,
    /// Number of calls in the app's log before the tenant was created.
    pub(crate) log_start: usize,
}

/// A call that the app received.
pub(crate) type AppCall = RecordedCall;

/// A response of the host.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The id of the resource in the body.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    /// Asserts the status, and returns the response.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

/// An HTTP client. Installs the TLS provider that it needs, even for plain HTTP.
pub(crate) fn client() -> reqwest::Client {
    // An error says that another test of this process has installed one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}

impl Muster {
    pub(crate) async fn start() -> Self {
        Self::start_with(LocalEnvironmentConfig::default()).await
    }

    /// A host that answers as soon as the operation is durable, before it is done.
    pub(crate) async fn start_replying_when_recorded() -> Self {
        Self::start_with(LocalEnvironmentConfig {
            reply: ReplyMode::WhenRecorded,
            ..LocalEnvironmentConfig::default()
        })
        .await
    }

    /// A host that answers after this time at the latest, done or not.
    pub(crate) async fn start_answering_within(answer_within: Duration) -> Self {
        Self::start_with(LocalEnvironmentConfig {
            answer_within,
            ..LocalEnvironmentConfig::default()
        })
        .await
    }

    pub(crate) async fn start_with(config: LocalEnvironmentConfig) -> Self {
        let data = data_directory();
        let stage = LocalEnvironment::start(LocalEnvironmentConfig {
            data: Some(data.path().to_owned()),
            compiler: env!("CARGO_BIN_EXE_muster").into(),
            compiled: Some(compiled()),
            ..config
        })
        .await
        .unwrap();
        let admin = stage.admin_token().await.unwrap().token;
        Self { stage, http: client(), admin, data }
    }

    pub(crate) async fn tenant(&self, connector: &str) -> Tenant {
        self.tenant_with(connector, "okta").await
    }

    pub(crate) async fn tenant_with(&self, connector: &str, dialect: &str) -> Tenant {
        let n = self.stage.host.store.count_tenants().await.unwrap();
        self.tenant_named(&format!("{connector}-{n}"), connector, dialect, &format!("org{n}")).await
    }

    /// A tenant of this app, whose users are provisioned into this organisation.
    pub(crate) async fn tenant_named(
        &self,
        name: &str,
        app: &str,
        dialect: &str,
        organization: &str,
    ) -> Tenant {
        let token = self.stage.tenant(name, app, dialect, organization).await.unwrap();
        Tenant {
            name: name.to_owned(),
            organization: organization.to_owned(),
            base_url: token.base_url,
            token: token.token,
            log_start: self.stage.sample.log().len(),
        }
    }

    /// A tenant of an app whose connector takes no settings.
    pub(crate) async fn plain_tenant(&self, name: &str, app: &str) -> Tenant {
        let path = format!("/tenants/{name}");
        let spec = json!({ "id": name, "app": app, "dialect": "okta" });
        self.admin("POST", "/tenants", Some(spec)).await.expect(201);
        let token = self.admin("POST", &format!("{path}/tokens"), Some(json!({}))).await.body;
        let text = |member: &str| token[member].as_str().unwrap().to_owned();
        Tenant {
            name: name.to_owned(),
            organization: String::new(),
            base_url: text("base_url"),
            token: text("token"),
            log_start: self.stage.sample.log().len(),
        }
    }

    /// The calls that the app received since the tenant was created, of all tenants: the caller must
    /// use one tenant at a time.
    pub(crate) async fn app_calls(&self, tenant: &Tenant) -> Vec<AppCall> {
        self.stage.sample.log().split_off(tenant.log_start)
    }

    /// Sends a SCIM request with the tenant's token.
    pub(crate) async fn scim(
        &self,
        tenant: &Tenant,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let url = format!("{}{path}", tenant.base_url);
        self.send(method, &url, &tenant.token, body).await
    }

    /// Sends a SCIM request with additional headers.
    pub(crate) async fn scim_with(
        &self,
        tenant: &Tenant,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let url = format!("{}{path}", tenant.base_url);
        self.send_with(method, &url, &tenant.token, headers, body).await
    }

    pub(crate) async fn get(&self, tenant: &Tenant, path: &str) -> Answer {
        self.scim(tenant, "GET", path, None).await
    }

    pub(crate) async fn post(&self, tenant: &Tenant, path: &str, body: Value) -> Answer {
        self.scim(tenant, "POST", path, Some(body)).await
    }

    pub(crate) async fn patch(&self, tenant: &Tenant, path: &str, operations: Value) -> Answer {
        self.scim(tenant, "PATCH", path, Some(patch_op(operations))).await
    }

    /// Calls the admin API.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/admin/v1{path}", self.stage.url);
        self.send(method, &url, &self.admin, body).await
    }

    /// Calls an endpoint of the admin API that answers with one JSON value per line.
    pub(crate) async fn admin_lines(&self, path: &str, body: Value) -> Vec<Value> {
        let url = format!("{}/admin/v1{path}", self.stage.url);
        let request = self.http.post(url).bearer_auth(&self.admin).body(body.to_string());
        let text = request.send().await.unwrap().text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command against this host, without a terminal. Returns its exit status and its output,
    /// standard output first.
    pub(crate) async fn command(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(args).env("NO_COLOR", "1").stdin(std::process::Stdio::null());
        command.env("MUSTER_URL", &self.stage.url).env("MUSTER_ADMIN_TOKEN", &self.admin);
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run.await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    /// Pushes a connector.
    pub(crate) async fn push(&self, wasm: Vec<u8>) -> Answer {
        let url = format!("{}/admin/v1/connectors", self.stage.url);
        self.answer(self.http.post(url).bearer_auth(&self.admin).body(wasm)).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        self.send_with(method, url, token, &[], body).await
    }

    async fn send_with(
        &self,
        method: &str,
        url: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let method: Method = method.parse().unwrap();
        let mut request = self.http.request(method, url).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/scim+json; charset=utf-8")
                .body(body.to_string());
        }
        self.answer(request).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
        };
        Answer { status, headers, body }
    }

    /// Creates a user, and returns its id.
    pub(crate) async fn person(&self, tenant: &Tenant, name: &str) -> String {
        self.post(tenant, "/Users", user(name)).await.expect(201).id()
    }

    /// Sets `active` as Okta's catalogue apps do.
    pub(crate) async fn set_active(&self, tenant: &Tenant, id: &str, active: bool) -> Answer {
        let operations = json!([{ "op": "replace", "value": { "active": active } }]);
        self.patch(tenant, &format!("/Users/{id}"), operations).await
    }

    /// Whether a text stands in a file of the host's data directory, as it is.
    pub(crate) fn is_on_disk(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.data.path()).unwrap().map(|it| it.unwrap().path());
        let contains = |file: PathBuf| {
            let bytes = std::fs::read(file).unwrap();
            bytes.windows(text.len()).any(|each| each == text.as_bytes())
        };
        files.filter(|file| file.is_file()).any(contains)
    }

    /// Waits until no operation is open, and nothing is left to be compared with an app.
    pub(crate) async fn settled(&self) {
        for _ in 0..300 {
            let operations = &self.stage.host.operations;
            if operations.count() == 0 && operations.count_comparisons() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "operations are still open after 15 s: {:#?}",
            self.operations(OperationState::Open).await
        );
    }

    /// The operations in this state: event, subject and note of each, oldest first.
    pub(crate) async fn operations(&self, state: OperationState) -> Vec<(String, String, String)> {
        let filter = OperationFilter {
            state: Some(state),
            limit: 1000,
            oldest_first: true,
            ..OperationFilter::default()
        };
        let rows = self.stage.host.store.operations(&filter).await.unwrap();
        rows.into_iter()
            .map(|row| (row.kind.name().to_owned(), row.subject, row.note.unwrap_or_default()))
            .collect()
    }
}

impl Drop for Muster {
    fn drop(&mut self) {
        let open = self.stage.host.operations.count();
        if !std::thread::panicking() {
            assert_eq!(open, 0, "operations are still open at the end of the test");
        }
    }
}

/// A data directory with the same host key in each test, so that tests can share compiled
/// connectors.
pub(crate) fn data_directory() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("host.key"), [7; 32]).unwrap();
    folder
}

/// The cache of compiled connectors that all tests share.
pub(crate) fn compiled() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// Okta's request body for a new user.
pub(crate) fn user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("{name}@acme.example"),
        "name": { "givenName": name, "familyName": "Doe" },
        "emails": [{ "primary": true, "value": format!("{name}@acme.example"), "type": "work" }],
        "displayName": format!("{name} Doe"),
        "locale": "en-US",
        "externalId": format!("00u-{name}"),
        "groups": [],
        "password": "1mz050nq",
        "active": true,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "callers pass a json! literal")]
pub(crate) fn patch_op(operations: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

/// The file with every occurrence of a text replaced by another of the same length.
pub(crate) fn replaced(mut wasm: Vec<u8>, text: &str, other: &str) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let (text, other) = (text.as_bytes(), other.as_bytes());
    let offsets: Vec<usize> =
        (0..wasm.len() - text.len()).filter(|&at| wasm[at..].starts_with(text)).collect();
    assert!(!offsets.is_empty(), "{} is not in the file", String::from_utf8_lossy(text));
    for at in offsets {
        wasm[at..at + text.len()].copy_from_slice(other);
    }
    wasm
}
