//! `muster connector promote`.

use clap::Args;
use serde_json::json;

use crate::cli::admin::{Admin, segment};
use crate::cli::output::{self, Format, GOOD};

/// Put a version to work for an app, without a restart. What is under way ends as it began.
#[derive(Args, Debug)]
pub(super) struct PromoteArgs {
    /// A name, `name@version`, or a digest.
    connector: String,
    /// The app.
    #[arg(long)]
    app: String,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: PromoteArgs) -> anyhow::Result<()> {
    let PromoteArgs { connector, app, admin, format } = args;
    let path = format!("/apps/{}/promote", segment(&app));
    let promoted = admin.post(&path, json!({ "connector": connector })).await?;
    format.print(&promoted, |promoted| {
        let digest = output::text(&promoted["connector"]);
        anstream::println!("{GOOD}promoted{GOOD:#}: app {app} is decided by {digest}");
    });
    Ok(())
}
