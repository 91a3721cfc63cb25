//! `muster connector promote`.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::replay;
use crate::cli::admin::{Admin, segment};
use crate::cli::output::{self, FAINT, Format, GOOD, NAME, STRONG};
use crate::cli::succession::Following;
use crate::lifecycle::{ConnectorVersion, Promoted};

/// Put a version to work for an app, without a restart. What is under way ends as it began.
///
/// Tells first what changes, tries the version on what was decided lately, and asks. What is
/// promoted for an app is for all its tenants; with --tenant, for some of them first.
#[derive(Args, Debug)]
pub(super) struct PromoteArgs {
    /// A name, `name@version`, or a digest.
    connector: String,
    /// The app.
    #[arg(long)]
    app: String,
    /// Only for this tenant of the app; may be given more than once.
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    /// Do not ask, and do not try it first; it may ask for more than the version before.
    #[arg(long, short)]
    yes: bool,
    /// Try it on so many decisions first, the newest.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    last: u64,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: PromoteArgs) -> anyhow::Result<()> {
    let mut promotion = json!({
        "connector": args.connector, "tenants": args.tenants, "accept": true,
    });
    if !args.yes {
        let Some(from) = asked(&args).await? else {
            anstream::println!("nothing was changed");
            return Ok(());
        };
        promotion["from"] = json!(from.map(|before| before.digest));
    }
    let path = format!("/apps/{}/promote", segment(&args.app));
    let promoted = args.admin.post(&path, promotion).await?;
    args.format.print(&promoted, |promoted| told("promoted", promoted));
    Ok(())
}

/// Shows what would change and asks. The version that was looked at, if the answer is yes.
async fn asked(args: &PromoteArgs) -> anyhow::Result<Option<Option<ConnectorVersion>>> {
    let PromoteArgs { connector, app, tenants, admin, .. } = args;
    if args.format.json || !std::io::stdin().is_terminal() {
        bail!(
            "promoting asks first, and there is nobody to ask: look at `muster connector replay \
             {connector} --app {app}`, then give --yes"
        );
    }
    let question = json!({ "connector": connector, "tenants": tenants, "preview": true });
    let preview = admin.post(&format!("/apps/{}/promote", segment(app)), question).await?;
    let preview: Promoted =
        serde_json::from_value(preview).context("another version of muster answers")?;
    anstream::print!("{}", Following(&preview));
    let tenant = if let [tenant] = tenants.as_slice() { Some(tenant) } else { None };
    let digest = &preview.connector.digest;
    let spec = json!({ "connector": digest, "last": args.last, "tenant": tenant });
    replay::print(&replay::replay(admin, app, spec).await?);
    anstream::print!("{STRONG}promote it?{STRONG:#} [y/N] ");
    std::io::Write::flush(&mut std::io::stdout())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    Ok(yes.then_some(preview.before))
}

/// Who decides from now on.
pub(super) fn told(done: &str, promoted: &Value) {
    let connector = &promoted["connector"];
    let name =
        format!("{}@{}", output::text(&connector["name"]), output::text(&connector["version"]));
    let (app, tenants) = (output::text(&promoted["app"]), output::text(&promoted["tenants"]));
    let whom = if tenants.is_empty() {
        format!("app {app} is")
    } else {
        format!("tenant {tenants} of app {app} is")
    };
    anstream::println!(
        "{GOOD}{done}{GOOD:#}: {whom} decided by {NAME}{name}{NAME:#} {FAINT}{}{FAINT:#}",
        output::text(&connector["digest"])
    );
    let ended = output::text(&promoted["ended"]);
    if !ended.is_empty() {
        anstream::println!("tenant {ended} has no version of its own any more");
    }
}
