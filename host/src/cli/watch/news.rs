//! What is told of a watched folder.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::output::{BAD, FAINT, GOOD, NAME, NOTE};
use crate::cli::succession::Following;
use crate::lifecycle::{ConnectorVersion, Promoted};

/// Something that happened in the folder.
#[derive(Debug, Serialize)]
#[serde(tag = "watched", rename_all = "kebab-case")]
pub(in crate::cli) enum News {
    /// A file was loaded.
    Loaded(Loaded),
    /// A file cannot be loaded.
    Refused {
        file: PathBuf,
        error: String,
        /// What it was before.
        stays: Option<ConnectorVersion>,
    },
    /// A file is not there any more.
    Gone { file: PathBuf, stays: ConnectorVersion },
    /// The folder cannot be looked into.
    FolderClosed { folder: PathBuf, error: String },
    /// It can be again.
    FolderOpen { folder: PathBuf },
}

/// A file that was loaded, and what came of it.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Loaded {
    pub(super) file: PathBuf,
    pub(super) connector: ConnectorVersion,
    /// From its first byte to the last promotion.
    pub(super) millis: u64,
    /// For each app that its connector decides for.
    pub(super) apps: Vec<Came>,
    /// Another file that holds the same connector, and changed earlier.
    pub(super) beside: Option<PathBuf>,
}

/// What came of a build for an app.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::cli) enum Came {
    /// It decides.
    Promoted(Box<Promoted>),
    /// What decided before decides still.
    Refused { app: String, error: String },
}

impl News {
    /// For scripts, a line.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for News {
    /// For people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded(loaded) => loaded.fmt(f),
            Self::Refused { file, error, stays } => {
                writeln!(f, "{BAD}refused{BAD:#} {NAME}{}{NAME:#}: {error}", named(file))?;
                match stays {
                    Some(stays) => writeln!(f, "{FAINT}{stays} stays as it was{FAINT:#}"),
                    None => Ok(()),
                }
            }
            Self::Gone { file, stays } => {
                writeln!(f, "{NOTE}gone{NOTE:#} {NAME}{}{NAME:#}", named(file))?;
                writeln!(f, "{FAINT}{stays} stays as it was{FAINT:#}")
            }
            Self::FolderClosed { folder, error } => {
                let folder = folder.display();
                writeln!(f, "{BAD}not watching{BAD:#} {NAME}{folder}{NAME:#}: {error}")?;
                writeln!(f, "{FAINT}what was loaded stays; it is looked for again{FAINT:#}")
            }
            Self::FolderOpen { folder } => {
                writeln!(f, "{GOOD}watching{GOOD:#} {NAME}{}{NAME:#} again", folder.display())
            }
        }
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connector, millis, apps, .. } = self;
        let (style, word) = verdict(apps);
        let file = named(&self.file);
        writeln!(f, "{style}{word}{style:#} {NAME}{file}{NAME:#} {FAINT}{millis} ms{FAINT:#}")?;
        for came in apps {
            write!(f, "{came}")?;
        }
        let name = &connector.name;
        if apps.is_empty() {
            writeln!(f, "{connector}: no app is decided by {name} yet")?;
            writeln!(f, "next: muster app create NAME --connector {connector}")?;
        }
        if let Some(beside) = self.beside.as_deref().map(named) {
            let counts = "the file that changes last decides";
            writeln!(f, "{NOTE}{beside} holds {name} too{NOTE:#}: {counts}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promoted(promoted) => {
                write!(f, "{}", Following(promoted))?;
                if promoted.before.is_some() && promoted.changes.lifecycle.is_empty() {
                    writeln!(f, "  {FAINT}the lifecycle table is as it was{FAINT:#}")?;
                }
                Ok(())
            }
            Self::Refused { app, error } => {
                writeln!(f, "app {app}: {error}")?;
                let next = "all stays as it was; put it right, and save the file again";
                writeln!(f, "  {FAINT}{next}{FAINT:#}")
            }
        }
    }
}

fn verdict(apps: &[Came]) -> (anstyle::Style, &'static str) {
    let refused = |came: &Came| matches!(came, Came::Refused { .. });
    match apps {
        [] => (GOOD, "pushed"),
        apps if apps.iter().all(refused) => (BAD, "not promoted"),
        apps if apps.iter().any(refused) => (NOTE, "promoted for some"),
        _ => (GOOD, "promoted"),
    }
}

/// Prints a piece of news. A terminal that went away is no reason to stop serving.
pub(super) fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

pub(super) fn named(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
