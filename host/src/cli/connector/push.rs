//! `muster connector push`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::registry::{self, Place, SCHEME};
use crate::cli::admin::Admin;
use crate::cli::output::{self, FAINT, Format, GOOD, NAME};

/// Verify, compile and try a connector, and keep it. It decides nothing until it is promoted.
#[derive(Args, Debug)]
pub(super) struct PushArgs {
    /// The `.wasm` file: a component, or what `cargo build --target wasm32-unknown-unknown`
    /// leaves. Or the place in an OCI registry where it is.
    #[arg(value_name = "FILE|oci://PLACE")]
    file: String,
    /// Push it into this OCI registry, and not to a host, such as
    /// `oci://registry.example.com/acme/newsletter:1.2.0`; `docker login` says who you are there.
    #[arg(value_name = "oci://PLACE")]
    to: Option<Place>,
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
            anstream::println!("{GOOD}pushed{GOOD:#} {NAME}{place}{NAME:#}");
            anstream::println!("{FAINT}{pinned}{FAINT:#}");
            anstream::println!("next: muster connector push {pinned}");
        });
        return Ok(());
    }
    let pushed: Value = admin.push("/connectors", wasm).await?;
    format.print(&pushed, kept);
    Ok(())
}

async fn read(file: &str) -> anyhow::Result<Vec<u8>> {
    if file.starts_with(SCHEME) {
        let place: Place = file.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
        let (wasm, pinned) = registry::pull(&place).await?;
        anstream::eprintln!("{FAINT}{pinned}{FAINT:#}");
        return Ok(wasm);
    }
    let file = PathBuf::from(file);
    std::fs::read(&file).with_context(|| format!("reading {}", file.display()))
}

fn kept(pushed: &Value) {
    let (name, version) = (&pushed["manifest"]["name"], &pushed["version"]);
    let (name, version) = (output::text(name), output::text(version));
    anstream::println!("{GOOD}pushed{GOOD:#} {NAME}{name}@{version}{NAME:#}");
    anstream::println!("{FAINT}{}{FAINT:#}", output::text(&pushed["digest"]));
    if pushed["signer"].is_string() {
        anstream::println!("signed by {}", output::text(&pushed["signer"]));
    }
    anstream::println!("next: muster connector promote {name}@{version} --app APP");
}
