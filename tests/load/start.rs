//! The two servers, ready to be measured, and how long muster takes to start.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::connection::{Connection, Request};
use crate::generator::Server;
use crate::process::{Memory, Process, folder};

/// How often muster is started; the median counts.
const STARTS: usize = 5;
/// How long muster does nothing before its memory is measured.
const IDLE: Duration = Duration::from_secs(1);

/// Muster, as it is just after a start.
pub(crate) struct Fresh {
    pub(crate) server: Server,
    /// From the start of the process to the first 200, compiled connectors at hand.
    pub(crate) start: Duration,
    /// With three connectors loaded, and nobody there.
    pub(crate) idle: Memory,
}

/// Muster with a tenant on the roster connector, and apps on the other two.
pub(crate) async fn muster() -> anyhow::Result<Fresh> {
    let folder = folder()?;
    let mut process = serve(folder.path())?;
    let (prefix, token) = configure(&process, folder.path()).await?;
    let mut took = Vec::new();
    for _ in 0..STARTS {
        process.stop()?;
        let begun = Instant::now();
        process = serve(folder.path())?;
        let mut connection = Connection::open(process.address, &prefix, &token).await?;
        connection.send(&Request::get("/Users?count=1".to_owned())).await?.expect(200)?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    tokio::time::sleep(IDLE).await;
    let idle = process.memory()?;
    let server = server("muster", process, folder, prefix, token);
    Ok(Fresh { server, start: took[STARTS / 2], idle })
}

/// The smallest program that does the same; told to work if it is called so.
pub(crate) fn limit(name: &'static str) -> anyhow::Result<Server> {
    let folder = folder()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--serve-limit").arg(folder.path());
    if name == "working" {
        command.arg("--work");
    }
    let process = Process::start(command)?;
    Ok(server(name, process, folder, String::new(), "nobody-asks".to_owned()))
}

fn server(
    name: &'static str,
    process: Process,
    folder: TempDir,
    prefix: String,
    token: String,
) -> Server {
    Server { name, process, prefix, token, directory: Arc::default(), _folder: folder }
}

fn serve(data: &Path) -> anyhow::Result<Process> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("MUSTER_")) {
            command.env_remove(name);
        }
    }
    // No `muster.toml` is there.
    command.current_dir(data).env("MUSTER_LOG", "warn");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    Process::start(command)
}

/// Makes the apps and the tenant; what stands before `/Users` there, and the tenant's token.
async fn configure(process: &Process, data: &Path) -> anyhow::Result<(String, String)> {
    let admin = std::fs::read_to_string(data.join("admin.token")).context("the admin token")?;
    let mut admin = Connection::open(process.address, "/admin/v1", admin.trim()).await?;
    let nowhere = json!({ "app": { "base_url": "http://127.0.0.1:9", "private_addresses": true } });
    for app in ["roster", "two-state", "three-state"] {
        let endpoints = if app == "roster" { json!({}) } else { nowhere.clone() };
        let spec = json!({ "connector": app, "endpoints": endpoints });
        call(&mut admin, "PUT", format!("/apps/{app}"), &spec).await?;
    }
    let spec = json!({ "app": "roster", "dialect": "okta" });
    call(&mut admin, "PUT", "/tenants/load".to_owned(), &spec).await?;
    let token = call(&mut admin, "POST", "/tenants/load/tokens".to_owned(), &json!({})).await?;
    let text = |name: &str| token[name].as_str().context("a token without it").map(str::to_owned);
    let base_url = text("base_url")?;
    let path = base_url.find("/t/").context("a base URL without a tenant")?;
    Ok((base_url[path..].to_owned(), text("token")?))
}

async fn call(
    admin: &mut Connection,
    method: &'static str,
    path: String,
    body: &Value,
) -> anyhow::Result<Value> {
    let request = Request { method, path, body: body.to_string() };
    let answer = admin.send(&request).await?;
    let expected = if answer.status == 201 { 201 } else { 200 };
    answer.expect(expected)?.json()
}
