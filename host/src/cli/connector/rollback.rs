//! `muster connector rollback`.

use clap::Args;

use super::promote;
use crate::cli::admin::{Admin, segment};
use crate::cli::output::Format;
use crate::lifecycle::{Promoted, Rollback};

/// Go back to the version before, at once.
///
/// What is rolled back for an app is for all its tenants; with --tenant, only for those that have a
/// version of their own.
#[derive(Args, Debug)]
pub(super) struct RollbackArgs {
    /// The app.
    #[arg(long)]
    app: String,
    /// Only for this tenant of the app; may be given more than once.
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
    args.format.print(&back, |back| promote::told("rolled back", back));
    Ok(())
}
