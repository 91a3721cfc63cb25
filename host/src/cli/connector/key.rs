//! `muster connector key`: makes a key pair for signing.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::cli::output::{FAINT, Format, GOOD, NAME, STRONG};
use crate::connector::SigningKey;
use crate::terminal;

/// Make a key pair to sign connectors with.
///
/// Writes the private key to NAME.key, which you keep to yourself, and the public key to NAME.pub,
/// which operators need to trust your connectors. Existing files are not overwritten.
#[derive(Args, Debug)]
pub(super) struct KeyArgs {
    /// The name of the key, as a path without an ending; hosts show its last part as the signer.
    name: PathBuf,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &KeyArgs) -> anyhow::Result<()> {
    let KeyArgs { name, format } = args;
    let label = name.file_name().context("a key needs a name")?.to_string_lossy();
    let key = SigningKey::generate()?;
    let public = key.public(&label);
    let (private_file, public_file) = (named(name, ".key"), named(name, ".pub"));
    // The public key first, so that no private key is left without it.
    write_new(&public_file, &public.to_pem()?, 0o644)?;
    if let Err(error) = write_new(&private_file, &key.to_pem()?, 0o600) {
        std::fs::remove_file(&public_file)?;
        return Err(error);
    }
    let made = json!({
        "name": label,
        "private_key": private_file,
        "public_key": public_file,
        "fingerprint": public.fingerprint(),
    });
    format.print(&made, |_| {
        terminal::println!("{GOOD}made{GOOD:#} {NAME}{label}{NAME:#}, {}", public.fingerprint());
        let (private, public) = (private_file.display(), public_file.display());
        terminal::println!("  {STRONG}{private}{STRONG:#}  {FAINT}keep it to yourself{FAINT:#}");
        terminal::println!(
            "  {STRONG}{public}{STRONG:#}  {FAINT}give it to hosts that trust you:{FAINT:#}"
        );
        terminal::println!("    muster serve --trusted-key {public}");
    });
    Ok(())
}

fn named(name: &Path, ending: &str) -> PathBuf {
    let mut named = name.as_os_str().to_owned();
    named.push(ending);
    named.into()
}

/// Writes a new file. An existing key is never overwritten, since it may have no copy.
fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.with_context(|| format!("could not write the key to {}", path.display()))
}
