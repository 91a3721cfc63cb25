//! `muster app`: lists, shows, creates, changes and removes apps: the connector of each, its settings, its
//! endpoints and its limits.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::admin::{Admin, segment};
use super::limits::LimitArgs;
use super::output::{self, Format};
use super::settings::{SettingArgs, SettingChangeArgs, SettingChanges, read_json};
use crate::admin_api::{AppView, Page};
use crate::lifecycle::snapshot::ReplyMode;
use crate::lifecycle::{AppChange, NewApp, Promoted, Rollback};
use crate::terminal;

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
    List {
        /// At most this many [default: all].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// Show one app.
    Show {
        /// The app's name.
        name: String,
    },
    /// Create an app.
    #[command(after_long_help = CREATE_EXAMPLE)]
    Create(Create),
    /// Change an app: what is given changes, the rest stays.
    ///
    /// The connector stays as well; `muster connector promote` and `rollback` change it.
    #[command(after_long_help = SET_EXAMPLE)]
    Set(Set),
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

const CREATE_EXAMPLE: &str = "\
Example:
  muster app create crm --connector two-state --endpoints endpoints.json

with endpoints.json:
  {\"app\": {\"base_url\": \"https://api.example.com/v1\", \"auth\": {\"bearer\": {\"env\": \"CRM_TOKEN\"}}}}";

const SET_EXAMPLE: &str = "\
Example:
  muster app set crm --set organization=acme --limit time=250ms --limit calls=default";

#[derive(Args, Debug)]
struct Create {
    /// The app's name: 1 to 63 lower-case letters, digits and hyphens.
    name: String,
    /// The connector that decides: a name (its newest version), `name@version`, or a digest.
    #[arg(long)]
    connector: String,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    endpoints: EndpointArgs,
    /// When identity providers are answered: when the app has the change, or as soon as the change
    /// is recorded.
    #[arg(long, default_value = "when-done", value_parser = replies())]
    reply: String,
    #[command(flatten)]
    shared: SharedArg,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Args, Debug)]
struct Set {
    /// The app's name.
    name: String,
    #[command(flatten)]
    settings: SettingChangeArgs,
    #[command(flatten)]
    endpoints: EndpointArgs,
    /// Remove one endpoint; may be given more than once.
    #[arg(long, value_name = "NAME")]
    remove_endpoint: Vec<String>,
    /// When identity providers are answered: when the app has the change, or as soon as the change
    /// is recorded.
    #[arg(long, value_parser = replies())]
    reply: Option<String>,
    #[command(flatten)]
    shared: SharedArg,
    #[command(flatten)]
    limits: LimitArgs,
    /// Refused by the host, which says what to do.
    #[arg(long, hide = true)]
    connector: Option<String>,
}

/// Whose the accounts of an app are.
#[derive(Args, Clone, Copy, Debug)]
struct SharedArg {
    /// Whether one account of the app can be several customers', also of some who do not use muster. Then a
    /// tenant changes and deletes only accounts that are its own: those that it made, those in its e-mail
    /// domains (`muster tenant set --domain`), and those that were adopted (`muster tenant adopt`). By
    /// default true.
    #[arg(long, value_name = "BOOL")]
    shared: Option<bool>,
}

/// The endpoints of an app.
#[derive(Args, Clone, Debug)]
struct EndpointArgs {
    /// A file with all endpoints, a JSON object of names and configurations. Secrets are given as
    /// `{"env": "NAME"}` or `{"file": "PATH"}`, or as `{"value": "…"}`, which is stored.
    #[arg(long, value_name = "FILE")]
    endpoints: Option<PathBuf>,
    /// One endpoint, by its name and a file with its configuration; may be given more than once.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    endpoint: Vec<(String, PathBuf)>,
}

impl EndpointArgs {
    fn all(&self) -> anyhow::Result<Option<Map<String, Value>>> {
        self.endpoints.as_deref().map(read_json).transpose()
    }

    fn single(&self) -> anyhow::Result<Map<String, Value>> {
        let read = |(name, file): &(String, PathBuf)| Ok((name.clone(), read_json(file)?));
        self.endpoint.iter().map(read).collect()
    }
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() => Ok((name.to_owned(), Path::new(file).to_owned())),
        _ => Err("it is a name and a file, such as app=app.json".to_owned()),
    }
}

fn replies() -> PossibleValuesParser {
    PossibleValuesParser::new([ReplyMode::WhenDone, ReplyMode::WhenRecorded].map(ReplyMode::name))
}

fn reply(name: &str) -> anyhow::Result<ReplyMode> {
    Ok(serde_json::from_value(Value::from(name))?)
}

pub(super) async fn run(args: AppArgs) -> anyhow::Result<()> {
    let AppArgs { command, admin, format } = args;
    let path = |name: &str| format!("/apps/{}", segment(name));
    match command {
        Command::List { limit } => {
            let apps: Page<AppView> = admin.list("/apps", &(), limit).await?;
            format.print_page(
                &apps,
                &[
                    ("app", |app| app.name.clone()),
                    ("decided by", |app| output::optional(&app.version)),
                    ("reply", |app| app.reply.name().to_owned()),
                ],
            );
        }
        Command::Show { name } => {
            let app: AppView = admin.get(&path(&name)).await?;
            format.print(&app, output::members);
        }
        Command::Create(args) => {
            let app: AppView = admin.post("/apps", &new_app(args)?).await?;
            format.print(&app, output::members);
        }
        Command::Set(args) => {
            let path = path(&args.name);
            let app: AppView = admin.patch(&path, &change(args)?).await?;
            format.print(&app, output::members);
        }
        Command::Remove { name } => {
            admin.delete(&path(&name)).await?;
            format.print(&(), |()| terminal::println!("app {name} is removed"));
        }
        Command::Rollback { name } => {
            let path = format!("{}/rollback", path(&name));
            let back: Promoted = admin.post(&path, &Rollback::default()).await?;
            format.print(&back, |back| {
                terminal::println!("app {name} is decided by {} again", back.connector);
            });
        }
    }
    Ok(())
}

fn new_app(args: Create) -> anyhow::Result<NewApp> {
    let mut endpoints = args.endpoints.all()?.unwrap_or_default();
    endpoints.extend(args.endpoints.single()?);
    Ok(NewApp {
        name: args.name,
        connector: args.connector,
        settings: args.settings.read()?,
        endpoints,
        reply: reply(&args.reply)?,
        limits: args.limits.spec()?,
        shared: args.shared.shared.unwrap_or(true),
    })
}

fn change(args: Set) -> anyhow::Result<AppChange> {
    let SettingChanges { settings, set_settings, unset_settings } = args.settings.changes()?;
    let change = AppChange {
        settings,
        set_settings,
        unset_settings,
        endpoints: args.endpoints.all()?.map(Some),
        set_endpoints: args.endpoints.single()?,
        unset_endpoints: args.remove_endpoint,
        reply: args.reply.as_deref().map(reply).transpose()?.map(Some),
        limits: args.limits.change()?.map(Some),
        shared: args.shared.shared.map(Some),
        connector: args.connector.map(|connector| Some(Value::from(connector))),
    };
    if serde_json::to_value(&change)? == Value::Object(Map::new()) {
        bail!("nothing to change; `muster app set --help` shows what can be changed");
    }
    Ok(change)
}
