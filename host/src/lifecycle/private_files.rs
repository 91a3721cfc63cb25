//! The files of the host, for the user that it runs as alone: they hold the directory, the host key and the
//! credentials of apps.
//!
//! A start mends wider modes, with a warning. Files in the data directory that are not the host's own are
//! left alone.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context;

/// The beginnings of the names of the host's own files and folders.
const OWN: [&str; 5] = ["admin.token", "before-restore-", "compiled", "host.key", "muster.db"];

/// Creates the data directory if it is missing, and takes other users' rights to it and to the host's files
/// away.
pub(super) fn make_private(data: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("making the data directory {}", data.display()))?;
    mend(data);
    let entries = fs::read_dir(data).with_context(|| format!("reading {}", data.display()))?;
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // The target of a link is not the host's.
        if OWN.iter().any(|own| name.starts_with(own)) && !entry.path().is_symlink() {
            mend(&entry.path());
        }
    }
    Ok(())
}

/// Takes the rights of others away. A mode that cannot be changed is no reason not to start.
fn mend(path: &Path) {
    match others_had_rights(path) {
        Ok(None) => {}
        Ok(Some(mode)) => {
            let (path, mode) = (path.display(), format!("{mode:o}"));
            tracing::warn!(%path, mode, "host: other users had rights to this; they are taken away");
        }
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, %error, "host: other users may have rights to this");
        }
    }
}

/// The mode before, if it was too wide.
fn others_had_rights(path: &Path) -> io::Result<Option<u32>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(None);
    }
    fs::set_permissions(path, Permissions::from_mode(mode & 0o700))?;
    Ok(Some(mode))
}
