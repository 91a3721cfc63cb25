//! `muster connector sign`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::output::{Format, GOOD, NAME};
use crate::connector::SigningKey;

/// Sign a connector, so that a host that trusts your key loads it.
#[derive(Args, Debug)]
pub(super) struct SignArgs {
    /// The `.wasm` file.
    file: PathBuf,
    /// Your private key: what `muster connector key` made, or OpenSSL (Ed25519, PKCS #8 in PEM).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to put the signed file; in place of the unsigned one unless given.
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
    let said = json!({ "file": out, "key": name, "fingerprint": public.fingerprint() });
    format.print(&said, |_| {
        anstream::println!("{GOOD}signed{GOOD:#} {NAME}{}{NAME:#} by {public}", out.display());
    });
    Ok(())
}

/// The whole file or the one before: somebody may be about to push it.
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

/// Those of the file that is replaced; a new one is for everybody to read.
fn permissions(path: &Path) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path)
        .map_or_else(|_| fs::Permissions::from_mode(0o644), |metadata| metadata.permissions())
}
