//! `muster person`: erases a person who is gone from the directory.

use clap::{Args, Subcommand};

use super::admin::{Admin, segment};
use super::output::{self, Format, GOOD, NAME, NOTE, STRONG};
use crate::admin_api::ErasureRequest;
use crate::lifecycle::Erasure;
use crate::terminal;

/// Options of `muster person`.
#[derive(Args, Debug)]
pub(super) struct PersonArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Erase a person who is gone from the directory: first a preview, then with --proceed.
    ///
    /// The journal keeps what was decided and when, without names, addresses, documents and calls, and so it
    /// is with operations on others that name the person, such as those of their groups. Someone who comes
    /// back is not recognised afterwards. Backups that were made before still have the person.
    Erase {
        /// The tenant's name.
        tenant: String,
        /// The person's SCIM id, or the userName that they had.
        user: String,
        /// Erase them; it cannot be undone.
        #[arg(long)]
        proceed: bool,
    },
}

pub(super) async fn run(args: PersonArgs) -> anyhow::Result<()> {
    let PersonArgs { command: Command::Erase { tenant, user, proceed }, admin, format } = args;
    let path = format!("/tenants/{}/people/{}/erase", segment(&tenant), segment(&user));
    let erasure: Erasure = admin.post(&path, &ErasureRequest { preview: !proceed }).await?;
    format.print(&erasure, print);
    Ok(())
}

fn print(erasure: &Erasure) {
    let Erasure { tenant, id, done, operations, mentions, jobs, log_emptied } = erasure;
    match done {
        true => terminal::println!("{GOOD}erased{GOOD:#} {NAME}{id}{NAME:#} of tenant {tenant}"),
        false => terminal::println!(
            "{STRONG}Erasing {NAME}{id}{NAME:#} of tenant {tenant}{STRONG:#} would change:"
        ),
    }
    let count = |n: &u64| output::count(*n, "operation", "operations");
    terminal::println!("  {} on the person", count(operations));
    terminal::println!("  {} on others that name them", count(mentions));
    terminal::println!("  {} that name them", output::count(*jobs, "job", "jobs"));
    match (done, log_emptied) {
        (false, _) => terminal::println!("Nothing was changed. To go on, give --proceed."),
        (true, false) => terminal::println!(
            "{NOTE}The log still has what a long read needs, such as a backup: run it again later.{NOTE:#}"
        ),
        (true, true) => terminal::println!("Backups that were made before still have the person."),
    }
}
