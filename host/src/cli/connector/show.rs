//! `muster connector show`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::admin::{Admin, segment};
use crate::cli::output::{self, Format, STRONG};

/// Show what a version says of itself, and its lifecycle table.
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// A name, `name@version`, or a digest.
    connector: String,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: ShowArgs) -> anyhow::Result<()> {
    let manifest = args.admin.get(&format!("/connectors/{}", segment(&args.connector))).await?;
    args.format.print(&manifest, show);
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
