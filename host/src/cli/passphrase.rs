//! The passphrase of a backup: from a file, from the environment, or asked for on a terminal. Never an
//! argument, which other users of the machine can read.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use console::Term;

use super::output::STRONG;
use crate::backup::Passphrase;
use crate::terminal;

/// The environment variable with the passphrase.
const VARIABLE: &str = "MUSTER_BACKUP_PASSPHRASE";

/// Where the passphrase is.
#[derive(Args, Debug)]
pub(super) struct PassphraseArgs {
    /// The file whose first line is the passphrase. The environment variable
    /// `MUSTER_BACKUP_PASSPHRASE` can hold it instead.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The passphrase of the file or the environment, if there is one.
    pub(super) fn given(&self) -> anyhow::Result<Option<Passphrase>> {
        if let Some(path) = &self.passphrase_file {
            return first_line(path).map(Some);
        }
        match std::env::var(VARIABLE) {
            Ok(text) => Passphrase::new(text).context(VARIABLE).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(error) => Err(error).context(VARIABLE),
        }
    }

    /// The given passphrase, or a new one that the operator types twice.
    pub(super) fn new_one(&self) -> anyhow::Result<Passphrase> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        let passphrase = ask("passphrase for the backup")?;
        ensure!(passphrase == ask("the same once more")?, "these are two passphrases");
        Ok(passphrase)
    }

    /// The given passphrase, or the one that the operator types.
    pub(super) fn known(&self) -> anyhow::Result<Passphrase> {
        self.given()?.map_or_else(|| ask("passphrase of the backup"), Ok)
    }
}

fn first_line(path: &Path) -> anyhow::Result<Passphrase> {
    let reading = || format!("reading the passphrase in {}", path.display());
    let text = std::fs::read_to_string(path).with_context(reading)?;
    Passphrase::new(text.lines().next().unwrap_or_default().to_owned()).with_context(reading)
}

fn ask(question: &str) -> anyhow::Result<Passphrase> {
    let terminal = Term::stderr();
    if !terminal.is_term() {
        bail!(
            "a passphrase is needed, and there is no terminal: give --passphrase-file or {VARIABLE}"
        );
    }
    terminal::eprint!("{STRONG}{question}{STRONG:#}: ");
    Passphrase::new(terminal.read_secure_line().context("reading the passphrase")?)
}
