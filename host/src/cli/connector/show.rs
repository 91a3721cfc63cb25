//! `muster connector show`: prints what a version says about itself in its manifest (what each event means
//! in the app, its settings, its endpoints), and which apps and tenants use it.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::admin::{Admin, segment};
use crate::cli::output::{self, FAINT, Format, NOTE, STRONG};
use crate::terminal;

/// Show a version: its description, lifecycle table and endpoints, and the apps that use it.
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// The version: a connector's name, `name@version`, or a digest.
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

/// Prints the version's origin and use.
fn origin(detail: &Value) {
    terminal::println!();
    let line = |name: &str, text: &str| {
        if !text.is_empty() {
            terminal::println!("{FAINT}{name:<18}{FAINT:#}{text}");
        }
    };
    line("digest", &output::text(&detail["digest"]));
    // The file of a retired version is not kept.
    if detail["retired"].is_null() {
        line("bytes", &output::text(&detail["size"]));
    }
    line("pushed", &output::text(&detail["created"]));
    line("signed by", detail["signer"].as_str().unwrap_or_default());
    let used = &detail["used"];
    line("used by app", &output::text(&used["apps"]));
    line("by tenant alone", &output::text(&used["tenants"]));
    line("previous of app", &output::text(&used["previous_of_apps"]));
    line("previous of tenant", &output::text(&used["previous_of_tenants"]));
    if used["operations"].as_u64().is_some_and(|count| count > 0) {
        line("open operations", &output::text(&used["operations"]));
    }
    if detail["retired"].is_string() {
        let since = output::text(&detail["retired"]);
        terminal::println!("{NOTE}retired{NOTE:#} at {since}; the journal still refers to it");
    }
}

/// Prints the manifest, with the lifecycle table, which is written for customers.
fn manifest(manifest: &Value, version: &str) {
    let word = |name: &str| output::text(&manifest[name]);
    terminal::println!("{STRONG}{} {}{STRONG:#}  {}", word("name"), version, word("membership"));
    terminal::println!("{}\n", word("description"));
    let rows: Vec<Value> = manifest["lifecycle"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(event, entry)| {
            json!({ "event": event, "membership": entry["membership"], "text": entry["text"] })
        })
        .collect();
    let columns = [("event", "event"), ("membership", "membership"), ("effect", "text")];
    output::table(&Value::Array(rows), &columns);
    if manifest["features"]["groups"] == true {
        let lost = match manifest["groups_lost"].as_str() {
            Some("suspended") => "when it is suspended or absent",
            Some("never") => "never",
            _ => "when it is absent",
        };
        terminal::println!("{FAINT}groups lost by an account in the app{FAINT:#}  {lost}\n");
    }
    if manifest["accounts_matched_by"] == "other" {
        let why =
            "something other than a name: what takes an account away is done alone in the app";
        terminal::println!("{FAINT}accounts are found by{FAINT:#}  {why}\n");
    }
    scim(&manifest["scim"]);
    settings(&manifest["settings"]);
    let endpoints = [("endpoint", "name"), ("description", "description")];
    output::table(&manifest["endpoints"], &endpoints);
}

/// Prints the additions to the standard schemas of SCIM.
fn scim(additions: &Value) {
    if additions["required"].as_array().is_some_and(|names| !names.is_empty()) {
        let names = output::text(&additions["required"]);
        terminal::println!("{FAINT}required of each user{FAINT:#}  {names}\n");
    }
    let extensions = rows_of(&additions["extensions"], |extension| {
        let required = if extension["required"] == true { "yes" } else { "no" };
        json!({ "of": extension["resource_type"], "schema": extension["schema"], "required": required })
    });
    if extensions != json!([]) {
        let columns = [("extension of", "of"), ("schema", "schema"), ("required", "required")];
        output::table(&extensions, &columns);
    }
    let types = rows_of(&additions["resource_types"], |added| {
        let resources = match added["setting"].as_str() {
            Some(setting) => format!("listed in the setting {setting}"),
            None => "written by identity providers".to_owned(),
        };
        json!({
            "name": added["name"], "endpoint": added["endpoint"], "resources": resources,
            "description": added["description"],
        })
    });
    if types != json!([]) {
        let columns = [
            ("resource type", "name"),
            ("path", "endpoint"),
            ("resources", "resources"),
            ("description", "description"),
        ];
        output::table(&types, &columns);
    }
}

fn rows_of(list: &Value, row: impl Fn(&Value) -> Value) -> Value {
    list.as_array().into_iter().flatten().map(row).collect()
}

/// Prints the settings that a JSON Schema describes.
fn settings(schema: &Value) {
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name))
    };
    let rows: Vec<Value> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let values = match property["enum"].as_array() {
                Some(values) => values.iter().map(output::text).collect::<Vec<_>>().join(", "),
                None => output::text(&property["type"]),
            };
            let default = match (&property["default"], required(name)) {
                (Value::Null, true) => "required".to_owned(),
                (default, _) => output::text(default),
            };
            let description = &property["description"];
            json!({ "name": name, "values": values, "default": default, "description": description })
        })
        .collect();
    if !rows.is_empty() {
        let columns = [
            ("setting", "name"),
            ("values", "values"),
            ("default", "default"),
            ("description", "description"),
        ];
        output::table(&Value::Array(rows), &columns);
    }
}
