//! `muster app`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::admin::{Admin, segment};
use super::limits::LimitArgs;
use super::output::{self, Format};

/// Options of `muster app`.
#[derive(Args, Debug)]
pub(super) struct AppArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the apps.
    List,
    /// Show one app.
    Show {
        /// The app's name.
        name: String,
    },
    /// Make or change an app.
    Put(Put),
    /// Remove an app that no tenant uses.
    Remove {
        /// The app's name.
        name: String,
    },
    /// Go back to the connector version before.
    Rollback {
        /// The app's name.
        name: String,
    },
}

#[derive(Args, Debug)]
struct Put {
    /// The app's name: lower-case letters, digits and hyphens.
    name: String,
    /// The connector: a name, `name@version`, or a digest.
    #[arg(long)]
    connector: String,
    /// A file with the settings, JSON by the connector's schema.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A file with the endpoints: a JSON object of names and configurations, such as
    /// `{"app":{"base_url":"https://api.example.com","auth":{"bearer":{"env":"API_TOKEN"}}}}`.
    #[arg(long, value_name = "FILE")]
    endpoints: Option<PathBuf>,
    /// When identity providers are answered: `when-done` or `when-recorded`.
    #[arg(long, default_value = "when-done")]
    reply: String,
    #[command(flatten)]
    limits: LimitArgs,
}

pub(super) async fn run(args: AppArgs) -> anyhow::Result<()> {
    let AppArgs { command, admin, format } = args;
    match command {
        Command::List => {
            let apps = admin.get("/apps").await?;
            format.print(&apps, |apps| {
                let columns = [("app", "name"), ("decided by", "version"), ("reply", "reply")];
                output::table(&apps["apps"], &columns);
            });
        }
        Command::Show { name } => {
            let app = admin.get(&format!("/apps/{}", segment(&name))).await?;
            format.print(&app, output::object);
        }
        Command::Put(put) => {
            let spec = json!({
                "connector": put.connector,
                "settings": read(put.settings)?,
                "endpoints": read(put.endpoints)?,
                "reply": put.reply,
                "limits": put.limits.spec()?,
            });
            let app = admin.put(&format!("/apps/{}", segment(&put.name)), spec).await?;
            format.print(&app, output::object);
        }
        Command::Remove { name } => {
            let gone = admin.delete(&format!("/apps/{}", segment(&name))).await?;
            format.print(&gone, |_| anstream::println!("app {name} is gone"));
        }
        Command::Rollback { name } => {
            let path = format!("/apps/{}/rollback", segment(&name));
            let back = admin.post(&path, Value::Null).await?;
            format.print(&back, |back| {
                let version = &back["connector"];
                let (connector, version) =
                    (output::text(&version["name"]), output::text(&version["version"]));
                anstream::println!("app {name} is decided by {connector}@{version} again");
            });
        }
    }
    Ok(())
}

/// A JSON object from a file; an empty one without a file.
pub(super) fn read(path: Option<PathBuf>) -> anyhow::Result<Map<String, Value>> {
    let Some(path) = path else { return Ok(Map::new()) };
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON object", path.display()))
}
