//! Compiled connectors on disk, each sealed with the host's key: machine code that anybody else
//! wrote there must not run.

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
/// How the name of a file begins that is not whole yet.
const UNFINISHED: &str = ".unfinished-";

/// The cache of one engine.
pub(super) struct Cache {
    directory: PathBuf,
    key: [u8; 32],
    /// What must be the same for an artifact to fit, in the name of each file.
    engine: String,
}

impl Cache {
    /// Opens the directory, and makes it where it is not there; only its owner may look inside.
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

    /// What is kept of the file of this digest. What somebody else wrote is not taken, and gone.
    pub(super) fn find(&self, digest: &str) -> Option<Artifact> {
        let name = self.name(digest);
        let mut sealed = fs::read(self.directory.join(&name)).ok()?;
        let whole = sealed
            .split_at_checked(SEAL_BYTES)
            .is_some_and(|(seal, bytes)| self.seal(&name, bytes).verify_slice(seal).is_ok());
        if !whole {
            tracing::warn!(file = name, "a compiled connector was damaged or tampered with");
            self.remove(digest);
            return None;
        }
        Some(Artifact::trusted(sealed.split_off(SEAL_BYTES)))
    }

    /// Keeps an artifact, at once and whole or not at all.
    pub(super) fn keep(&self, digest: &str, artifact: &Artifact) -> anyhow::Result<()> {
        let name = self.name(digest);
        let seal = self.seal(&name, artifact.bytes()).finalize().into_bytes();
        let mut file = Builder::new().prefix(UNFINISHED).tempfile_in(&self.directory)?;
        // Whoever sweeps sees by it that somebody is at work.
        file.as_file().lock()?;
        file.write_all(&seal)?;
        file.write_all(artifact.bytes())?;
        fail::fail_point!("keep");
        file.persist(self.directory.join(name))?;
        Ok(())
    }

    /// Forgets what is kept of a file.
    pub(super) fn remove(&self, digest: &str) {
        remove(&self.directory.join(self.name(digest)));
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{}.cwasm", self.engine)
    }

    /// The name is under the seal too: one connector's code shall not pass for another's.
    fn seal(&self, name: &str, artifact: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.chain_update(name).chain_update([0]).chain_update(artifact)
    }
}

/// Removes what was being written when a host was killed.
fn sweep(directory: &Path) {
    for file in fs::read_dir(directory).into_iter().flatten().flatten() {
        let unfinished = file.file_name().to_string_lossy().starts_with(UNFINISHED);
        // Another process may be writing it just now: the directory can be shared.
        if unfinished && File::open(file.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            remove(&file.path());
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(file = %path.display(), %error, "could not remove a compiled connector");
    }
}
