//! `muster tenant`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin::{Admin, segment};
use super::app::read;
use super::output::{self, FAINT, Format, GOOD, NAME, NOTE, STRONG};

/// Options of `muster tenant`.
#[derive(Args, Debug)]
pub(super) struct TenantArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the tenants.
    List,
    /// Show one tenant, and how its requests deviate from the RFCs.
    Show {
        /// The tenant's name.
        name: String,
    },
    /// Make or change a tenant.
    Put(Put),
    /// Hold deprovisioning until the tenant is connected again.
    Pause {
        /// The tenant's name.
        name: String,
    },
    /// Connect a tenant that was paused or disconnected.
    Connect {
        /// The tenant's name.
        name: String,
    },
    /// End the integration: first a preview, then the act.
    Disconnect(Disconnect),
    /// Never deactivate or delete this person's account.
    Protect {
        /// The tenant's name.
        name: String,
        /// The person's SCIM id.
        id: String,
    },
    /// Lift the protection of an account.
    Unprotect {
        /// The tenant's name.
        name: String,
        /// The person's SCIM id.
        id: String,
    },
    /// Remove a tenant that was disconnected, with its directory and tokens.
    Remove {
        /// The tenant's name.
        name: String,
    },
}

#[derive(Args, Debug)]
struct Put {
    /// The tenant's name, which is part of its base URL: lower-case letters, digits and hyphens.
    name: String,
    /// The app.
    #[arg(long)]
    app: String,
    /// The identity provider: okta, entra, onelogin, jumpcloud, ping, google or strict. With
    /// generic, everything harmless is understood, and Okta and Entra are recognised when they call.
    #[arg(long, default_value = "generic")]
    dialect: String,
    /// A file with what differs from the app's settings, a JSON object.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Disconnect {
    /// The tenant's name.
    name: String,
    /// What becomes of the people: `release` leaves every account as it is, `deactivate` and
    /// `remove` take their access away.
    #[arg(long, default_value = "release", value_parser = ["release", "deactivate", "remove"])]
    people: String,
    /// Do it. Without this, only the preview is shown.
    #[arg(long)]
    proceed: bool,
    /// Do not wait until it is finished.
    #[arg(long)]
    no_wait: bool,
}

pub(super) async fn run(args: TenantArgs) -> anyhow::Result<()> {
    let TenantArgs { command, admin, format } = args;
    let state = |tenant: &Value| {
        anstream::println!(
            "tenant {} is {}",
            output::text(&tenant["id"]),
            output::text(&tenant["state"])
        );
    };
    match command {
        Command::List => {
            let tenants = admin.get("/tenants").await?;
            format.print(&tenants, |tenants| {
                let columns = [
                    ("tenant", "id"),
                    ("app", "app"),
                    ("dialect", "dialect"),
                    ("state", "state"),
                    ("base URL", "base_url"),
                ];
                output::table(&tenants["tenants"], &columns);
            });
        }
        Command::Show { name } => {
            format.print(&admin.get(&path(&name, "")).await?, shown);
        }
        Command::Put(put) => {
            let spec =
                json!({ "app": put.app, "dialect": put.dialect, "settings": read(put.settings)? });
            format.print(&admin.put(&path(&put.name, ""), spec).await?, shown);
        }
        Command::Pause { name } => {
            format.print(&admin.post(&path(&name, "/pause"), Value::Null).await?, state);
        }
        Command::Connect { name } => {
            format.print(&admin.post(&path(&name, "/connect"), Value::Null).await?, state);
        }
        Command::Disconnect(args) => disconnect(&admin, format, &args).await?,
        Command::Protect { name, id } => {
            let path = path(&name, &format!("/people/{}/protect", segment(&id)));
            let done = admin.post(&path, Value::Null).await?;
            format.print(&done, |_| anstream::println!("{id} is protected"));
        }
        Command::Unprotect { name, id } => {
            let path = path(&name, &format!("/people/{}/unprotect", segment(&id)));
            let done = admin.post(&path, Value::Null).await?;
            format.print(&done, |_| anstream::println!("{id} is no longer protected"));
        }
        Command::Remove { name } => {
            let gone = admin.delete(&path(&name, "")).await?;
            format.print(&gone, |_| anstream::println!("tenant {name} is gone"));
        }
    }
    Ok(())
}

/// A tenant, and below it what its requests need beyond the RFCs.
fn shown(tenant: &Value) {
    let mut facts = tenant.clone();
    let deviations = facts.as_object_mut().and_then(|it| it.remove("deviations"));
    output::object(&facts);
    let deviations = deviations.unwrap_or_default();
    if deviations.as_array().is_some_and(|it| !it.is_empty()) {
        anstream::println!("\n{STRONG}Deviates from the RFCs{STRONG:#}, since the host started:");
        output::table(&deviations, &[("rule", "rule"), ("times", "times"), ("in", "what")]);
    }
}

fn path(tenant: &str, rest: &str) -> String {
    format!("/tenants/{}{rest}", segment(tenant))
}

async fn disconnect(admin: &Admin, format: Format, args: &Disconnect) -> anyhow::Result<()> {
    let path = path(&args.name, "/disconnect");
    if !args.proceed {
        let question = json!({ "people": args.people, "preview": true });
        format.print(&admin.post(&path, question).await?, preview);
        return Ok(());
    }
    let mut progress = admin.post(&path, json!({ "people": args.people })).await?;
    let goes_on = |it: &Value| it["job"]["state"] == "running";
    while !args.no_wait && goes_on(&progress) {
        if !format.json {
            let left = output::text(&progress["connected"]);
            anstream::eprint!("\r{FAINT}{left} people still connected …{FAINT:#}   ");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        progress = admin.get(&path).await?;
    }
    format.print(&progress, |progress| {
        let (state, left) = (&progress["state"], &progress["connected"]);
        anstream::println!(
            "\r{GOOD}tenant {} is {}{GOOD:#}; {} people are still connected",
            args.name,
            output::text(state),
            output::text(left)
        );
    });
    let job = &progress["job"];
    if job["state"] == "blocked" {
        bail!(
            "the disconnect needs your decision, since {} people could not be let go ({}). \
             `muster operation list --tenant {name}` shows what was tried. Then run it again, \
             also with another --people, or call it off with `muster tenant connect {name}`",
            output::text(&job["failed"]),
            output::text(&job["note"]),
            name = args.name,
        );
    }
    if !args.no_wait && progress["state"] != "disconnected" {
        bail!("the disconnect did not finish: tenant {} is {}", args.name, progress["state"]);
    }
    Ok(())
}

fn preview(preview: &Value) {
    let number = |name: &str| output::text(&preview[name]);
    anstream::println!(
        "{STRONG}Disconnecting {}{STRONG:#} would {NAME}{}{NAME:#} {} people, {} of them active.",
        number("tenant"),
        number("people"),
        number("total"),
        number("active"),
    );
    if preview["refused"] != 0 {
        anstream::println!(
            "{NOTE}The connector refuses to decide for {} of them.{NOTE:#}",
            number("refused")
        );
    }
    let columns =
        [("person", "user_name"), ("active", "active"), ("what would happen", "decision")];
    output::table(&preview["named"], &columns);
    anstream::println!("Nothing was changed. To go on, say --proceed.");
}
