//! `muster dev`: what integrators and test suites start against.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::output::{self, FAINT, NAME, STRONG};
use super::serve::{log_to_stderr, stop_signal};
use super::stage::{Stage, StageConfig, said};
use crate::{embedded, sample};

/// Options of `muster dev`.
#[derive(Args, Debug)]
pub(super) struct DevArgs {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where to keep data; a temporary directory without.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A connector of your own, a `.wasm` file: it gets a tenant too, with the sample app behind
    /// each of its endpoints.
    #[arg(long, value_name = "FILE")]
    connector: Option<PathBuf>,
    /// A file with that connector's settings, JSON by its schema.
    #[arg(long, value_name = "FILE", requires = "connector")]
    settings: Option<PathBuf>,
    /// The dialect of the tenants.
    #[arg(long, default_value = "okta")]
    dialect: String,
    /// Print one line of JSON, for test suites.
    #[arg(long)]
    json: bool,
}

/// Options of `muster sample-app`.
#[derive(Args, Debug)]
pub(super) struct SampleAppArgs {
    /// The address to listen on.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// The bearer token to ask for.
    #[arg(long)]
    token: String,
}

pub(super) async fn run(args: DevArgs) -> anyhow::Result<()> {
    log_to_stderr(false, "warn");
    let again = args.data.as_ref().is_some_and(|data| data.join("muster.db").exists());
    let config = StageConfig { listen: args.listen, data: args.data, ..StageConfig::default() };
    let stage = Stage::start(config).await?;
    if again {
        // Tokens are shown once: a second start on the same data makes new ones.
        stage.revoke_all().await?;
    }
    let mut names: Vec<String> =
        embedded::CONNECTORS.iter().map(|connector| connector.name.to_owned()).collect();
    if let Some(file) = &args.connector {
        names.push(own(&stage, file, args.settings.as_deref()).await?);
    }
    let mut tenants = Vec::new();
    for name in &names {
        let token = stage.tenant(name, name, &args.dialect, "acme").await?;
        tenants.push(json!({
            "tenant": name,
            "connector": name,
            "base_url": token.base_url,
            "token": token.token,
        }));
    }
    let admin = stage.admin_token().await?;
    let summary = json!({
        "tenants": tenants,
        "admin": { "base_url": admin.base_url, "token": admin.token },
        "app": { "base_url": stage.app_url },
    });
    if args.json {
        anstream::println!("{summary}");
    } else {
        announce(&summary);
    }
    stop_signal().await;
    stage.stop().await
}

/// Puts a connector of the caller's own to work; its name.
async fn own(stage: &Stage, file: &Path, settings: Option<&Path>) -> anyhow::Result<String> {
    let wasm = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let settings = match settings {
        None => Map::new(),
        Some(path) => fs::read(path)
            .map_err(anyhow::Error::from)
            .and_then(|text| Ok(serde_json::from_slice(&text)?))
            .with_context(|| format!("the settings in {}", path.display()))?,
    };
    let pushed = said(stage.host.push(wasm).await)?;
    let manifest = pushed.manifest;
    let name = manifest.name;
    let taken = embedded::CONNECTORS.iter().any(|connector| connector.name == name);
    anyhow::ensure!(!taken, "{name} is the name of an embedded connector; give yours another one");
    let endpoints = manifest.endpoints.iter().map(|endpoint| endpoint.name.as_str());
    stage.app_with(&name, &pushed.digest, settings, endpoints).await?;
    Ok(name)
}

fn announce(summary: &Value) {
    anstream::println!("{STRONG}muster dev{STRONG:#}: a throw-away host, ready for requests\n");
    let columns = [("tenant", "tenant"), ("base URL", "base_url"), ("token", "token")];
    output::table(&summary["tenants"], &columns);
    let admin = &summary["admin"];
    anstream::println!("admin API   {NAME}{}{NAME:#}", output::text(&admin["base_url"]));
    anstream::println!("admin token {NAME}{}{NAME:#}", output::text(&admin["token"]));
    anstream::println!("sample app  {NAME}{}{NAME:#}", output::text(&summary["app"]["base_url"]));
    // What leads the other commands here, from another terminal.
    let url = output::text(&admin["base_url"]);
    let url = url.trim_end_matches("/admin/v1");
    let token = output::text(&admin["token"]);
    anstream::println!("\nexport MUSTER_URL={url} MUSTER_ADMIN_TOKEN={token}\n");
    anstream::println!("{FAINT}Ctrl-C ends it.{FAINT:#}");
}

/// `muster sample-app`.
pub(super) async fn sample_app(args: SampleAppArgs) -> anyhow::Result<()> {
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listening on {}", args.listen))?;
    let sample = sample::serve(listener, args.token)?;
    stop_signal().await;
    drop(sample);
    Ok(())
}
