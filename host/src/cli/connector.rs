//! `muster connector`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::admin::{Admin, Body, segment};
use super::output::{self, FAINT, Format, GOOD, NAME, STRONG};

/// Options of `muster connector`.
#[derive(Args, Debug)]
pub(super) struct ConnectorArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the versions that there are.
    List,
    /// Show what a version says of itself, and its lifecycle table.
    Show {
        /// A name, `name@version`, or a digest.
        connector: String,
    },
    /// Verify, compile and try a connector, and keep it. It decides nothing until it is promoted.
    Push {
        /// The `.wasm` file: a component, or what `cargo build --target wasm32-unknown-unknown`
        /// leaves.
        file: PathBuf,
    },
    /// Put a version to work for an app, without a restart. What is under way ends as it began.
    Promote {
        /// A name, `name@version`, or a digest.
        connector: String,
        /// The app.
        #[arg(long)]
        app: String,
    },
}

pub(super) async fn run(args: ConnectorArgs) -> anyhow::Result<()> {
    let ConnectorArgs { command, admin, format } = args;
    match command {
        Command::List => {
            let connectors = admin.get("/connectors").await?;
            format.print(&connectors, |connectors| {
                let columns = [
                    ("connector", "name"),
                    ("version", "version"),
                    ("digest", "digest"),
                    ("decides for", "apps"),
                ];
                output::table(&connectors["connectors"], &columns);
            });
        }
        Command::Show { connector } => {
            let manifest = admin.get(&format!("/connectors/{}", segment(&connector))).await?;
            format.print(&manifest, show);
        }
        Command::Push { file } => {
            let wasm =
                std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            let pushed = admin.call(Method::POST, "/connectors", Body::Bytes(wasm)).await?;
            format.print(&pushed, |pushed| {
                let manifest = &pushed["manifest"];
                let (name, version) = (&manifest["name"], &manifest["version"]);
                let (name, version) = (output::text(name), output::text(version));
                anstream::println!("{GOOD}pushed{GOOD:#} {NAME}{name}@{version}{NAME:#}");
                anstream::println!("{FAINT}{}{FAINT:#}", output::text(&pushed["digest"]));
                anstream::println!("next: muster connector promote {name}@{version} --app APP");
            });
        }
        Command::Promote { connector, app } => {
            let path = format!("/apps/{}/promote", segment(&app));
            let promoted = admin.post(&path, json!({ "connector": connector })).await?;
            format.print(&promoted, |promoted| {
                let digest = output::text(&promoted["connector"]);
                anstream::println!("{GOOD}promoted{GOOD:#}: app {app} is decided by {digest}");
            });
        }
    }
    Ok(())
}

/// The manifest, with the lifecycle table that a customer should read.
fn show(manifest: &Value) {
    let word = |name: &str| output::text(&manifest[name]);
    anstream::println!(
        "{STRONG}{} {}{STRONG:#}  {}",
        word("name"),
        word("version"),
        word("membership")
    );
    anstream::println!("{}\n", word("description"));
    let rows: Vec<Value> = manifest["lifecycle"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(event, entry)| {
            json!({ "event": event, "membership": entry["membership"], "text": entry["text"] })
        })
        .collect();
    let columns = [("event", "event"), ("membership", "membership"), ("what happens", "text")];
    output::table(&Value::Array(rows), &columns);
    let endpoints = [("endpoint", "name"), ("what it is", "description")];
    output::table(&manifest["endpoints"], &endpoints);
}
