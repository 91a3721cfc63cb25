//! `muster connector rollback`: puts the version before to work again, for an app or for some of its tenants.

use clap::Args;

use super::promote;
use crate::cli::admin::{Admin, segment};
use crate::cli::output::Format;
use crate::lifecycle::{Promoted, Rollback};

/// Return to the version before, at once.
///
/// A rollback is for all tenants of the app. With --tenant it is for tenants that have a version of
/// their own.
#[derive(Args, Debug)]
pub(super) struct RollbackArgs {
    /// The app's name.
    #[arg(long)]
    app: String,
    /// Roll back only for this tenant of the app; may be given more than once [default: all tenants].
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: RollbackArgs) -> anyhow::Result<()> {
    let path = format!("/apps/{}/rollback", segment(&args.app));
    let back: Promoted = args.admin.post(&path, &Rollback { tenants: args.tenants }).await?;
    args.format.print(&back, |back| promote::print("rolled back", back));
    Ok(())
}
