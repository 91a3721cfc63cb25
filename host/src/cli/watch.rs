//! A watched folder: each `.wasm` file in it goes to work whenever it changes, and what that means
//! is told.
//!
//! Nothing in the folder can harm what serves already: a file that is refused leaves what was there
//! before, and is looked at again when it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use super::output::{NAME, STRONG};
use super::stage::said;
use crate::lifecycle::{ConnectorVersion, Host, Pushed};

mod folder;
mod news;

use folder::{Change, Folder, Written};
pub(super) use news::{Came, News};
use news::{Loaded, named};

/// A folder, and what its files are.
pub(super) struct Watch {
    folder: Folder,
    /// What each file was when it was loaded last.
    held: BTreeMap<PathBuf, ConnectorVersion>,
    json: bool,
}

/// What a change led to.
pub(super) enum Found {
    /// A file was loaded, and goes to work next.
    Build(Box<Build>),
    /// Nothing goes to work.
    News(News),
}

/// A file that was loaded.
pub(super) struct Build {
    /// What the host keeps of it.
    pub(super) pushed: Pushed,
    file: PathBuf,
    began: Instant,
    /// Another file that holds the same connector, and changed earlier.
    beside: Option<PathBuf>,
}

impl Watch {
    /// Watches a folder that is there. News are told as JSON, or for people.
    pub(super) fn open(path: PathBuf, json: bool) -> anyhow::Result<Self> {
        Ok(Self { folder: Folder::open(path)?, held: BTreeMap::new(), json })
    }

    /// What is there at first.
    pub(super) async fn first(&mut self, host: &Host) -> Vec<Found> {
        let changes = self.folder.first().await;
        self.found(changes, host).await
    }

    /// Waits for changes.
    pub(super) async fn next(&mut self, host: &Host) -> Vec<Found> {
        let changes = self.folder.changes().await;
        self.found(changes, host).await
    }

    /// Promotes what the folder holds, and every change of it, for the apps that its connectors
    /// decide for already. It does not end.
    pub(super) async fn follow(mut self, host: &Host) {
        let mut found = self.first(host).await;
        self.introduce();
        loop {
            for found in found {
                let news = match found {
                    Found::News(news) => Some(news),
                    Found::Build(build) => match promoted(host, &build.pushed).await {
                        Ok(came) => build.news(came),
                        Err(error) => Some(build.refused(&error)),
                    },
                };
                self.tell(news.as_ref());
            }
            found = self.next(host).await;
        }
    }

    /// Which folder is watched, and what of it could be loaded.
    pub(super) fn introduce(&self) {
        if self.json {
            return;
        }
        let files: Vec<_> = self.held.keys().map(|file| named(file)).collect();
        let files =
            if files.is_empty() { "no connector in it yet".to_owned() } else { files.join(", ") };
        let folder = self.folder.path.display();
        news::print(&format!("{STRONG}watching{STRONG:#} {NAME}{folder}{NAME:#}: {files}\n"));
    }

    /// Tells what happened, if anything did.
    pub(super) fn tell(&self, news: Option<&News>) {
        match news {
            Some(news) if self.json => news::print(&news.json()),
            Some(news) => news::print(&news.to_string()),
            None => {}
        }
    }

    async fn found(&mut self, changes: Vec<Change>, host: &Host) -> Vec<Found> {
        let (mut found, mut written, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Written(file) => written.push(file),
                Change::Unfit(file, why) => found.push(Found::News(self.refused(file, why))),
                Change::Gone(file) => gone.extend(self.held.remove(&file).map(|it| (file, it))),
                Change::Closed(why) => {
                    let folder = self.folder.path.clone();
                    found.push(Found::News(News::FolderClosed { folder, error: why }));
                }
                Change::Open => {
                    let folder = self.folder.path.clone();
                    found.push(Found::News(News::FolderOpen { folder }));
                }
            }
        }
        written.sort_by_key(|file| file.stamp);
        for file in written {
            found.extend(self.loaded(file, host).await);
        }
        let found = latest(found);
        // What has another name now is not gone.
        let renamed = |was: &ConnectorVersion| {
            let again = |found: &Found| match found {
                Found::Build(build) => build.pushed.manifest.name == was.name,
                Found::News(_) => false,
            };
            self.held.values().any(|it| it.digest == was.digest) || found.iter().any(again)
        };
        gone.retain(|(_, was)| !renamed(was));
        let gone = gone.into_iter().map(|(file, stays)| Found::News(News::Gone { file, stays }));
        found.into_iter().chain(gone).collect()
    }

    async fn loaded(&mut self, file: Written, host: &Host) -> Option<Found> {
        let began = Instant::now();
        let path = file.path.clone();
        let read = tokio::task::spawn_blocking(move || file.read()).await;
        let pushed = match read.map_err(anyhow::Error::from).flatten() {
            Ok(None) => return None,
            Ok(Some(wasm)) => said(host.versions.push_build(wasm).await),
            Err(error) => Err(error),
        };
        match pushed {
            Err(error) => Some(Found::News(self.refused(path, format!("{error:#}")))),
            Ok(pushed) => {
                let version = ConnectorVersion::from(&pushed);
                let other = |(other, held): &(&PathBuf, &ConnectorVersion)| {
                    **other != path && held.name == version.name && held.digest != version.digest
                };
                let beside = self.held.iter().find(other).map(|(file, _)| file.clone());
                self.held.insert(path.clone(), version);
                Some(Found::Build(Box::new(Build { pushed, file: path, began, beside })))
            }
        }
    }

    fn refused(&self, file: PathBuf, error: String) -> News {
        let stays = self.held.get(&file).cloned();
        News::Refused { file, error, stays }
    }
}

impl Build {
    /// It was loaded, and could not go to work.
    pub(super) fn refused(self, error: &anyhow::Error) -> News {
        News::Refused { file: self.file, error: format!("{error:#}"), stays: None }
    }

    /// What there is to tell: nothing where all was so before.
    pub(super) fn news(self, apps: Vec<Came>) -> Option<News> {
        let Self { pushed, file, began, beside } = self;
        if apps.is_empty() && pushed.known {
            return None;
        }
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(News::Loaded(Loaded { file, connector: (&pushed).into(), millis, apps, beside }))
    }
}

/// Of several files that hold the same connector, only the one that changed last goes to work.
fn latest(found: Vec<Found>) -> Vec<Found> {
    let mut names = BTreeSet::new();
    let mut latest: Vec<Found> = found
        .into_iter()
        .rev()
        .filter(|found| match found {
            Found::Build(build) => names.insert(build.pushed.manifest.name.clone()),
            Found::News(_) => true,
        })
        .collect();
    latest.reverse();
    latest
}

/// Retires what a build has replaced. What is left over goes when the next one comes.
pub(super) async fn tidy(host: &Host, build: &Pushed) {
    if let Err(error) = said(host.versions.retire_builds_before(build).await) {
        tracing::warn!(error = format!("{error:#}"), "a build that was replaced is kept");
    }
}

/// Promotes a build for the apps that its connector decides for.
async fn promoted(host: &Host, build: &Pushed) -> anyhow::Result<Vec<Came>> {
    let promoted = said(host.versions.promote_build(build).await)?;
    tidy(host, build).await;
    let came = promoted.into_iter().map(|(app, came)| match said(came) {
        Ok(promoted) => Came::Promoted(Box::new(promoted)),
        Err(error) => Came::Refused { app, error: format!("{error:#}") },
    });
    Ok(came.collect())
}
