//! Events of a watched folder, as text for people and as JSON for scripts.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::output::{BAD, FAINT, GOOD, NAME, NOTE};
use crate::cli::version_change::VersionChange;
use crate::lifecycle::{ConnectorVersion, Promoted};
use crate::terminal;

/// An event in the folder.
#[derive(Debug, Serialize)]
#[serde(tag = "watched", rename_all = "kebab-case")]
pub(in crate::cli) enum WatchEvent {
    /// A file was loaded.
    Loaded(LoadedFile),
    /// A file cannot be loaded.
    Refused {
        file: PathBuf,
        error: String,
        /// The version that stays in use.
        stays: Option<ConnectorVersion>,
    },
    /// A file no longer exists. Its version stays in use.
    Gone { file: PathBuf, stays: ConnectorVersion },
    /// The folder cannot be read.
    FolderClosed { folder: PathBuf, error: String },
    /// The folder can be read again.
    FolderOpen { folder: PathBuf },
}

/// A file that was loaded, and the apps that it was promoted for.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct LoadedFile {
    pub(super) file: PathBuf,
    pub(super) connector: ConnectorVersion,
    /// The time from reading the file to the last promotion.
    pub(super) millis: u64,
    /// The result for each app that uses the connector.
    pub(super) apps: Vec<AppUpdate>,
    /// Another file that holds the same connector, and changed earlier.
    pub(super) beside: Option<PathBuf>,
}

/// The result of promoting a build for an app.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::cli) enum AppUpdate {
    /// The app uses the build.
    Promoted(Box<Promoted>),
    /// The app still uses the version before.
    Refused { app: String, error: String },
}

impl WatchEvent {
    /// One line of JSON.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for WatchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded(loaded) => loaded.fmt(f),
            Self::Refused { file, error, stays } => {
                writeln!(f, "{BAD}refused{BAD:#} {NAME}{}{NAME:#}: {error}", file_name(file))?;
                match stays {
                    Some(stays) => writeln!(f, "{FAINT}{stays} stays in use{FAINT:#}"),
                    None => Ok(()),
                }
            }
            Self::Gone { file, stays } => {
                writeln!(f, "{NOTE}gone{NOTE:#} {NAME}{}{NAME:#}", file_name(file))?;
                writeln!(f, "{FAINT}{stays} stays in use{FAINT:#}")
            }
            Self::FolderClosed { folder, error } => {
                let folder = folder.display();
                writeln!(f, "{BAD}not watching{BAD:#} {NAME}{folder}{NAME:#}: {error}")?;
                writeln!(f, "{FAINT}loaded versions stay in use; waiting for the folder{FAINT:#}")
            }
            Self::FolderOpen { folder } => {
                writeln!(f, "{GOOD}watching{GOOD:#} {NAME}{}{NAME:#} again", folder.display())
            }
        }
    }
}

impl fmt::Display for LoadedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connector, millis, apps, .. } = self;
        let (style, word) = headline(apps);
        let file = file_name(&self.file);
        writeln!(f, "{style}{word}{style:#} {NAME}{file}{NAME:#} {FAINT}{millis} ms{FAINT:#}")?;
        for update in apps {
            write!(f, "{update}")?;
        }
        let name = &connector.name;
        if apps.is_empty() {
            writeln!(f, "{connector}: no app uses {name} yet")?;
            writeln!(f, "next: muster app create NAME --connector {connector}")?;
        }
        if let Some(beside) = self.beside.as_deref().map(file_name) {
            let rule = "the file that changes last is used";
            writeln!(f, "{NOTE}{beside} holds {name} too{NOTE:#}: {rule}")?;
        }
        Ok(())
    }
}

impl fmt::Display for AppUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promoted(promoted) => {
                write!(f, "{}", VersionChange(promoted))?;
                if promoted.before.is_some() && promoted.changes.lifecycle.is_empty() {
                    writeln!(f, "  {FAINT}the lifecycle table is unchanged{FAINT:#}")?;
                }
                Ok(())
            }
            Self::Refused { app, error } => {
                writeln!(f, "app {app}: {error}")?;
                let next = "the app is unchanged; correct the connector and save the file again";
                writeln!(f, "  {FAINT}{next}{FAINT:#}")
            }
        }
    }
}

fn headline(apps: &[AppUpdate]) -> (anstyle::Style, &'static str) {
    let refused = |update: &AppUpdate| matches!(update, AppUpdate::Refused { .. });
    match apps {
        [] => (GOOD, "pushed"),
        apps if apps.iter().all(refused) => (BAD, "not promoted"),
        apps if apps.iter().any(refused) => (NOTE, "promoted for some"),
        _ => (GOOD, "promoted"),
    }
}

/// Prints a text. A closed terminal must not stop the server, so errors are ignored.
pub(super) fn print(text: &str) {
    drop(terminal::try_write_out(format_args!("{text}\n")));
}

pub(super) fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
