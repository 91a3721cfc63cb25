//! `muster connector restore`: takes a retired version back that comes with muster.

use clap::Args;

use crate::cli::admin::{Admin, segment};
use crate::cli::output::{Format, GOOD, NAME};
use crate::lifecycle::ConnectorDetail;
use crate::terminal;

/// Take a retired version back that comes with muster. It decides nothing until it is promoted. Any
/// other version is taken back by pushing its file again.
#[derive(Args, Debug)]
pub(super) struct RestoreArgs {
    /// The version: `name@version`, or a digest.
    connector: String,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: RestoreArgs) -> anyhow::Result<()> {
    let path = format!("/connectors/{}/restore", segment(&args.connector));
    let restored: ConnectorDetail = args.admin.act(&path).await?;
    args.format.print(&restored, |restored| {
        let ConnectorDetail { name, version, .. } = restored;
        terminal::println!("{GOOD}restored{GOOD:#} {NAME}{name}@{version}{NAME:#}");
    });
    Ok(())
}
