//! `muster connector sign`: adds a signature to a connector's file.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::output::{Format, GOOD, NAME};
use crate::connector::SigningKey;
use crate::terminal;

/// Sign a connector, so that hosts that trust your key load it.
#[derive(Args, Debug)]
pub(super) struct SignArgs {
    /// The connector's `.wasm` file.
    file: PathBuf,
    /// The file of your private key, made by `muster connector key` or by OpenSSL (Ed25519, PKCS #8 in
    /// PEM).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The file to write [default: replace the unsigned file].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &SignArgs) -> anyhow::Result<()> {
    let SignArgs { file, key, out, format } = args;
    let wasm = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let name = key.file_stem().unwrap_or_default().to_string_lossy();
    let pem = fs::read_to_string(key).map(Zeroizing::new);
    let key = pem
        .map_err(anyhow::Error::from)
        .and_then(|pem| SigningKey::from_pem(&pem))
        .with_context(|| format!("the key {}", key.display()))?;
    let signed = key.sign(&wasm).with_context(|| format!("signing {}", file.display()))?;
    let out = out.as_ref().unwrap_or(file);
    replace(out, &signed).with_context(|| format!("writing {}", out.display()))?;
    let public = key.public(&name);
    let signature = json!({ "file": out, "key": name, "fingerprint": public.fingerprint() });
    format.print(&signature, |_| {
        terminal::println!("{GOOD}signed{GOOD:#} {NAME}{}{NAME:#} by {public}", out.display());
    });
    Ok(())
}

/// Replaces a file at once, so that a push at the same time reads either the old or the new file.
fn replace(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .permissions(permissions(path))
        .tempfile_in(folder.unwrap_or_else(|| Path::new(".")))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The permissions of the file that is replaced; a new file is readable for all users.
fn permissions(path: &Path) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path)
        .map_or_else(|_| fs::Permissions::from_mode(0o644), |metadata| metadata.permissions())
}
