//! `muster dev`: what integrators and test suites start against.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::output::{self, FAINT, NAME, STRONG};
use super::serve::{log_to_stderr, stop_signal};
use super::stage::{Stage, StageConfig};
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
    let mut tenants = Vec::new();
    for connector in &embedded::CONNECTORS {
        let name = connector.name;
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

fn announce(summary: &Value) {
    anstream::println!("{STRONG}muster dev{STRONG:#}: a throw-away host, ready for requests\n");
    let columns = [("tenant", "tenant"), ("base URL", "base_url"), ("token", "token")];
    output::table(&summary["tenants"], &columns);
    let admin = &summary["admin"];
    anstream::println!("admin API   {NAME}{}{NAME:#}", output::text(&admin["base_url"]));
    anstream::println!("admin token {NAME}{}{NAME:#}", output::text(&admin["token"]));
    anstream::println!("sample app  {NAME}{}{NAME:#}", output::text(&summary["app"]["base_url"]));
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
