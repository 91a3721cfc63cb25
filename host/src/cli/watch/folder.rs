//! A folder that is looked at, several times a second.
//!
//! It asks the kernel for no events: those end with the folder, are lost where there are many, and
//! do not come from other machines. A look finds whatever was done, by whichever program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::connector::{Limits, LoadError};

/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(150);

/// A folder, and what is known of its `.wasm` files.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// What the look before saw.
    before: Look,
    /// What was told of each file.
    told: BTreeMap<PathBuf, Seen>,
    /// Whether it was told that the folder can be looked into.
    open: bool,
}

/// What has changed since it was told last.
#[derive(Debug)]
pub(super) enum Change {
    /// A file is new, or another one.
    Written(Written),
    /// What stands there cannot be a connector's file.
    Unfit(PathBuf, String),
    /// A file is not there any more.
    Gone(PathBuf),
    /// The folder cannot be looked into.
    Closed(String),
    /// It can be again.
    Open,
}

/// A file at rest.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// A file as a look sees it. Whatever is done to it makes it another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    /// Seconds and nanoseconds. It comes first: of two files, the later one is greater.
    modified: (i64, i64),
    /// The same of the file's place and rights.
    changed: (i64, i64),
    size: u64,
    inode: (u64, u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    File(Stamp),
    Unfit(String),
}

/// Every file, or why there is none to see.
type Look = Result<BTreeMap<PathBuf, Seen>, String>;

impl Folder {
    /// A folder that is there.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        fs::read_dir(&path)
            .with_context(|| format!("watching {}; it has to be a folder", path.display()))?;
        let before = Err(String::new());
        Ok(Self { path, before, told: BTreeMap::new(), open: true })
    }

    /// What is there at first; of what is being written just now, nothing.
    pub(super) async fn first(&mut self) -> Vec<Change> {
        self.look().await;
        self.next_look().await
    }

    /// Waits until something has changed, and rests again.
    pub(super) async fn changes(&mut self) -> Vec<Change> {
        loop {
            let changes = self.next_look().await;
            if !changes.is_empty() {
                return changes;
            }
        }
    }

    async fn next_look(&mut self) -> Vec<Change> {
        tokio::time::sleep(PAUSE).await;
        self.look().await
    }

    async fn look(&mut self) -> Vec<Change> {
        let path = self.path.clone();
        let look = tokio::task::spawn_blocking(move || look(&path)).await;
        self.compared(look.unwrap_or_else(|error| Err(error.to_string())))
    }

    /// What is to be told: it is alike in two looks, and not as it was told last.
    fn compared(&mut self, look: Look) -> Vec<Change> {
        let before = std::mem::replace(&mut self.before, look.clone());
        match (before, look) {
            (Err(_), Err(why)) if self.open => {
                self.open = false;
                vec![Change::Closed(why)]
            }
            (Ok(before), Ok(look)) => {
                let again = (!std::mem::replace(&mut self.open, true)).then_some(Change::Open);
                again.into_iter().chain(self.settled(&before, &look)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn settled(
        &mut self,
        before: &BTreeMap<PathBuf, Seen>,
        look: &BTreeMap<PathBuf, Seen>,
    ) -> Vec<Change> {
        let paths: BTreeSet<&PathBuf> = look.keys().chain(self.told.keys()).collect();
        let rests = |path: &&PathBuf| before.get(*path) == look.get(*path);
        let news = |path: &&PathBuf| self.told.get(*path) != look.get(*path);
        let paths: Vec<PathBuf> = paths.into_iter().filter(rests).filter(news).cloned().collect();
        let changes = paths.into_iter().map(|path| match look.get(&path) {
            None => {
                self.told.remove(&path);
                Change::Gone(path)
            }
            Some(seen) => {
                self.told.insert(path.clone(), seen.clone());
                match seen.clone() {
                    Seen::File(stamp) => Change::Written(Written { path, stamp }),
                    Seen::Unfit(why) => Change::Unfit(path, why),
                }
            }
        });
        changes.collect()
    }
}

impl Written {
    /// What is in it; nothing if it is being written again, which the next look finds. It blocks.
    pub(super) fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let limit = Limits::default().file;
        let size = usize::try_from(self.stamp.size).unwrap_or(usize::MAX);
        if size > limit {
            return Err(LoadError::TooLarge { size, limit }.into());
        }
        let mut file = File::open(&self.path)?;
        let mut wasm = Vec::with_capacity(size);
        Read::by_ref(&mut file).take(self.stamp.size).read_to_end(&mut wasm)?;
        Ok((Stamp::of(&file.metadata()?) == self.stamp).then_some(wasm))
    }
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
            size: file.size(),
            inode: (file.dev(), file.ino()),
        }
    }
}

fn look(folder: &Path) -> Look {
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| is_wasm(path)).map(|path| (path.clone(), seen(&path))).collect())
}

/// Links are followed: a link to what a compiler leaves elsewhere is a way of watching it.
fn seen(path: &Path) -> Seen {
    match fs::metadata(path) {
        Ok(file) if file.is_file() => Seen::File(Stamp::of(&file)),
        Ok(_) => Seen::Unfit("it is no file".to_owned()),
        Err(error) => Seen::Unfit(error.to_string()),
    }
}

/// Hidden files are what programs write before they rename it.
fn is_wasm(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|it| it == "wasm")
}

#[cfg(test)]
mod tests;
