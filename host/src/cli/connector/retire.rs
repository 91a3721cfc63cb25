//! `muster connector retire`.

use clap::Args;
use serde_json::Value;

use crate::cli::admin::{Admin, segment};
use crate::cli::output::{self, Format, GOOD, NAME};

/// Remove a version that nobody uses any more. Its name stays, since the journal names it.
#[derive(Args, Debug)]
pub(super) struct RetireArgs {
    /// `name@version`, or a digest.
    connector: String,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: RetireArgs) -> anyhow::Result<()> {
    let path = format!("/connectors/{}/retire", segment(&args.connector));
    let retired = args.admin.post(&path, Value::Null).await?;
    args.format.print(&retired, |retired| {
        let (name, version) = (output::text(&retired["name"]), output::text(&retired["version"]));
        anstream::println!("{GOOD}retired{GOOD:#} {NAME}{name}@{version}{NAME:#}");
    });
    Ok(())
}
