//! `muster connector promote`.

use std::io::{BufRead, IsTerminal};

use anyhow::bail;
use clap::Args;

use super::replay;
use crate::cli::admin::{Admin, segment};
use crate::cli::output::{FAINT, Format, GOOD, NAME, STRONG};
use crate::cli::settings::SettingChangeArgs;
use crate::cli::succession::Following;
use crate::lifecycle::{AppChange, ConnectorVersion, Promoted, Promotion, ReplaySpec};

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
    settings: SettingChangeArgs,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: PromoteArgs) -> anyhow::Result<()> {
    let set = args.settings.clone().changes()?.of_app();
    let mut promotion = Promotion {
        connector: args.connector.clone(),
        tenants: args.tenants.clone(),
        accept: true,
        set: set.clone(),
        ..Promotion::default()
    };
    if !args.yes {
        let Some(from) = asked(&args, set).await? else {
            anstream::println!("nothing was changed");
            return Ok(());
        };
        promotion.from = from.map(|before| before.digest);
    }
    let path = format!("/apps/{}/promote", segment(&args.app));
    let promoted: Promoted = args.admin.post(&path, &promotion).await?;
    args.format.print(&promoted, |promoted| told("promoted", promoted));
    Ok(())
}

/// Shows what would change and asks. The version that was looked at, if the answer is yes.
async fn asked(
    args: &PromoteArgs,
    set: Option<AppChange>,
) -> anyhow::Result<Option<Option<ConnectorVersion>>> {
    let PromoteArgs { connector, app, tenants, admin, .. } = args;
    if args.format.json || !std::io::stdin().is_terminal() {
        bail!(
            "promoting asks first, and there is nobody to ask: look at `muster connector replay \
             {connector} --app {app}`, then give --yes"
        );
    }
    let question = Promotion {
        connector: connector.clone(),
        tenants: tenants.clone(),
        preview: true,
        set,
        ..Promotion::default()
    };
    let path = format!("/apps/{}/promote", segment(app));
    let preview: Promoted = admin.post(&path, &question).await?;
    anstream::print!("{}", Following(&preview));
    let tenant = if let [tenant] = tenants.as_slice() { Some(tenant.clone()) } else { None };
    let connector = preview.connector.digest.clone();
    let spec = ReplaySpec { connector, last: Some(args.last), tenant, since: None };
    replay::print(&replay::replay(admin, app, spec).await?);
    anstream::print!("{STRONG}promote it?{STRONG:#} [y/N] ");
    std::io::Write::flush(&mut std::io::stdout())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    Ok(yes.then_some(preview.before))
}

/// Who decides from now on.
pub(super) fn told(done: &str, promoted: &Promoted) {
    let Promoted { app, connector, .. } = promoted;
    let tenants = promoted.tenants.join(", ");
    let whom = if tenants.is_empty() {
        format!("app {app} is")
    } else {
        format!("tenant {tenants} of app {app} is")
    };
    anstream::println!(
        "{GOOD}{done}{GOOD:#}: {whom} decided by {NAME}{connector}{NAME:#} {FAINT}{}{FAINT:#}",
        connector.digest
    );
    let ended = promoted.ended.join(", ");
    if !ended.is_empty() {
        anstream::println!("tenant {ended} has no version of its own any more");
    }
}
