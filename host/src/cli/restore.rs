//! `muster restore`: puts the database and the host key of a backup into a data directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use bytesize::ByteSize;
use clap::Args;
use serde_json::json;

use super::backup::{print, summary};
use super::byte_progress::interruptible;
use super::data_directory::DataArgs;
use super::failpoint;
use super::output::{FAINT, Format, GOOD, NAME};
use super::passphrase::PassphraseArgs;
use super::serve::survive_file_size_limit;
use crate::backup::{self, Manifest, Opened};
use crate::clock::Clock;
use crate::lifecycle::HostKey;
use crate::store::{self, DATABASE, HOST_KEY, Replacement};
use crate::terminal;

const EXAMPLES: &str = "\
What happened after the backup is not known to the restored host: the manual says how directory and
apps are brought into agreement (Backup and restore).

Examples:
  muster restore /backup/muster.tar --data /var/lib/muster
  muster restore /backup/muster.sealed --passphrase-file /etc/muster/passphrase --check
  muster restore /backup/muster.tar --data /var/lib/muster --replace";

/// Restore a host from a backup: its database and its host key. The host must be stopped.
///
/// The backup is verified before anything in the data directory changes. Then database and host key
/// change together or not at all, also if the command is killed: the next start of the host, or the next
/// restore, finishes what was decided.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct RestoreBackupArgs {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Verify the backup and say what is in it; restore nothing. The database is unpacked into a temporary
    /// directory (TMPDIR), which is removed.
    #[arg(long)]
    check: bool,
    /// Restore even if the data directory has a database; it is kept beside, under another name.
    #[arg(long, conflicts_with = "check")]
    replace: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: RestoreBackupArgs) -> anyhow::Result<()> {
    failpoint::arm()?;
    survive_file_size_limit()?;
    let data = args.data.directory()?.0;
    let reading = || format!("reading the backup {}", args.file.display());
    let file = File::open(&args.file).with_context(reading)?;
    let size = file.metadata().with_context(reading)?;
    ensure!(size.is_file(), "{} is not a file", args.file.display());
    let size = size.len();
    let sealed = backup::is_sealed(&file).with_context(reading)?;
    let passphrase = if sealed { Some(args.passphrase.known()?) } else { None };
    if args.check {
        // For its owner alone, and removed in the end.
        let scratch = tempfile::Builder::new().prefix("muster-check-").tempdir()?;
        let folder = scratch.path().to_owned();
        let read = interruptible(move |progress| {
            let database = |manifest: &Manifest| new_database(manifest, &folder);
            backup::read(&file, passphrase.as_ref(), database, &mut progress.step("verifying"))
        });
        let opened = read.await.with_context(reading)?;
        check(scratch.path(), &opened).await.with_context(reading)?;
        let manifest = opened.manifest;
        args.format.print(&summary(&manifest, &args.file, size, sealed), |_| {
            let (file, size) = (args.file.display(), ByteSize(size));
            terminal::println!("{GOOD}whole{GOOD:#}: {NAME}{file}{NAME:#}, {size}");
            print(&manifest, sealed);
        });
        return Ok(());
    }
    let replacement = Replacement::begin(&data, args.replace).await?;
    let folder = replacement.folder().to_owned();
    let read = interruptible(move |progress| {
        let database = |manifest: &Manifest| new_database(manifest, &folder);
        let mut step = progress.step("verifying");
        let opened = backup::read(&file, passphrase.as_ref(), database, &mut step)?;
        private(&folder.join(HOST_KEY))?.write_all(&opened.host_key)?;
        Ok(opened)
    });
    let opened = read.await.with_context(reading)?;
    check(replacement.folder(), &opened).await.with_context(reading)?;
    let manifest = opened.manifest;
    let now = Clock::system().now().strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
    let kept = replacement.exchange(&now)?;
    let mut restored = summary(&manifest, &args.file, size, sealed);
    (restored["data"], restored["kept"]) =
        (json!(data.to_string_lossy()), json!(kept.as_deref().map(Path::to_string_lossy)));
    args.format.print(&restored, |_| print_restored(&manifest, sealed, &data, kept.as_deref()));
    Ok(())
}

/// Fails unless a host could use what was unpacked into this folder.
async fn check(folder: &Path, opened: &Opened) -> anyhow::Result<()> {
    let needed = store::check_unpacked(folder).await?;
    ensure!(
        needed.is_none_or(|needed| HostKey::of_bytes(opened.host_key).fingerprint() == *needed),
        "the host key in the backup is not that of its database"
    );
    Ok(())
}

/// Fails if this muster is too old for the database.
fn fits(manifest: &Manifest) -> anyhow::Result<()> {
    let newest = store::newest_schema();
    ensure!(
        manifest.schema <= newest,
        "the backup was made by a newer muster, {}: its schema is {}, this one knows schemas up to \
         {newest}; use the newer one",
        manifest.muster,
        manifest.schema
    );
    Ok(())
}

fn new_database(manifest: &Manifest, folder: &Path) -> anyhow::Result<File> {
    fits(manifest)?;
    let (needed, free) = (manifest.database.bytes, store::free_space(folder)?);
    ensure!(
        free > needed,
        "the database needs {} in {}, and {} are free there",
        ByteSize(needed),
        folder.display(),
        ByteSize(free)
    );
    Ok(private(&folder.join(DATABASE))?)
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn print_restored(manifest: &Manifest, sealed: bool, data: &Path, kept: Option<&Path>) {
    terminal::println!("{GOOD}restored{GOOD:#} into {NAME}{}{NAME:#}", data.display());
    print(manifest, sealed);
    if let Some(kept) = kept {
        let kept = kept.display();
        terminal::println!("  {FAINT}what was there before is in{FAINT:#} {kept}");
    }
    let data = data.display();
    terminal::println!(
        "next:
  1. {NAME}muster serve --data {data}{NAME:#}, with the muster.toml and the environment of before; it writes
     another {data}/admin.token, and tries {} open operations again
  2. have each identity provider send all its users and groups again: what changed after the backup is
     not known here
  3. revoke tokens again that were revoked after the backup: {NAME}muster token list TENANT{NAME:#}",
        manifest.open_operations
    );
}
