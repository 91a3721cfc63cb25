//! `muster dev`: what integrators and test suites start against.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::output::{self, FAINT, NAME, STRONG};
use super::serve::{log_to_stderr, stop_signal};
use super::stage::{Stage, StageConfig};
use super::watch::Watch;
use crate::{embedded, sample};

mod own;

use own::Own;

/// Options of `muster dev`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("own").multiple(true)))]
pub(super) struct DevArgs {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where to keep data; a temporary directory without.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A connector of your own, a `.wasm` file: it gets a tenant too, with the sample app behind
    /// each of its endpoints.
    #[arg(long, value_name = "FILE", group = "own")]
    connector: Option<PathBuf>,
    /// A folder with such files, a connector's project for one: each goes to work as with
    /// --connector, and again whenever it changes. What that changes is told.
    #[arg(long, value_name = "DIR", group = "own")]
    watch: Option<PathBuf>,
    /// A file with the settings of your connector, JSON by its schema.
    #[arg(long, value_name = "FILE", requires = "own")]
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
    // Before anything is started: a folder that is not there ends it.
    let watch = args.watch.map(|folder| Watch::open(folder, args.json)).transpose()?;
    let config = StageConfig { listen: args.listen, data: args.data, ..StageConfig::default() };
    let stage = Stage::start(config).await?;
    if again {
        // Tokens are shown once: a second start on the same data makes new ones.
        stage.revoke_all().await?;
    }
    let DevArgs { settings, dialect, json, .. } = args;
    let own = Own { stage: &stage, settings, dialect, json, tenants: Vec::new() };
    serve(&stage, args.connector.as_deref(), own, watch).await?;
    stage.stop().await
}

/// Announces who is served, and serves until the process is asked to stop.
async fn serve(
    stage: &Stage,
    connector: Option<&Path>,
    mut own: Own<'_>,
    mut watch: Option<Watch>,
) -> anyhow::Result<()> {
    let mut tenants = Vec::new();
    for connector in &embedded::CONNECTORS {
        tenants.push(own::tenant(stage, connector.name, &own.dialect).await?);
    }
    if let Some(file) = connector {
        own.load(file).await?;
    }
    let news = match &mut watch {
        Some(watch) => own.first(watch).await,
        None => Vec::new(),
    };
    tenants.extend(own.tenants.iter().cloned());
    let admin = stage.admin_token().await?;
    let summary = json!({
        "tenants": tenants,
        "admin": { "base_url": admin.base_url, "token": admin.token },
        "app": { "base_url": stage.app_url },
    });
    if own.json {
        anstream::println!("{summary}");
    } else {
        announce(&summary);
    }
    let Some(mut watch) = watch else {
        stop_signal().await;
        return Ok(());
    };
    watch.introduce();
    news.iter().for_each(|news| watch.tell(Some(news)));
    tokio::select! {
        () = stop_signal() => {}
        () = own.follow(&mut watch) => {}
    }
    Ok(())
}

fn announce(summary: &Value) {
    anstream::println!("{STRONG}muster dev{STRONG:#}: a throw-away host, ready for requests\n");
    own::table(&summary["tenants"]);
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
