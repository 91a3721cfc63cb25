//! `muster dev`: a temporary server for authors of connectors, integrators and test suites: a host with a
//! sample app, and a tenant with a token for each connector.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::local_environment::{LocalEnvironment, LocalEnvironmentConfig};
use super::output::{self, FAINT, NAME, STRONG};
use super::serve::{log_to_stderr, stop_signal};
use super::watch::FolderWatch;
use crate::terminal;
use crate::{embedded, sample};

mod user_connectors;

use user_connectors::UserConnectors;

/// Options of `muster dev`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("user_connector").multiple(true)))]
pub(super) struct DevArgs {
    /// The address and port to listen on; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// The directory of the server's data [default: a temporary directory, removed at the end].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The `.wasm` file of your connector: it gets an app and a tenant of its name, with the sample app
    /// at each of its endpoints [default: only the embedded connectors].
    #[arg(long, value_name = "FILE", group = "user_connector")]
    connector: Option<PathBuf>,
    /// A folder with `.wasm` files, such as a connector's project: each is used as with --connector,
    /// and again whenever it changes. The differences between versions are printed.
    #[arg(long, value_name = "DIR", group = "user_connector")]
    watch: Option<PathBuf>,
    /// A file with the settings of your connector: a JSON object that matches the connector's schema
    /// [default: no settings].
    #[arg(long, value_name = "FILE", requires = "user_connector")]
    settings: Option<PathBuf>,
    /// The dialect of the tenants: the identity provider whose requests they accept.
    #[arg(long, default_value = "okta")]
    dialect: String,
    /// Print the addresses and tokens as one line of JSON, for test suites.
    #[arg(long)]
    json: bool,
}

/// Options of `muster sample-app`.
#[derive(Args, Debug)]
pub(super) struct SampleAppArgs {
    /// The address and port to listen on.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// The bearer token that clients must present.
    #[arg(long)]
    token: String,
}

pub(super) async fn run(args: DevArgs) -> anyhow::Result<()> {
    log_to_stderr(false, "warn")?;
    let is_restart = args.data.as_ref().is_some_and(|data| data.join("muster.db").exists());
    // Before anything is started, since a missing folder is an error.
    let watch = args.watch.map(|folder| FolderWatch::open(folder, args.json)).transpose()?;
    let config = LocalEnvironmentConfig {
        listen: args.listen,
        data: args.data,
        ..LocalEnvironmentConfig::default()
    };
    let environment = LocalEnvironment::start(config).await?;
    if is_restart {
        // Tokens are shown only once, so a second start with the same data makes new ones.
        environment.revoke_all().await?;
    }
    let DevArgs { settings, dialect, json, .. } = args;
    let connectors =
        UserConnectors { environment: &environment, settings, dialect, json, tenants: Vec::new() };
    serve(&environment, args.connector.as_deref(), connectors, watch).await?;
    environment.stop().await
}

/// Prints the tenants, and serves until the process is asked to stop.
async fn serve(
    environment: &LocalEnvironment,
    connector: Option<&Path>,
    mut connectors: UserConnectors<'_>,
    mut watch: Option<FolderWatch>,
) -> anyhow::Result<()> {
    let mut tenants = Vec::new();
    for connector in &embedded::CONNECTORS {
        tenants
            .push(user_connectors::tenant(environment, connector.name, &connectors.dialect).await?);
    }
    if let Some(file) = connector {
        connectors.load(file).await?;
    }
    let events = match &mut watch {
        Some(watch) => connectors.load_folder(watch).await,
        None => Vec::new(),
    };
    tenants.extend(connectors.tenants.iter().cloned());
    let admin = environment.admin_token().await?;
    let summary = json!({
        "tenants": tenants,
        "admin": { "base_url": format!("{}/admin/v1", environment.url), "token": admin.token },
        "app": { "base_url": environment.app_url, "token": environment.app_token },
    });
    if connectors.json {
        terminal::println!("{summary}");
    } else {
        announce(&summary);
    }
    let Some(mut watch) = watch else {
        stop_signal().await;
        return Ok(());
    };
    watch.print_start();
    events.iter().for_each(|event| watch.print(Some(event)));
    tokio::select! {
        () = stop_signal() => {}
        () = connectors.follow(&mut watch) => {}
    }
    Ok(())
}

fn announce(summary: &Value) {
    terminal::println!("{STRONG}muster dev{STRONG:#}: a temporary server, ready for requests\n");
    user_connectors::table(&summary["tenants"]);
    let admin = &summary["admin"];
    terminal::println!("admin API   {NAME}{}{NAME:#}", output::text(&admin["base_url"]));
    terminal::println!("admin token {NAME}{}{NAME:#}", output::text(&admin["token"]));
    let app = &summary["app"];
    let (app_url, app_token) = (output::text(&app["base_url"]), output::text(&app["token"]));
    terminal::println!("sample app  {NAME}{app_url}{NAME:#}");
    terminal::println!("app token   {NAME}{app_token}{NAME:#}");
    let header = format!("-H 'Authorization: Bearer {app_token}'");
    terminal::println!("\ncurl -s {header} {app_url}/users  {FAINT}# who is in the app{FAINT:#}");
    terminal::println!("curl -s {header} {app_url}/log    {FAINT}# what it was asked{FAINT:#}");
    // For the other commands, in another terminal.
    let url = output::text(&admin["base_url"]);
    let url = url.trim_end_matches("/admin/v1");
    let token = output::text(&admin["token"]);
    terminal::println!("\nexport MUSTER_URL={url} MUSTER_ADMIN_TOKEN={token}\n");
    terminal::println!("{FAINT}Press Ctrl-C to stop.{FAINT:#}");
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
