//! Starting the servers: muster with a tenant, and the reference server. Also measures how long
//! muster takes to start and how much memory it needs when idle.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::connection::{Connection, Request};
use crate::directory::Directory;
use crate::generator::{Program, Server};
use crate::process::{Memory, Process, folder};

/// Starts of muster; the median is reported.
const STARTS: usize = 5;
/// How long muster is idle before its memory is measured.
const IDLE: Duration = Duration::from_secs(1);
/// How long a server may take to start.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Muster just after its start.
pub(crate) struct StartedMuster {
    pub(crate) server: Server,
    /// From the start of the process to the first response, with a cache of compiled connectors.
    pub(crate) startup: Duration,
    /// Memory with three connectors loaded and an empty directory.
    pub(crate) idle: Memory,
}

/// Starts muster with a tenant on the roster connector, and with apps on the two other embedded
/// connectors. With `random`, its users are created and changed in a random order.
pub(crate) async fn muster(random: bool) -> anyhow::Result<StartedMuster> {
    let folder = folder()?;
    let mut process = Process::serve(folder.path(), TIMEOUT)?;
    let (prefix, token) = configure(&process, folder.path()).await?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        process.stop()?;
        let begun = Instant::now();
        process = Process::serve(folder.path(), TIMEOUT)?;
        let mut connection = Connection::open(process.address, &prefix, &token).await?;
        connection.send(&Request::get("/Users?count=1".to_owned())).await?.expect(200)?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    tokio::time::sleep(IDLE).await;
    let idle = process.memory()?;
    let server = server(Program::Muster, process, folder, prefix, token, random);
    Ok(StartedMuster { server, startup: times[STARTS / 2], idle })
}

/// Starts the reference server as `Limit` or as `Baseline`.
pub(crate) fn reference(program: Program, random: bool) -> anyhow::Result<Server> {
    let folder = folder()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--serve-reference").arg(folder.path());
    if program == Program::Baseline {
        command.arg("--with-decisions");
    }
    let process = Process::start(command, TIMEOUT)?;
    Ok(server(program, process, folder, String::new(), "unused".to_owned(), random))
}

fn server(
    program: Program,
    process: Process,
    folder: TempDir,
    prefix: String,
    token: String,
    random: bool,
) -> Server {
    let (process, folder) = (Arc::new(process), Arc::new(folder));
    let directory = Arc::new(Directory::new(random));
    Server { program, process, prefix, token, directory, folder }
}

/// Another tenant of the same host, with a directory of its own.
pub(crate) async fn another_tenant(server: &Server, name: &str) -> anyhow::Result<Server> {
    let mut admin = admin(&server.process, server.folder.path()).await?;
    let new = json!({ "id": name, "app": "roster", "dialect": "okta" });
    Ok(beside(server, tenant(&mut admin, &new).await?))
}

/// Another tenant, on the two-state connector, whose app is at this endpoint.
pub(crate) async fn tenant_with_calls(server: &Server, app: &Value) -> anyhow::Result<Server> {
    let mut admin = admin(&server.process, server.folder.path()).await?;
    let path = "/apps/two-state".to_owned();
    call(&mut admin, "PATCH", path, &json!({ "endpoints": { "app": app } })).await?;
    let settings = json!({ "organization": "calls" });
    let new = json!({ "id": "calls", "app": "two-state", "dialect": "okta", "settings": settings });
    Ok(beside(server, tenant(&mut admin, &new).await?))
}

/// A tenant with this SCIM base path and token, on the same host.
fn beside(server: &Server, (prefix, token): (String, String)) -> Server {
    Server {
        program: server.program,
        process: Arc::clone(&server.process),
        prefix,
        token,
        directory: Arc::default(),
        folder: Arc::clone(&server.folder),
    }
}

async fn admin(process: &Process, data: &Path) -> anyhow::Result<Connection> {
    let token = std::fs::read_to_string(data.join("admin.token")).context("the admin token")?;
    Connection::open(process.address, "/admin/v1", token.trim()).await
}

/// Creates the apps and the tenant. Returns the tenant's SCIM base path and its token.
async fn configure(process: &Process, data: &Path) -> anyhow::Result<(String, String)> {
    let mut admin = admin(process, data).await?;
    let unused = json!({ "app": { "base_url": "http://127.0.0.1:9", "private_addresses": true } });
    for app in ["roster", "two-state", "three-state"] {
        let endpoints = if app == "roster" { json!({}) } else { unused.clone() };
        let app = json!({ "name": app, "connector": app, "endpoints": endpoints });
        call(&mut admin, "POST", "/apps".to_owned(), &app).await?;
    }
    tenant(&mut admin, &json!({ "id": "load", "app": "roster", "dialect": "okta" })).await
}

/// Creates a tenant. Returns its SCIM base path and its token.
async fn tenant(admin: &mut Connection, new: &Value) -> anyhow::Result<(String, String)> {
    call(admin, "POST", "/tenants".to_owned(), new).await?;
    let path = format!("/tenants/{}/tokens", new["id"].as_str().unwrap_or_default());
    let token = call(admin, "POST", path, &json!({})).await?;
    let text = |name: &str| {
        token[name].as_str().context("a member is missing in the new token").map(str::to_owned)
    };
    let base_url = text("base_url")?;
    let path = base_url.find("/t/").context("the base URL names no tenant")?;
    Ok((base_url[path..].to_owned(), text("token")?))
}

async fn call(
    admin: &mut Connection,
    method: &'static str,
    path: String,
    body: &Value,
) -> anyhow::Result<Value> {
    let request = Request { method, path, body: body.to_string() };
    let response = admin.send(&request).await?;
    let expected = if response.status == 201 { 201 } else { 200 };
    response.expect(expected)?.json()
}
