//! `muster connector push`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use reqwest::Method;

use crate::cli::admin::{Admin, Body};
use crate::cli::output::{self, FAINT, Format, GOOD, NAME};

/// Verify, compile and try a connector, and keep it. It decides nothing until it is promoted.
#[derive(Args, Debug)]
pub(super) struct PushArgs {
    /// The `.wasm` file: a component, or what `cargo build --target wasm32-unknown-unknown`
    /// leaves.
    file: PathBuf,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: PushArgs) -> anyhow::Result<()> {
    let PushArgs { file, admin, format } = args;
    let wasm = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let pushed = admin.call(Method::POST, "/connectors", Body::Bytes(wasm)).await?;
    format.print(&pushed, |pushed| {
        let manifest = &pushed["manifest"];
        let (name, version) = (&manifest["name"], &manifest["version"]);
        let (name, version) = (output::text(name), output::text(version));
        anstream::println!("{GOOD}pushed{GOOD:#} {NAME}{name}@{version}{NAME:#}");
        anstream::println!("{FAINT}{}{FAINT:#}", output::text(&pushed["digest"]));
        if pushed["signer"].is_string() {
            anstream::println!("signed by {}", output::text(&pushed["signer"]));
        }
        anstream::println!("next: muster connector promote {name}@{version} --app APP");
    });
    Ok(())
}
