//! The release binary as a process, with a given number of tenants.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{APP, copies, create_tenant};
use crate::connection::{Connection, Request};
use crate::process::{Process, folder};

/// How long the host is idle before its memory is measured.
const IDLE: Duration = Duration::from_secs(1);
/// How long the host may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(600);

pub(super) struct ConfiguredHost {
    process: Process,
    admin_token: String,
    pub(super) tenants: usize,
    /// From the start of the process to the first response to an identity provider.
    pub(super) startup: Duration,
    /// Resident memory after the start, in bytes.
    pub(super) started_memory: u64,
    /// Removed after the process has ended.
    _data: TempDir,
}

impl ConfiguredHost {
    /// Starts a host with `tenants` tenants, each with one token, and measures the start.
    pub(super) async fn start(tenants: usize) -> anyhow::Result<Self> {
        anstream::eprintln!("scale: configuring {tenants} tenants");
        let data = folder()?;
        let process = Process::serve(data.path(), START_TIMEOUT)?;
        let admin_token = std::fs::read_to_string(data.path().join("admin.token"))
            .context("reading the admin token")?;
        let admin_token = admin_token.trim().to_owned();
        let token = create_template(&process, &admin_token).await?;
        process.stop()?;
        copies::write(&data.path().join("muster.db"), tenants)?;

        let begun = Instant::now();
        let process = Process::serve(data.path(), START_TIMEOUT)?;
        let prefix = format!("/t/{}/scim/v2", copies::TEMPLATE);
        let mut client = Connection::open(process.address, &prefix, &token).await?;
        client.send(&Request::get("/Users?count=1".to_owned())).await?.expect(200)?;
        let startup = begun.elapsed();
        let mut host =
            Self { process, admin_token, tenants, startup, started_memory: 0, _data: data };
        host.started_memory = host.idle_memory().await?;
        Ok(host)
    }

    /// The time until the admin API has answered a request with success.
    pub(super) async fn time(&self, request: &Request) -> anyhow::Result<Duration> {
        // A new connection, because the host closes idle ones while the other host is measured.
        let mut admin = admin(&self.process, &self.admin_token).await?;
        let begun = Instant::now();
        send(&mut admin, request).await?;
        Ok(begun.elapsed())
    }

    /// Resident memory in bytes, after a moment without requests.
    pub(super) async fn idle_memory(&self) -> anyhow::Result<u64> {
        tokio::time::sleep(IDLE).await;
        Ok(self.process.memory()?.resident)
    }

    /// Sends one request to each copied tenant, with its token.
    pub(super) async fn request_each_tenant(&self) -> anyhow::Result<()> {
        // An error says that a provider is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::new();
        let address = self.process.address;
        for n in 1..self.tenants {
            let tenant = copies::tenant(n);
            let url = format!("http://{address}/t/{tenant}/scim/v2/Users?count=1");
            let response = http.get(url).bearer_auth(copies::token(n)).send().await?;
            let status = response.status().as_u16();
            let body = response.text().await?;
            ensure!(status == 200, "{tenant}: {status} {body}");
        }
        Ok(())
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }
}

/// Creates the app and the first tenant. Returns the tenant's token.
async fn create_template(process: &Process, admin_token: &str) -> anyhow::Result<String> {
    let mut admin = admin(process, admin_token).await?;
    let body = json!({ "name": APP, "connector": "roster" }).to_string();
    let create_app = Request { method: "POST", path: "/apps".to_owned(), body };
    send(&mut admin, &create_app).await?;
    send(&mut admin, &create_tenant(copies::TEMPLATE)).await?;
    let path = format!("/tenants/{}/tokens", copies::TEMPLATE);
    let add_token = Request { method: "POST", path, body: "{}".to_owned() };
    let token = send(&mut admin, &add_token).await?;
    token["token"].as_str().map(str::to_owned).context("the new token is missing")
}

async fn admin(process: &Process, admin_token: &str) -> anyhow::Result<Connection> {
    Connection::open(process.address, "/admin/v1", admin_token).await
}

/// Sends a request to the admin API. A status other than 200 and 201 is an error.
async fn send(admin: &mut Connection, request: &Request) -> anyhow::Result<Value> {
    let response = admin.send(request).await?;
    let expected = if response.status == 201 { 201 } else { 200 };
    response.expect(expected)?.json()
}
