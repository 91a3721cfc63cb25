//! `muster connector key`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::cli::output::{FAINT, Format, GOOD, NAME, STRONG};
use crate::connector::SigningKey;

/// Make a key to sign connectors with: NAME.key stays with you, NAME.pub goes to operators.
#[derive(Args, Debug)]
pub(super) struct KeyArgs {
    /// Whose key it is; hosts show this name beside what the key signed.
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
    // The public half first: a private key without it could not be told from others.
    keep(&public_file, &public.to_pem()?, 0o644)?;
    if let Err(error) = keep(&private_file, &key.to_pem()?, 0o600) {
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
        anstream::println!("{GOOD}made{GOOD:#} {NAME}{label}{NAME:#}, {}", public.fingerprint());
        let (private, public) = (private_file.display(), public_file.display());
        anstream::println!("  {STRONG}{private}{STRONG:#}  {FAINT}keep it to yourself{FAINT:#}");
        anstream::println!(
            "  {STRONG}{public}{STRONG:#}  {FAINT}for hosts that trust you:{FAINT:#}"
        );
        anstream::println!("    muster serve --trusted-key {public}");
    });
    Ok(())
}

fn named(name: &Path, ending: &str) -> PathBuf {
    let mut named = name.as_os_str().to_owned();
    named.push(ending);
    named.into()
}

/// A key that is there already may be the only one of its kind, and is not written over.
fn keep(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.with_context(|| format!("could not keep the key in {}", path.display()))
}
