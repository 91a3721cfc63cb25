//! `muster connector retire`: removes a version that is not in use from a host. Its name stays, for the
//! journal.

use clap::Args;

use crate::cli::admin::{Admin, segment};
use crate::cli::output::{Format, GOOD, NAME};
use crate::lifecycle::ConnectorDetail;
use crate::terminal;

/// Remove a version that is no longer used. Its name and version stay reserved, since the journal
/// refers to them.
#[derive(Args, Debug)]
pub(super) struct RetireArgs {
    /// The version: `name@version`, or a digest.
    connector: String,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: RetireArgs) -> anyhow::Result<()> {
    let path = format!("/connectors/{}/retire", segment(&args.connector));
    let retired: ConnectorDetail = args.admin.act(&path).await?;
    args.format.print(&retired, |retired| {
        let ConnectorDetail { name, version, .. } = retired;
        terminal::println!("{GOOD}retired{GOOD:#} {NAME}{name}@{version}{NAME:#}");
    });
    Ok(())
}
