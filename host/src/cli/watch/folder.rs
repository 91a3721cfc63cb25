//! A watched folder: scanned several times a second, and compared with the scan before.
//!
//! Kernel events are not used: they end when the folder is replaced, are lost if there are many, and do
//! not report changes that another machine makes. A scan finds every change. A file is reported when
//! two scans in a row agree, so that a half-written file is not loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::connector::{Limits, LoadError};

/// The pause between two scans.
const PAUSE: Duration = Duration::from_millis(150);

/// A folder, and the reported states of its `.wasm` files.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// The scan before.
    before: FolderScan,
    /// The state of each file that was reported last.
    reported: BTreeMap<PathBuf, EntryState>,
    /// Whether the folder was last reported as readable.
    open: bool,
}

/// A difference from the reported state.
#[derive(Debug)]
pub(super) enum FolderChange {
    /// A file is new, or was changed or replaced.
    WriteResult(WrittenFile),
    /// An entry is not a readable file, for this reason.
    NotAFile(PathBuf, String),
    /// A file no longer exists.
    Gone(PathBuf),
    /// The folder cannot be read, for this reason.
    Closed(String),
    /// The folder can be read again.
    Open,
}

/// A file that did not change between two scans.
#[derive(Debug)]
pub(super) struct WrittenFile {
    pub(super) path: PathBuf,
    pub(super) stamp: FileStamp,
}

/// The identity of a file's content: every change or replacement of the file makes it another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileStamp {
    /// Seconds and nanoseconds. The first field, so that of two files the later one is greater.
    modified: (i64, i64),
    /// The time of the last change of the inode: content, name or permissions.
    changed: (i64, i64),
    size: u64,
    inode: (u64, u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum EntryState {
    File(FileStamp),
    NotAFile(String),
}

/// The state of every file, or why the folder cannot be read.
type FolderScan = Result<BTreeMap<PathBuf, EntryState>, String>;

impl Folder {
    /// Opens a folder, which must exist.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        fs::read_dir(&path)
            .with_context(|| format!("watching {}; it must be a folder", path.display()))?;
        let before = Err(String::new());
        Ok(Self { path, before, reported: BTreeMap::new(), open: true })
    }

    /// The files at the start, except those that are being written.
    pub(super) async fn first(&mut self) -> Vec<FolderChange> {
        self.scan().await;
        self.next_scan().await
    }

    /// Waits until files have changed, and are no longer being written.
    pub(super) async fn changes(&mut self) -> Vec<FolderChange> {
        loop {
            let changes = self.next_scan().await;
            if !changes.is_empty() {
                return changes;
            }
        }
    }

    async fn next_scan(&mut self) -> Vec<FolderChange> {
        tokio::time::sleep(PAUSE).await;
        self.scan().await
    }

    async fn scan(&mut self) -> Vec<FolderChange> {
        let path = self.path.clone();
        let scan = tokio::task::spawn_blocking(move || scan(&path)).await;
        self.changes_in(scan.unwrap_or_else(|error| Err(error.to_string())))
    }

    /// The changes to report: they are the same in two scans, and differ from the reported state.
    fn changes_in(&mut self, scan: FolderScan) -> Vec<FolderChange> {
        let before = std::mem::replace(&mut self.before, scan.clone());
        match (before, scan) {
            (Err(_), Err(why)) if self.open => {
                self.open = false;
                vec![FolderChange::Closed(why)]
            }
            (Ok(before), Ok(scan)) => {
                let reopened =
                    (!std::mem::replace(&mut self.open, true)).then_some(FolderChange::Open);
                reopened.into_iter().chain(self.changed_files(&before, &scan)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn changed_files(
        &mut self,
        before: &BTreeMap<PathBuf, EntryState>,
        scan: &BTreeMap<PathBuf, EntryState>,
    ) -> Vec<FolderChange> {
        let paths: BTreeSet<&PathBuf> = scan.keys().chain(self.reported.keys()).collect();
        let settled = |path: &&PathBuf| before.get(*path) == scan.get(*path);
        let new = |path: &&PathBuf| self.reported.get(*path) != scan.get(*path);
        let paths: Vec<PathBuf> = paths.into_iter().filter(settled).filter(new).cloned().collect();
        let changes = paths.into_iter().map(|path| match scan.get(&path) {
            None => {
                self.reported.remove(&path);
                FolderChange::Gone(path)
            }
            Some(state) => {
                self.reported.insert(path.clone(), state.clone());
                match state.clone() {
                    EntryState::File(stamp) => {
                        FolderChange::WriteResult(WrittenFile { path, stamp })
                    }
                    EntryState::NotAFile(why) => FolderChange::NotAFile(path, why),
                }
            }
        });
        changes.collect()
    }
}

impl WrittenFile {
    /// The file's content; none if the file was changed since the scan, which the next scan finds. It
    /// blocks.
    pub(super) fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let limit = Limits::default().file;
        let size = usize::try_from(self.stamp.size).unwrap_or(usize::MAX);
        if size > limit {
            return Err(LoadError::TooLarge { size, limit }.into());
        }
        let mut file = File::open(&self.path)?;
        let mut wasm = Vec::with_capacity(size);
        Read::by_ref(&mut file).take(self.stamp.size).read_to_end(&mut wasm)?;
        Ok((FileStamp::of(&file.metadata()?) == self.stamp).then_some(wasm))
    }
}

impl FileStamp {
    fn of(file: &Metadata) -> Self {
        Self {
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
            size: file.size(),
            inode: (file.dev(), file.ino()),
        }
    }
}

fn scan(folder: &Path) -> FolderScan {
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| is_wasm(path)).map(|path| (path.clone(), state_of(&path))).collect())
}

/// The state of an entry. Links are followed, so that a link to a compiler's output can be watched.
fn state_of(path: &Path) -> EntryState {
    match fs::metadata(path) {
        Ok(file) if file.is_file() => EntryState::File(FileStamp::of(&file)),
        Ok(_) => EntryState::NotAFile("it is not a file".to_owned()),
        Err(error) => EntryState::NotAFile(error.to_string()),
    }
}

/// Whether a path is a `.wasm` file that is not hidden. Programs write hidden files and then rename
/// them.
fn is_wasm(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|it| it == "wasm")
}

#[cfg(test)]
mod tests;
