//! The on-disk cache of compiled connectors.
//!
//! Each file begins with a seal, an HMAC under the host's key. A file whose seal does not verify is
//! removed and never run.

use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tempfile::Builder;
use wasmtime::Engine;

use super::artifact::Artifact;

/// Bytes of a seal, at the beginning of each file.
const SEAL_BYTES: usize = 32;
/// The prefix of the names of files that are being written.
const UNFINISHED: &str = ".unfinished-";

/// The cache of one engine.
pub(super) struct ArtifactCache {
    directory: PathBuf,
    key: [u8; 32],
    /// Identifies the engine's settings and version; part of each file's name.
    engine: String,
}

impl ArtifactCache {
    /// Opens the directory, creating it if necessary, with mode 0700.
    pub(super) fn open(directory: &Path, key: [u8; 32], engine: &Engine) -> anyhow::Result<Self> {
        let open = || -> io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            fs::set_permissions(directory, Permissions::from_mode(0o700))
        };
        open().with_context(|| format!("could not open the cache {}", directory.display()))?;
        sweep(directory);
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = format!("{:016x}-{}", hasher.finish(), env!("CARGO_PKG_VERSION"));
        Ok(Self { directory: directory.to_owned(), key, engine })
    }

    /// The artifact of the file with this digest. A file with an invalid seal is removed.
    pub(super) fn find(&self, digest: &str) -> Option<Artifact> {
        let name = self.name(digest);
        let mut sealed = fs::read(self.directory.join(&name)).ok()?;
        let whole = sealed
            .split_at_checked(SEAL_BYTES)
            .is_some_and(|(seal, bytes)| self.seal(&name, bytes).verify_slice(seal).is_ok());
        if !whole {
            tracing::warn!(file = name, "connector: cached machine code was damaged or changed");
            self.remove(digest);
            return None;
        }
        Some(Artifact::trusted(sealed.split_off(SEAL_BYTES)))
    }

    /// Writes an artifact atomically: the whole file, or none.
    pub(super) fn insert(&self, digest: &str, artifact: &Artifact) -> anyhow::Result<()> {
        let name = self.name(digest);
        let seal = self.seal(&name, artifact.bytes()).finalize().into_bytes();
        let mut file = Builder::new().prefix(UNFINISHED).tempfile_in(&self.directory)?;
        // `sweep` leaves locked files alone.
        file.as_file().lock()?;
        file.write_all(&seal)?;
        file.write_all(artifact.bytes())?;
        fail::fail_point!("keep");
        file.persist(self.directory.join(name))?;
        Ok(())
    }

    /// Removes the artifact of the file with this digest.
    pub(super) fn remove(&self, digest: &str) {
        remove(&self.directory.join(self.name(digest)));
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{}.cwasm", self.engine)
    }

    /// Covers the name too, so that one connector's code cannot replace another's.
    fn seal(&self, name: &str, artifact: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.chain_update(name).chain_update([0]).chain_update(artifact)
    }
}

/// Removes the files that were being written when a host was killed.
fn sweep(directory: &Path) {
    for file in fs::read_dir(directory).into_iter().flatten().flatten() {
        let unfinished = file.file_name().to_string_lossy().starts_with(UNFINISHED);
        // Hosts can share the directory, and another one may be writing this file.
        if unfinished && File::open(file.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            remove(&file.path());
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(file = %path.display(), %error, "connector: could not remove cached machine code");
    }
}
