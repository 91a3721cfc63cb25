//! `muster connector push`: sends a connector to a host, or to an OCI registry.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::registry::{self, RegistryReference, SCHEME};
use crate::cli::admin::Admin;
use crate::cli::output::{self, FAINT, Format, GOOD, NAME};
use crate::terminal;

/// Push a connector to a host, which verifies, compiles and stores it. It is not used until it is
/// promoted.
#[derive(Args, Debug)]
pub(super) struct PushArgs {
    /// The `.wasm` file: a component, or the output of `cargo build --target wasm32-unknown-unknown`.
    /// Or its address in an OCI registry.
    #[arg(value_name = "FILE|oci://ADDRESS")]
    file: String,
    /// Push it to this address in an OCI registry instead of to a host, such as
    /// `oci://registry.example.com/acme/newsletter:1.2.0`. Credentials are those of `docker login`.
    #[arg(value_name = "oci://ADDRESS")]
    to: Option<RegistryReference>,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: PushArgs) -> anyhow::Result<()> {
    let PushArgs { file, to, admin, format } = args;
    let wasm = read(&file).await?;
    if let Some(place) = to {
        let pinned = registry::push(wasm, &place).await?;
        let pushed = json!({ "pushed": place.to_string(), "digest": pinned.to_string() });
        format.print(&pushed, |_| {
            terminal::println!("{GOOD}pushed{GOOD:#} {NAME}{place}{NAME:#}");
            terminal::println!("{FAINT}{pinned}{FAINT:#}");
            terminal::println!("next: muster connector push {pinned}");
        });
        return Ok(());
    }
    let pushed: Value = admin.push("/connectors", wasm).await?;
    format.print(&pushed, print_pushed);
    Ok(())
}

async fn read(file: &str) -> anyhow::Result<Vec<u8>> {
    if file.starts_with(SCHEME) {
        let place: RegistryReference = file.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
        let (wasm, pinned) = registry::pull(&place).await?;
        terminal::eprintln!("{FAINT}{pinned}{FAINT:#}");
        return Ok(wasm);
    }
    let file = PathBuf::from(file);
    std::fs::read(&file).with_context(|| format!("reading {}", file.display()))
}

fn print_pushed(pushed: &Value) {
    let (name, version) = (&pushed["manifest"]["name"], &pushed["version"]);
    let (name, version) = (output::text(name), output::text(version));
    terminal::println!("{GOOD}pushed{GOOD:#} {NAME}{name}@{version}{NAME:#}");
    terminal::println!("{FAINT}{}{FAINT:#}", output::text(&pushed["digest"]));
    if pushed["signer"].is_string() {
        terminal::println!("signed by {}", output::text(&pushed["signer"]));
    }
    terminal::println!("next: muster connector promote {name}@{version} --app APP");
}
