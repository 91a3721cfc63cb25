//! The host key: seals passwords and cursors, and signs the cache of compiled connectors.
//!
//! The key is a file in the data directory, from which a key is derived for each purpose. Sealed
//! secrets survive a crash, and cannot be read without the key.
//!
//! The database holds the fingerprint of its key. A host does not start if the key is missing, or is
//! another one: it would lose what is sealed, and would say so much later. The key is therefore created
//! for a new database alone.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::store::Store;

/// 32 random bytes that never leave the data directory.
#[derive(Clone)]
pub struct HostKey([u8; 32]);

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostKey(…)")
    }
}

impl HostKey {
    /// Reads the key, or creates it if the file does not exist.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        match Self::read(path)? {
            Some(key) => Ok(key),
            None => Self::create(path),
        }
    }

    /// The key of the database. Creates it if the database is new, and else fails if it is missing or
    /// is not the key that the database needs.
    pub async fn of(store: &Store, path: &Path) -> anyhow::Result<Self> {
        let needed = store.host_key_fingerprint().await?;
        let key = match Self::read(path) {
            // It may be the right one.
            Err(error) if error.is::<std::io::Error>() => {
                return Err(
                    error.context("the host key must belong to the user that the host runs as")
                );
            }
            Err(error) if needed.is_some() => bail!("{error:#}. {}", ways_out(path)),
            key => key?,
        };
        match (key, needed) {
            (Some(key), Some(needed)) if key.fingerprint() == *needed => Ok(key),
            (Some(_), Some(_)) => bail!(
                "{0} is not the key of the database beside it: one of them was replaced without the \
                 other. {1}",
                path.display(),
                ways_out(path)
            ),
            (None, Some(_)) => bail!(
                "{0} is missing, and the database beside it needs this key. {1}",
                path.display(),
                ways_out(path)
            ),
            (key, None) => {
                let key = key.map_or_else(|| Self::create(path), Ok)?;
                store.bind_host_key(key.fingerprint().to_vec()).await?;
                Ok(key)
            }
        }
    }

    /// Reads the key; none if the file does not exist.
    pub fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => {
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| {
                    anyhow!("{} is not a host key: it must hold 32 bytes", path.display())
                })?;
                Ok(Some(Self(bytes)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Creates the file with another key. Fails if the file exists.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let key = Self(random()?);
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        // Temporary files have the mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("making a host key in {}", folder.display()))?;
        file.write_all(&key.0)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).with_context(|| format!("keeping {}", path.display()))?;
        // The database must not be bound to a key whose name can still be lost.
        File::open(folder)?.sync_all()?;
        Ok(key)
    }

    /// The key of these bytes, such as those in a backup.
    pub fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key, for a backup.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Distinguishes this key from others, and does not reveal it.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.derive("fingerprint")
    }

    /// Derives the key of a purpose.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// A host key for one purpose.
    pub fn for_purpose(&self, purpose: &str) -> Self {
        Self(self.derive(purpose))
    }

    /// A keyed hash, which distinguishes secrets and does not reveal them.
    pub fn keyed_hash(&self, secret: &str) -> [u8; 32] {
        Self(self.derive("marks")).derive(secret)
    }

    /// Encrypts for this host only.
    pub fn seal(&self, secret: &[u8]) -> anyhow::Result<Vec<u8>> {
        let nonce: [u8; 24] = random()?;
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), secret)
            .map_err(|_| anyhow!("sealing failed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts the result of [`HostKey::seal`].
    pub fn unseal(&self, sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        ensure!(sealed.len() > 24, "a sealed value is too short");
        let (nonce, sealed) = sealed.split_at(24);
        let nonce: [u8; 24] = nonce.try_into().expect("split at 24");
        self.cipher()
            .decrypt(&XNonce::from(nonce), sealed)
            .map_err(|_| anyhow!("a sealed value does not open with this host's key"))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.derive("seal")))
    }
}

/// What to do if the database has not the key that it needs.
fn ways_out(path: &Path) -> String {
    let data = path.parent().unwrap_or_else(|| Path::new(".")).display();
    format!(
        "The key is in the data directory that the database came from, and in every backup of it: \
         copy it to {}, or restore both with `muster restore`. If it is lost for good, `muster \
         host-key replace --data {data}` makes another one, and says what is lost with it",
        path.display()
    )
}

/// Random bytes of the operating system.
pub(in crate::lifecycle) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyed_hash_differs_by_secret_and_by_host() {
        let (here, there) = (HostKey([1; 32]), HostKey([2; 32]));
        assert_eq!(here.keyed_hash("s3cret"), here.keyed_hash("s3cret"));
        assert_ne!(here.keyed_hash("s3cret"), here.keyed_hash("S3cret"));
        assert_ne!(here.keyed_hash("s3cret"), there.keyed_hash("s3cret"));
    }

    #[test]
    fn a_sealed_secret_opens_with_the_same_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.key");
        let key = HostKey::open(&path).unwrap();
        let sealed = key.seal(b"secret").unwrap();
        assert_eq!(HostKey::open(&path).unwrap().unseal(&sealed).unwrap(), b"secret");
        let other = HostKey::open(&folder.path().join("other.key")).unwrap();
        assert!(other.unseal(&sealed).is_err());
        assert_ne!(key.derive("a"), key.derive("b"));
    }

    #[test]
    fn a_damaged_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.key");
        std::fs::write(&path, b"short").unwrap();
        assert!(HostKey::open(&path).unwrap_err().to_string().contains("32 bytes"));
    }
}
