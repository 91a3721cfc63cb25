//! `muster connector promote`: previews a promotion, replays recorded decisions, asks, and promotes.

use std::io::{BufRead, IsTerminal};

use anyhow::bail;
use clap::Args;

use super::replay;
use crate::cli::admin::{Admin, segment};
use crate::cli::output::{FAINT, Format, GOOD, NAME, STRONG};
use crate::cli::settings::SettingChangeArgs;
use crate::cli::version_change::VersionChange;
use crate::lifecycle::{AppChange, ConnectorVersion, Promoted, Promotion, ReplaySpec};
use crate::terminal;

/// Promote a version for an app, without a restart. Operations that have begun end with the version
/// that they began with.
///
/// First prints what changes, replays recent decisions with the version, and asks for confirmation. A
/// promotion is for all tenants of the app, or with --tenant for some of them.
#[derive(Args, Debug)]
pub(super) struct PromoteArgs {
    /// The version: a connector's name, `name@version`, or a digest.
    connector: String,
    /// The app's name.
    #[arg(long)]
    app: String,
    /// Promote only for this tenant of the app; may be given more than once [default: all tenants].
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    /// Do not replay and do not ask, and accept that the version may ask for more endpoints and
    /// settings than the one before.
    #[arg(long, short)]
    yes: bool,
    /// The number of recorded decisions to replay first, the newest ones.
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
        let Some(from) = confirmed(&args, set).await? else {
            terminal::println!("nothing was changed");
            return Ok(());
        };
        promotion.from = from.map(|before| before.digest);
    }
    let path = format!("/apps/{}/promote", segment(&args.app));
    let promoted: Promoted = args.admin.post(&path, &promotion).await?;
    args.format.print(&promoted, |promoted| print("promoted", promoted));
    Ok(())
}

/// Prints what would change, and asks. If the operator confirms, returns the version in use, which the
/// promotion then expects.
async fn confirmed(
    args: &PromoteArgs,
    set: Option<AppChange>,
) -> anyhow::Result<Option<Option<ConnectorVersion>>> {
    let PromoteArgs { connector, app, tenants, admin, .. } = args;
    if args.format.json || !std::io::stdin().is_terminal() {
        bail!(
            "a promotion must be confirmed, and there is no terminal: check `muster connector replay \
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
    terminal::print!("{}", VersionChange(&preview));
    let tenant = if let [tenant] = tenants.as_slice() { Some(tenant.clone()) } else { None };
    let connector = preview.connector.digest.clone();
    let spec = ReplaySpec { connector, last: Some(args.last), tenant, since: None };
    replay::print(&replay::replay(admin, app, spec).await?);
    terminal::print!("{STRONG}promote it?{STRONG:#} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    Ok(yes.then_some(preview.before))
}

/// Prints the version that the app or its tenants use now.
pub(super) fn print(done: &str, promoted: &Promoted) {
    let Promoted { app, connector, .. } = promoted;
    let tenants = promoted.tenants.join(", ");
    let scope = if tenants.is_empty() {
        format!("app {app}")
    } else {
        format!("tenant {tenants} of app {app}")
    };
    terminal::println!(
        "{GOOD}{done}{GOOD:#}: {scope} now uses {NAME}{connector}{NAME:#} {FAINT}{}{FAINT:#}",
        connector.digest
    );
    let ended = promoted.ended.join(", ");
    if !ended.is_empty() {
        terminal::println!("tenant {ended} no longer has a version of its own");
    }
}
