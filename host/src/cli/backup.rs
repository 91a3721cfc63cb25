//! `muster backup`: writes the database and the host key of a running or stopped host into one file.
//!
//! It reads the files of the data directory, and asks the host nothing: the host key never goes over a
//! network, and a host that does not start can be backed up as well. The copy of the database lies in
//! the data directory until the file is written, so that nothing unsealed comes to the disk of a sealed
//! backup.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bytesize::ByteSize;
use clap::Args;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::byte_progress::{ByteProgress, interruptible};
use super::data_directory::{DataArgs, DataDirectory, folder_of};
use super::failpoint;
use super::output::{self, FAINT, Format, GOOD, NAME, NOTE};
use super::passphrase::PassphraseArgs;
use super::serve::survive_file_size_limit;
use crate::backup::{self, Manifest, Parts, Passphrase};
use crate::clock::Clock;
use crate::lifecycle::HostKey;
use crate::store::{self, DatabaseCopy};
use crate::terminal;

const EXAMPLES: &str = "\
Not in the backup: muster.toml, files with trusted keys, and environment variables that hold
credentials of apps.

Examples:
  muster backup /backup/muster.tar
  muster backup /backup/muster.sealed --passphrase-file /etc/muster/passphrase --data /var/lib/muster
  muster restore /backup/muster.sealed --passphrase-file /etc/muster/passphrase --check";

/// Back up a host into one file: its database and its host key. The host may run.
///
/// The backup is the database as it is at one moment: what was acknowledged before is in it, and the
/// host serves and writes while it is made. The file is checked, has mode 0600, and has its name only
/// when it is complete. The command reads the data directory, so run it on the host's machine, as the
/// host's user.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct BackupArgs {
    /// The file to write.
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Seal the backup by a passphrase, which is asked for if it is not given.
    #[arg(long)]
    seal: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Overwrite the file if it exists.
    #[arg(long)]
    force: bool,
    /// The directory for the temporary copy of the database [default: the data directory].
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// What is to be done.
struct Order {
    file: PathBuf,
    data: DataDirectory,
    scratch: PathBuf,
    force: bool,
    passphrase: Option<Passphrase>,
}

pub(super) async fn run(args: BackupArgs) -> anyhow::Result<()> {
    failpoint::arm()?;
    survive_file_size_limit()?;
    let data = args.data.directory()?;
    let order = Order {
        scratch: args.scratch.unwrap_or_else(|| data.0.clone()),
        file: followed(args.file)?,
        data,
        force: args.force,
        passphrase: None,
    };
    order.check()?;
    let passphrase =
        if args.seal { Some(args.passphrase.new_one()?) } else { args.passphrase.given()? };
    let sealed = passphrase.is_some();
    let order = Order { passphrase, ..order };
    let file = order.file.clone();
    let manifest = interruptible(move |progress| order.carry_out(progress)).await?;
    let bytes = std::fs::metadata(&file)?.len();
    args.format.print(&summary(&manifest, &file, bytes, sealed), |_| {
        terminal::println!(
            "{GOOD}backed up{GOOD:#} to {NAME}{}{NAME:#}, {}",
            file.display(),
            ByteSize(bytes)
        );
        print(&manifest, sealed);
    });
    if !sealed {
        terminal::eprintln!(
            "{NOTE}note:{NOTE:#} the backup is not sealed, and holds the host key, the directory and \
             credentials of apps: keep it as secret as the data directory, or seal it with --seal or \
             --passphrase-file"
        );
    }
    Ok(())
}

impl Order {
    /// Fails if it cannot be carried out, as far as that is known before.
    fn check(&self) -> anyhow::Result<()> {
        self.data.database()?;
        let Self { file, data, force, .. } = self;
        ensure!(
            !store::is_interrupted(&data.0),
            "a restore into {} was interrupted: start the host once, which finishes it",
            data.0.display()
        );
        ensure!(!file.is_dir(), "{} is a directory: give the name of a file", file.display());
        ensure!(file != Path::new("-"), "a backup is written to a file, not to standard output");
        ensure!(
            !data.has(file),
            "{} is in the data directory, whose files are the host's: give a file elsewhere",
            file.display()
        );
        ensure!(
            file.is_file() || !file.try_exists().unwrap_or(true),
            "{} is a pipe, a device or the like: give the name of a file",
            file.display()
        );
        ensure!(*force || !file.exists(), "{} exists; --force overwrites it", file.display());
        Ok(())
    }

    fn carry_out(self, progress: &ByteProgress) -> anyhow::Result<Manifest> {
        let Self { file, data, scratch, force, passphrase } = self;
        let folder = folder_of(&file);
        let writing = || format!("writing {}", file.display());
        let mut partial = partial(&file, folder).with_context(writing)?;
        let taken = Clock::system().now();
        let copy = DatabaseCopy::take(&data.database()?, &scratch, progress.step("copying"))?;
        drop(progress.step("checking"));
        copy.check()?;
        let summary = copy.summary()?;
        let host_key = host_key(&data, summary.host_key.as_deref())?;
        let database = copy.file()?;
        let (size, free) = (database.metadata()?.len(), store::free_space(folder)?);
        ensure!(
            free > size,
            "the backup needs {} in {}, and {} are free there",
            ByteSize(size),
            folder.display(),
            ByteSize(free)
        );
        let parts = Parts { taken, database: &database, summary, host_key: host_key.bytes() };
        let name = if passphrase.is_some() { "sealing" } else { "writing" };
        let mut step = progress.step(name);
        let manifest = backup::write(&parts, passphrase.as_ref(), partial.as_file_mut(), &mut step)
            .with_context(writing)?;
        partial.as_file().sync_all().with_context(writing)?;
        fail::fail_point!("backup");
        let kept = if force { partial.persist(&file) } else { partial.persist_noclobber(&file) };
        kept.map_err(|error| error.error).with_context(writing)?;
        File::open(folder)?.sync_all()?;
        Ok(manifest)
    }
}

/// The file that a path leads to. A link stays a link: its target is written.
fn followed(file: PathBuf) -> anyhow::Result<PathBuf> {
    match file.is_symlink() {
        true => {
            file.canonicalize().with_context(|| format!("following the link {}", file.display()))
        }
        false => Ok(file),
    }
}

/// A file beside the one that is to be written, with mode 0600. It has another name until it is
/// complete.
fn partial(file: &Path, folder: &Path) -> anyhow::Result<NamedTempFile> {
    let name = file.file_name().context("the file has no name")?.to_string_lossy();
    let mut partial = tempfile::Builder::new();
    Ok(partial.prefix(&format!(".{name}.")).suffix(".partial").tempfile_in(folder)?)
}

/// The host key, if it is the one that the database needs.
fn host_key(data: &DataDirectory, needed: Option<&[u8]>) -> anyhow::Result<HostKey> {
    let path = data.host_key();
    match HostKey::read(&path)? {
        Some(key) if needed.is_none_or(|needed| key.fingerprint() == needed) => Ok(key),
        Some(_) => bail!("{} is not the key of the database beside it", path.display()),
        None => bail!("{} is missing, without which a backup is not whole", path.display()),
    }
}

/// What is in a backup, as JSON.
pub(super) fn summary(manifest: &Manifest, file: &Path, bytes: u64, sealed: bool) -> Value {
    let mut summary = json!(manifest);
    // A name that is no Unicode is shown nevertheless.
    summary["file"] = json!(file.to_string_lossy());
    summary["bytes"] = json!(bytes);
    summary["sealed"] = json!(sealed);
    summary
}

/// Prints what is in a backup.
pub(super) fn print(manifest: &Manifest, sealed: bool) {
    let sealed = if sealed { "sealed by a passphrase" } else { "not sealed" };
    terminal::println!(
        "  {FAINT}taken{FAINT:#} {} {FAINT}by muster{FAINT:#} {}{FAINT}, schema{FAINT:#} {}{FAINT},{FAINT:#} {sealed}",
        terminal::shown(&manifest.taken),
        terminal::shown(&manifest.muster),
        manifest.schema
    );
    terminal::println!(
        "  {FAINT}in it{FAINT:#} {}, {}, {} {FAINT}({} open){FAINT:#}",
        output::count(manifest.tenants, "tenant", "tenants"),
        output::count(manifest.resources, "user or group", "users and groups"),
        output::count(manifest.operations, "operation", "operations"),
        manifest.open_operations
    );
}
