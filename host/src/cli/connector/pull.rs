//! `muster connector pull`: fetches a connector from an OCI registry, and writes it to a file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::registry::{self, RegistryReference};
use crate::cli::output::{FAINT, Format, GOOD, NAME};
use crate::terminal;

/// Fetch a connector from an OCI registry into a file.
#[derive(Args, Debug)]
pub(super) struct PullArgs {
    /// The connector's address, such as `oci://registry.example.com/acme/newsletter:1.2.0`.
    from: RegistryReference,
    /// The file to write [default: the last part of the repository's name, with .wasm].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: PullArgs) -> anyhow::Result<()> {
    let PullArgs { from, out, format } = args;
    let out = out.unwrap_or_else(|| PathBuf::from(format!("{}.wasm", from.name())));
    let (wasm, pinned) = registry::pull(&from).await?;
    write(&out, &wasm)?;
    let pulled = json!({ "file": out, "from": pinned.to_string(), "bytes": wasm.len() });
    format.print(&pulled, |_| {
        terminal::println!("{GOOD}pulled{GOOD:#} {NAME}{}{NAME:#}", out.display());
        terminal::println!("{FAINT}{pinned}{FAINT:#}");
        terminal::println!("next: muster connector push {}", out.display());
    });
    Ok(())
}

/// Writes a new file. An existing file with other content is an error, since it may be the user's work.
fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(content),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if std::fs::read(path)? == content {
                return Ok(());
            }
            anyhow::bail!("{} exists already; --out names another file", path.display());
        }
        Err(error) => Err(error),
    }
    .with_context(|| format!("writing {}", path.display()))
}
