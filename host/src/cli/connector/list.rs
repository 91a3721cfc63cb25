//! `muster connector list`: prints the versions that a host has, and where each is in use.

use clap::Args;

use crate::admin_api::{ConnectorQuery, Page};
use crate::cli::admin::{Admin, Named};
use crate::cli::output::{self, Format};
use crate::lifecycle::ConnectorSummary;

/// List the connector versions of the host, the oldest first.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Only the versions of the connector with this name.
    #[arg(long)]
    name: Option<String>,
    /// Only the retired versions.
    #[arg(long)]
    retired: bool,
    /// At most this many [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: ListArgs) -> anyhow::Result<()> {
    let ListArgs { name, retired, limit, admin, format } = args;
    let filter = ConnectorQuery { name, retired: retired.then_some(true) };
    let of = [Named::connector(filter.name.as_deref())];
    let connectors: Page<ConnectorSummary> =
        admin.list_of("/connectors", &filter, limit, &of).await?;
    format.print_page(
        &connectors,
        &[
            ("connector", |it| it.name.clone()),
            ("version", |it| it.version.clone()),
            ("digest", |it| it.digest.clone()),
            ("signed by", |it| output::optional(&it.signer)),
            ("used by app", |it| it.apps.join(", ")),
            ("by tenant alone", |it| it.tenants.join(", ")),
            ("retired", |it| output::optional(&it.retired)),
        ],
    );
    Ok(())
}
