//! `muster host-key`: makes another host key for a database whose key is lost.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::data_directory::{DataArgs, DataDirectory};
use super::output::{self, FAINT, Format, GOOD, NAME, NOTE};
use crate::clock::Clock;
use crate::lifecycle::HostKey;
use crate::store::{self, Store};
use crate::terminal;

/// Options of `muster host-key`.
#[derive(Args, Debug)]
pub(super) struct HostKeyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replace(ReplaceArgs),
}

/// What is lost with a key, for the help text.
const LOST: &str = "\
What is lost with the key:
  - passwords that wait in the journal: operations that need one are not carried out until the
    identity provider sends it again, or the operation is dropped
  - credentials of apps that were given as values: such an app is not served until they are given again
  - cursors that identity providers hold: they begin their lists again
  - compiled connectors: the next start compiles them again
Tokens, the directory, accounts, settings, and credentials of apps that come from variables and files do
not depend on the key.

Example:
  muster host-key replace --data /var/lib/muster";

/// Make another host key for a database whose key is lost for good. The host must be stopped.
///
/// The file host.key is beside the database. Look for it in the data directory that the database came
/// from, and in backups, before you replace it. A key that is there and does not fit is kept under
/// another name.
#[derive(Args, Debug)]
#[command(after_help = LOST)]
struct ReplaceArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: HostKeyArgs) -> anyhow::Result<()> {
    let Command::Replace(args) = args.command;
    let data = args.data.directory()?;
    let store = Store::open(&data.database()?, Clock::system()).await?;
    let replaced = replace(&store, &data).await;
    store.close().await?;
    let (kept, passwords, apps) = replaced?;
    let path = data.host_key();
    let replaced = json!({ "host_key": path, "kept": kept, "lost_passwords": passwords, "lost_credentials": apps });
    args.format.print(&replaced, |_| print(&path, kept.as_deref(), passwords, &apps));
    Ok(())
}

/// Where the key before is kept, how many passwords are lost, and the apps whose credentials are.
type Replaced = (Option<PathBuf>, u64, Vec<String>);

/// Makes the key, and binds the database to it. Returns what is lost.
async fn replace(store: &Store, data: &DataDirectory) -> anyhow::Result<Replaced> {
    let path = data.host_key();
    let needed = store.host_key_fingerprint().await?;
    // A key that is damaged does not fit either.
    let fits = match HostKey::read(&path) {
        Ok(Some(key)) => needed.is_none_or(|needed| key.fingerprint() == *needed),
        Ok(None) => needed.is_none(),
        Err(error) if error.is::<std::io::Error>() => {
            return Err(error.context("the key is kept: it may be the one that the database needs"));
        }
        Err(_) => false,
    };
    if fits {
        bail!("the database in {} has the key that it needs", data.0.display());
    }
    let passwords = store.count_sealed().await?;
    let apps = store.apps().await?.into_iter().filter(|app| app.endpoints.contains("\"sealed\":"));
    let apps = apps.map(|app| app.name).collect();
    let kept = if path.exists() { Some(put_aside(&path)?) } else { None };
    let key = HostKey::create(&path)?;
    store::owned_like_its_folder(&path);
    store.bind_host_key(key.fingerprint().to_vec()).await?;
    Ok((kept, passwords, apps))
}

/// Renames the key that does not fit. Nothing is overwritten.
fn put_aside(path: &Path) -> anyhow::Result<PathBuf> {
    let now = Clock::system().now().strftime("%Y%m%dT%H%M%S%.3fZ");
    let mut kept = path.as_os_str().to_owned();
    kept.push(format!(".before-{now}"));
    std::fs::rename(path, &kept).with_context(|| format!("renaming {}", path.display()))?;
    Ok(kept.into())
}

fn print(path: &Path, kept: Option<&Path>, passwords: u64, apps: &[String]) {
    terminal::println!("{GOOD}made{GOOD:#} another host key, {NAME}{}{NAME:#}", path.display());
    if let Some(kept) = kept {
        terminal::println!("  {FAINT}the key that did not fit is{FAINT:#} {}", kept.display());
    }
    let count = output::count(passwords, "password is lost", "passwords are lost");
    let style = if passwords > 0 { NOTE } else { FAINT };
    terminal::println!("  {style}{count}{style:#} that waited for an app");
    if passwords > 0 {
        terminal::println!(
            "  {FAINT}their operations fail until the identity provider sends the password again: \
             muster operation list --state open{FAINT:#}"
        );
    }
    if !apps.is_empty() {
        terminal::println!(
            "  {NOTE}the credentials of these apps are lost{NOTE:#}, which are not served until they are \
             given again by `muster app set`: {}",
            apps.join(", ")
        );
    }
    terminal::println!("  {FAINT}next: muster serve; compiles the connectors again{FAINT:#}");
}
