//! `muster connector list`.

use clap::Args;

use crate::cli::admin::Admin;
use crate::cli::output::{self, Format};

/// List the versions that there are.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: ListArgs) -> anyhow::Result<()> {
    let connectors = args.admin.get("/connectors").await?;
    args.format.print(&connectors, |connectors| {
        let columns = [
            ("connector", "name"),
            ("version", "version"),
            ("digest", "digest"),
            ("signed by", "signer"),
            ("decides for", "apps"),
            ("for tenant alone", "tenants"),
            ("retired", "retired"),
        ];
        output::table(&connectors["connectors"], &columns);
    });
    Ok(())
}
