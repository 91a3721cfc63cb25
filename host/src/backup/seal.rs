//! The seal of a backup: encryption with a key from a passphrase, in segments, so that neither memory
//! nor a second file is needed.
//!
//! Argon2id makes the key (RFC 9106 §4, the second recommended choice), and XChaCha20-Poly1305 in the
//! STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015) encrypts segments of 64 KiB, of
//! which each has its number and whether it is the last: a segment that is missing, repeated, moved or
//! changed is noticed. The three come from the crates of `RustCrypto`, with which the host key seals as
//! well; only the order of the parts in the file is ours. `age` has a format that other tools read, but
//! takes 50 further crates, among them those for public keys, post-quantum keys and translations, and
//! older versions of all that is here already; these are 3.

use std::io::{self, Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use anyhow::{Context, Result, anyhow, bail, ensure};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Bytes of a segment before it is encrypted.
const SEGMENT: usize = 64 * 1024;
/// Bytes by which a segment grows.
const TAG: usize = 16;
/// The most memory that a file may ask for: files come from elsewhere.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 16;
const CIPHER: &str = "argon2id, xchacha20-poly1305, stream-be32";

/// What a backup is sealed by.
pub(crate) struct Passphrase(Zeroizing<String>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl Passphrase {
    /// A passphrase; fails if it is empty.
    pub(crate) fn new(text: String) -> Result<Self> {
        let text = Zeroizing::new(text);
        ensure!(!text.is_empty(), "the passphrase is empty");
        Ok(Self(text))
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

/// How a file is sealed: `seal.json`, which is not secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Seal {
    cipher: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    segment: usize,
    /// In hexadecimal digits, as the next.
    salt: String,
    nonce: String,
}

impl Seal {
    /// A seal for one file.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            cipher: CIPHER.to_owned(),
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 4,
            segment: SEGMENT,
            salt: HEXLOWER.encode(&random::<16>()?),
            nonce: HEXLOWER.encode(&random::<19>()?),
        })
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let seal: Self = serde_json::from_slice(bytes)
            .context("the backup is damaged: seal.json cannot be read")?;
        if seal.cipher != CIPHER || seal.segment != SEGMENT {
            bail!("the backup is sealed in a way that this muster does not know: {}", seal.cipher);
        }
        Ok(seal)
    }

    fn cipher(&self, passphrase: &Passphrase) -> Result<(XChaCha20Poly1305, [u8; 19])> {
        let damaged = "the backup is damaged: seal.json has impossible values";
        ensure!(self.memory_kib <= MOST_MEMORY_KIB && self.passes <= MOST_PASSES, damaged);
        let parameters = Params::new(self.memory_kib, self.passes, self.lanes, Some(32));
        let parameters = parameters.map_err(|_| anyhow!(damaged))?;
        let salt = HEXLOWER.decode(self.salt.as_bytes()).context(damaged)?;
        let nonce = HEXLOWER.decode(self.nonce.as_bytes()).context(damaged)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into(passphrase.0.as_bytes(), &salt, key.as_mut_slice())
            .map_err(|_| anyhow!(damaged))?;
        let nonce = nonce.try_into().map_err(|_| anyhow!(damaged))?;
        Ok((XChaCha20Poly1305::new(&(*key).into()), nonce))
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(bytes)
}

/// Encrypts what is written to it. Without [`Sealer::finish`], the last segment is missing.
pub(super) struct Sealer<W> {
    inner: W,
    encryptor: EncryptorBE32<XChaCha20Poly1305>,
    segment: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(inner: W, seal: &Seal, passphrase: &Passphrase) -> Result<Self> {
        let (cipher, nonce) = seal.cipher(passphrase)?;
        let encryptor = EncryptorBE32::from_aead(cipher, &nonce.into());
        Ok(Self { inner, encryptor, segment: Vec::with_capacity(SEGMENT + TAG) })
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        let sealed = self.encryptor.encrypt_last_in_place(b"", &mut self.segment);
        sealed.map_err(|_| io::Error::other("sealing failed"))?;
        self.inner.write_all(&self.segment)?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A whole segment waits for a byte after it: the last one is marked.
        if self.segment.len() == SEGMENT {
            let sealed = self.encryptor.encrypt_next_in_place(b"", &mut self.segment);
            sealed.map_err(|_| io::Error::other("sealing failed"))?;
            self.inner.write_all(&self.segment)?;
            self.segment.clear();
        }
        let taken = bytes.len().min(SEGMENT - self.segment.len());
        self.segment.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Decrypts what a [`Sealer`] has written. It returns no byte that is not what was written, in its place.
pub(super) struct Unsealer<R> {
    inner: R,
    /// None after the last segment.
    decryptor: Option<DecryptorBE32<XChaCha20Poly1305>>,
    /// The next segment, sealed.
    next: Vec<u8>,
    segment: Vec<u8>,
    read: usize,
}

impl<R: Read> Unsealer<R> {
    /// Reads the first segment, by which a wrong passphrase is noticed.
    pub(super) fn new(inner: R, seal: &Seal, passphrase: &Passphrase) -> Result<Self> {
        let (cipher, nonce) = seal.cipher(passphrase)?;
        let decryptor = Some(DecryptorBE32::from_aead(cipher, &nonce.into()));
        let mut this = Self { inner, decryptor, next: Vec::new(), segment: Vec::new(), read: 0 };
        this.next = this.sealed_segment()?;
        this.advance().map_err(|_| {
            anyhow!("the passphrase is wrong, or the beginning of the backup is damaged")
        })?;
        Ok(this)
    }

    fn sealed_segment(&mut self) -> io::Result<Vec<u8>> {
        let mut segment = Vec::with_capacity(SEGMENT + TAG);
        (&mut self.inner).take((SEGMENT + TAG) as u64).read_to_end(&mut segment)?;
        Ok(segment)
    }

    fn advance(&mut self) -> io::Result<()> {
        let Some(mut decryptor) = self.decryptor.take() else { return Ok(()) };
        let after = self.sealed_segment()?;
        self.segment = std::mem::replace(&mut self.next, after);
        self.read = 0;
        let opened = if self.next.is_empty() {
            decryptor.decrypt_last_in_place(b"", &mut self.segment)
        } else {
            let opened = decryptor.decrypt_next_in_place(b"", &mut self.segment);
            self.decryptor = Some(decryptor);
            opened
        };
        opened.map_err(|_| io::Error::other("the backup is damaged or cut off"))
    }
}

impl<R: Read> Read for Unsealer<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.segment.len() && self.decryptor.is_some() {
            self.advance()?;
        }
        let given = into.len().min(self.segment.len() - self.read);
        into[..given].copy_from_slice(&self.segment[self.read..self.read + given]);
        self.read += given;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    /// A seal that takes no time.
    fn quick() -> Seal {
        Seal { memory_kib: 64, passes: 1, lanes: 1, ..Seal::new().unwrap() }
    }

    fn sealed(seal: &Seal, plain: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), seal, &passphrase("one")).unwrap();
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(seal: &Seal, sealed: &[u8]) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        Unsealer::new(sealed, seal, &passphrase("one"))?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn every_length_is_read_as_it_was_written() {
        let seal = quick();
        for length in [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT] {
            let plain: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            assert!(opened(&seal, &sealed(&seal, &plain)).unwrap() == plain, "{length}");
        }
    }

    #[test]
    fn a_change_a_cut_and_a_segment_in_another_place_are_noticed() {
        let seal = quick();
        let whole = sealed(&seal, &vec![7; 3 * SEGMENT + 5]);
        let full = SEGMENT + TAG;
        for at in [0, full - 1, full, 2 * full, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(opened(&seal, &changed).is_err(), "changed at {at}");
        }
        for length in [0, 1, full, full + 1, 2 * full, 3 * full, whole.len() - 1] {
            assert!(opened(&seal, &whole[..length]).is_err(), "cut at {length}");
        }
        let [one, two] = [&whole[..full], &whole[full..2 * full]];
        assert!(opened(&seal, &[two, one, &whole[2 * full..]].concat()).is_err());
        assert!(opened(&seal, &[&whole, &b"x"[..]].concat()).is_err());
    }

    #[test]
    fn another_passphrase_another_salt_and_another_nonce_open_nothing() {
        let seal = quick();
        let whole = sealed(&seal, b"plain");
        assert!(Unsealer::new(&whole[..], &seal, &passphrase("two")).is_err());
        assert!(opened(&Seal { salt: quick().salt, ..quick() }, &whole).is_err());
        let nonce = quick().nonce;
        assert!(opened(&Seal { nonce, salt: seal.salt.clone(), ..quick() }, &whole).is_err());
    }

    #[test]
    fn a_file_does_not_make_the_reader_take_all_memory() {
        let seal = Seal { memory_kib: u32::MAX, ..quick() };
        let error = opened(&seal, b"").unwrap_err().to_string();
        assert!(error.contains("impossible values"), "{error}");
    }
}
