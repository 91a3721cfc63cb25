//! `muster connector show`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::admin::{Admin, segment};
use crate::cli::output::{self, FAINT, Format, NOTE, STRONG};

/// Show a version: where it is used, what it says of itself, and its lifecycle table.
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
    let detail: Value =
        args.admin.get(&format!("/connectors/{}", segment(&args.connector))).await?;
    args.format.print(&detail, |detail| {
        manifest(&detail["manifest"], &output::text(&detail["version"]));
        origin(detail);
    });
    Ok(())
}

/// Where it comes from, and where it is used.
fn origin(detail: &Value) {
    anstream::println!();
    let line = |name: &str, text: &str| {
        if !text.is_empty() {
            anstream::println!("{FAINT}{name:<18}{FAINT:#}{text}");
        }
    };
    line("digest", &output::text(&detail["digest"]));
    line("bytes", &output::text(&detail["size"]));
    line("pushed", &output::text(&detail["created"]));
    line("signed by", detail["signer"].as_str().unwrap_or_default());
    let used = &detail["used"];
    line("decides for app", &output::text(&used["apps"]));
    line("for tenant alone", &output::text(&used["tenants"]));
    line("before, for app", &output::text(&used["previous_of_apps"]));
    line("before, for tenant", &output::text(&used["previous_of_tenants"]));
    if used["operations"].as_u64().is_some_and(|count| count > 0) {
        line("open operations", &output::text(&used["operations"]));
    }
    if detail["retired"].is_string() {
        let since = output::text(&detail["retired"]);
        anstream::println!("{NOTE}retired{NOTE:#} at {since}: its name is left, for the journal");
    }
}

/// The manifest, with the lifecycle table that a customer should read.
fn manifest(manifest: &Value, version: &str) {
    let word = |name: &str| output::text(&manifest[name]);
    anstream::println!("{STRONG}{} {}{STRONG:#}  {}", word("name"), version, word("membership"));
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
