//! The exchange of the files in a data directory by those of a backup: database and host key together,
//! or neither.
//!
//! The new files are written into a folder in the data directory, and checked there. One rename of
//! that folder, to [`RESTORED`], is the decision: before it, nothing in the data directory has changed;
//! after it, [`finish`] moves the old files away and the new ones in. If the process ends in between,
//! the next start of a host, or the next restore, finishes: each step can be repeated, and nothing opens
//! the database before. A rename of the whole data directory would need no such steps, but a data
//! directory may be a mount point, or stand in a folder that belongs to another user.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::database::{self, Lock};
use super::{DATABASE, HOST_KEY, backup};

/// The folder with new files that take the place of the old ones.
const RESTORED: &str = "restored";
/// The beginning of the name of a folder with files that are not complete yet.
const UNFINISHED: &str = ".restore-";
/// The file in the folder that names the folder for the old files.
const KEEP: &str = "keep";
/// The log of the database and its index, and the first admin token, which belong to the old files.
const LOG: &str = "muster.db-wal";
const LOG_INDEX: &str = "muster.db-shm";
const ADMIN_TOKEN: &str = "admin.token";

/// New files for a data directory, until they take their places. The directory is locked.
#[derive(Debug)]
pub struct Replacement {
    data: PathBuf,
    /// Whether the data directory is new.
    made: bool,
    /// Whether there are files whose place the new ones take.
    replaces: bool,
    folder: Option<TempDir>,
    _lock: Lock,
}

impl Replacement {
    /// Locks the data directory, which is created if it is missing, and finishes an interrupted
    /// exchange. Fails if a host uses the directory, and if it has data that may not be replaced.
    pub async fn begin(data: &Path, may_replace: bool) -> Result<Self> {
        let made = !data.exists();
        let making = || format!("making the data directory {}", data.display());
        DirBuilder::new().recursive(true).mode(0o700).create(data).with_context(making)?;
        let database = data.join(DATABASE);
        let lock = Lock::take(&database).await?;
        owned_like_its_folder(&database::lock_file(&database));
        ensure!(
            !finish(data)?,
            "a restore into {} was interrupted, and is finished now: start the host, or restore once more",
            data.display()
        );
        let replaces = [DATABASE, LOG, HOST_KEY].iter().any(|name| data.join(name).exists());
        ensure!(
            may_replace || !replaces,
            "{} has a database or a host key; --replace restores all the same, and keeps them under \
             another name",
            data.display()
        );
        remove_unfinished(data)?;
        let folder = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(data)?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        owned_like_its_folder(folder.path());
        Ok(Self { data: data.to_owned(), made, replaces, folder: Some(folder), _lock: lock })
    }

    /// Where the new files are written.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("there until the exchange").path()
    }

    /// Puts the new files in the place of the old ones. Returns the folder that has those, if there
    /// were any. `now` distinguishes its name.
    pub fn exchange(mut self, now: &str) -> Result<Option<PathBuf>> {
        let keep = format!("before-restore-{now}");
        let folder = self.folder();
        fs::write(folder.join(KEEP), &keep)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            File::open(&path)?.sync_all()?;
            owned_like_its_folder(&path);
        }
        synced(folder)?;
        fail::fail_point!("restore");
        fs::rename(folder, self.data.join(RESTORED)).context("putting the backup in its place")?;
        self.folder.take().map(TempDir::keep);
        synced(&self.data)?;
        fail::fail_point!("restore");
        finish(&self.data)?;
        Ok(self.replaces.then(|| self.data.join(keep)))
    }
}

/// Checks the database of a backup in this folder, and opens it once as a host does, which brings its schema up
/// to date. Returns the fingerprint of the host key that it needs.
pub async fn check_unpacked(folder: &Path) -> Result<Option<Vec<u8>>> {
    let database = folder.join(DATABASE);
    backup::check(&database)?;
    database::prepare(&database).await?;
    backup::bound_key(&database)
}

impl Drop for Replacement {
    fn drop(&mut self) {
        let given_up = self.folder.take().is_some_and(|folder| folder.close().is_ok());
        if given_up && self.made {
            let lock = database::lock_file(&self.data.join(DATABASE));
            drop(fs::remove_file(lock).and_then(|()| fs::remove_dir(&self.data)));
        }
    }
}

/// Whether an exchange in this data directory was interrupted, and will be finished.
pub fn is_interrupted(data: &Path) -> bool {
    data.join(RESTORED).join(KEEP).exists()
}

/// Finishes an exchange that was begun in this data directory, which must be locked. False if there
/// was none.
pub(super) fn finish(data: &Path) -> Result<bool> {
    let new = data.join(RESTORED);
    if !is_interrupted(data) {
        // What was to be removed last; and nothing that an operator has put there.
        drop(fs::remove_dir(new));
        return Ok(false);
    }
    let finishing = || format!("finishing the restore into {}", data.display());
    move_in(data, &new).with_context(finishing)?;
    Ok(true)
}

fn move_in(data: &Path, new: &Path) -> Result<()> {
    let keep = data.join(fs::read_to_string(new.join(KEEP))?);
    drop(DirBuilder::new().mode(0o700).create(&keep));
    owned_like_its_folder(&keep);
    // A new file that is still in its folder has not taken its place yet, so that the file in that
    // place is old. The old log must never be beside the new database.
    take_place(data, new, &keep, DATABASE, &[LOG, LOG_INDEX])?;
    take_place(data, new, &keep, HOST_KEY, &[ADMIN_TOKEN])?;
    // It goes only if it is empty.
    drop(fs::remove_dir(&keep));
    fail::fail_point!("restore");
    // Without it, nothing is to be finished.
    fs::remove_file(new.join(KEEP))?;
    fs::remove_dir_all(new)?;
    Ok(synced(data)?)
}

/// Moves a new file in, and before that the file in its place, and those that belong to it, away.
fn take_place(data: &Path, new: &Path, keep: &Path, name: &str, with: &[&str]) -> Result<()> {
    let source = new.join(name);
    if !source.exists() {
        return Ok(());
    }
    for old in with.iter().chain([&name]) {
        fail::fail_point!("restore");
        match fs::rename(data.join(old), keep.join(old)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    synced(keep)?;
    synced(data)?;
    fail::fail_point!("restore");
    fs::rename(source, data.join(name))?;
    Ok(synced(data)?)
}

/// Removes what restores have left that ended before their decision.
fn remove_unfinished(data: &Path) -> Result<()> {
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn synced(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Gives a file to the owner of its folder, if this process may: root restores for the user that the
/// host runs as.
pub fn owned_like_its_folder(path: &Path) {
    let Some(Ok(owner)) = path.parent().map(fs::metadata) else { return };
    if fs::metadata(path).is_ok_and(|file| file.uid() != owner.uid() || file.gid() != owner.gid()) {
        drop(std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())));
    }
}
