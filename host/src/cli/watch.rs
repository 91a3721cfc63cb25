//! Watching a folder: each `.wasm` file in it is pushed as a build and promoted, at the start and
//! whenever it changes, and the differences are printed.
//!
//! A file that is refused changes nothing: the version before it stays in use, and the file is tried
//! again when it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use super::local_environment::into_anyhow;
use super::output::{NAME, STRONG};
use crate::lifecycle::{ConnectorVersion, Host, Pushed};

mod event;
mod folder;

pub(super) use event::{AppUpdate, WatchEvent};
use event::{LoadedFile, file_name};
use folder::{Folder, FolderChange, WrittenFile};

/// A watched folder, and the connector version that each file was loaded as.
pub(super) struct FolderWatch {
    folder: Folder,
    /// The version of each file when it was loaded last.
    versions: BTreeMap<PathBuf, ConnectorVersion>,
    json: bool,
}

/// The result of a change in the folder.
pub(super) enum Detected {
    /// A file was loaded, and is to be promoted.
    Build(Box<LoadedBuild>),
    /// There is nothing to promote.
    Event(WatchEvent),
}

/// A file that was loaded.
pub(super) struct LoadedBuild {
    /// The version that the host made of it.
    pub(super) pushed: Pushed,
    file: PathBuf,
    began: Instant,
    /// Another file that holds the same connector, and changed earlier.
    beside: Option<PathBuf>,
}

impl FolderWatch {
    /// Watches a folder, which must exist. Events are printed as JSON or as text.
    pub(super) fn open(path: PathBuf, json: bool) -> anyhow::Result<Self> {
        Ok(Self { folder: Folder::open(path)?, versions: BTreeMap::new(), json })
    }

    /// Loads the files that the folder holds at the start.
    pub(super) async fn first(&mut self, host: &Host) -> Vec<Detected> {
        let changes = self.folder.first().await;
        self.load_changes(changes, host).await
    }

    /// Waits for changes, and loads the changed files.
    pub(super) async fn next(&mut self, host: &Host) -> Vec<Detected> {
        let changes = self.folder.changes().await;
        self.load_changes(changes, host).await
    }

    /// Promotes the folder's files, at the start and whenever they change, for the apps that use their
    /// connectors already. It does not return.
    pub(super) async fn follow(mut self, host: &Host) {
        let mut detected = self.first(host).await;
        self.print_start();
        loop {
            for detected in detected {
                let event = match detected {
                    Detected::Event(event) => Some(event),
                    Detected::Build(build) => match promote(host, &build.pushed).await {
                        Ok(updates) => build.event(updates),
                        Err(error) => Some(build.refused(&error)),
                    },
                };
                self.print(event.as_ref());
            }
            detected = self.next(host).await;
        }
    }

    /// Prints which folder is watched, and which of its files were loaded.
    pub(super) fn print_start(&self) {
        if self.json {
            return;
        }
        let files: Vec<_> = self.versions.keys().map(|file| file_name(file)).collect();
        let files =
            if files.is_empty() { "no connector in it yet".to_owned() } else { files.join(", ") };
        let folder = self.folder.path.display();
        event::print(&format!("{STRONG}watching{STRONG:#} {NAME}{folder}{NAME:#}: {files}\n"));
    }

    /// Prints the event, if there is one.
    pub(super) fn print(&self, event: Option<&WatchEvent>) {
        match event {
            Some(event) if self.json => event::print(&event.json()),
            Some(event) => event::print(&event.to_string()),
            None => {}
        }
    }

    async fn load_changes(&mut self, changes: Vec<FolderChange>, host: &Host) -> Vec<Detected> {
        let (mut detected, mut written, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            match change {
                FolderChange::WriteResult(file) => written.push(file),
                FolderChange::NotAFile(file, why) => {
                    detected.push(Detected::Event(self.refused(file, why)));
                }
                FolderChange::Gone(file) => {
                    gone.extend(self.versions.remove(&file).map(|version| (file, version)));
                }
                FolderChange::Closed(why) => {
                    let folder = self.folder.path.clone();
                    detected.push(Detected::Event(WatchEvent::FolderClosed { folder, error: why }));
                }
                FolderChange::Open => {
                    let folder = self.folder.path.clone();
                    detected.push(Detected::Event(WatchEvent::FolderOpen { folder }));
                }
            }
        }
        written.sort_by_key(|file| file.stamp);
        for file in written {
            detected.extend(self.load(file, host).await);
        }
        let detected = latest(detected);
        // A file that was renamed is not reported as gone.
        let renamed = |version: &ConnectorVersion| {
            let same_name = |detected: &Detected| match detected {
                Detected::Build(build) => build.pushed.manifest.name == version.name,
                Detected::Event(_) => false,
            };
            self.versions.values().any(|it| it.digest == version.digest)
                || detected.iter().any(same_name)
        };
        gone.retain(|(_, version)| !renamed(version));
        let gone =
            gone.into_iter().map(|(file, stays)| Detected::Event(WatchEvent::Gone { file, stays }));
        detected.into_iter().chain(gone).collect()
    }

    async fn load(&mut self, file: WrittenFile, host: &Host) -> Option<Detected> {
        let began = Instant::now();
        let path = file.path.clone();
        let read = tokio::task::spawn_blocking(move || file.read()).await;
        let pushed = match read.map_err(anyhow::Error::from).flatten() {
            Ok(None) => return None,
            Ok(Some(wasm)) => into_anyhow(host.versions.push_build(wasm).await),
            Err(error) => Err(error),
        };
        match pushed {
            Err(error) => Some(Detected::Event(self.refused(path, format!("{error:#}")))),
            Ok(pushed) => {
                let version = ConnectorVersion::from(&pushed);
                let same_connector = |(other, loaded): &(&PathBuf, &ConnectorVersion)| {
                    **other != path
                        && loaded.name == version.name
                        && loaded.digest != version.digest
                };
                let beside = self.versions.iter().find(same_connector);
                let beside = beside.map(|(file, _)| file.clone());
                self.versions.insert(path.clone(), version);
                Some(Detected::Build(Box::new(LoadedBuild { pushed, file: path, began, beside })))
            }
        }
    }

    fn refused(&self, file: PathBuf, error: String) -> WatchEvent {
        let stays = self.versions.get(&file).cloned();
        WatchEvent::Refused { file, error, stays }
    }
}

impl LoadedBuild {
    /// The event of a build that was loaded and could not be promoted.
    pub(super) fn refused(self, error: &anyhow::Error) -> WatchEvent {
        WatchEvent::Refused { file: self.file, error: format!("{error:#}"), stays: None }
    }

    /// The event to print; none if the build is known and no app was updated.
    pub(super) fn event(self, apps: Vec<AppUpdate>) -> Option<WatchEvent> {
        let Self { pushed, file, began, beside } = self;
        if apps.is_empty() && pushed.known {
            return None;
        }
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(WatchEvent::Loaded(LoadedFile {
            file,
            connector: (&pushed).into(),
            millis,
            apps,
            beside,
        }))
    }
}

/// Of several files that hold the same connector, keeps only the one that changed last.
fn latest(detected: Vec<Detected>) -> Vec<Detected> {
    let mut names = BTreeSet::new();
    let mut latest: Vec<Detected> = detected
        .into_iter()
        .rev()
        .filter(|detected| match detected {
            Detected::Build(build) => names.insert(build.pushed.manifest.name.clone()),
            Detected::Event(_) => true,
        })
        .collect();
    latest.reverse();
    latest
}

/// Retires the builds that this one has replaced. If it fails, the next build retires them too.
pub(super) async fn retire_replaced_builds(host: &Host, build: &Pushed) {
    if let Err(error) = into_anyhow(host.versions.retire_builds_before(build).await) {
        tracing::warn!(error = format!("{error:#}"), "watch: replaced builds not retired");
    }
}

/// Promotes a build for the apps that use its connector.
async fn promote(host: &Host, build: &Pushed) -> anyhow::Result<Vec<AppUpdate>> {
    let promoted = into_anyhow(host.versions.promote_build(build).await)?;
    retire_replaced_builds(host, build).await;
    let updates = promoted.into_iter().map(|(app, promoted)| match into_anyhow(promoted) {
        Ok(promoted) => AppUpdate::Promoted(Box::new(promoted)),
        Err(error) => AppUpdate::Refused { app, error: format!("{error:#}") },
    });
    Ok(updates.collect())
}
