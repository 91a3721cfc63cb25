//! Signatures of connectors, and the keys that a host trusts.
//!
//! A signature is a custom section at the end of the file, so that it stays with the file in a
//! registry, a folder or on another host. It holds the public key and the Ed25519 signature
//! (RFC 8032) of the SHA-256 of everything before the first signature. A file may have several
//! signatures by different keys.
//!
//! The trusted keys are checked each time a file is loaded, so that removing a key stops what it has
//! signed. Connectors that come with the host are trusted with the host.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use ed25519_dalek::{PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH, Signature, Signer as _, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::sections::{custom, sections};

/// The name of the section.
const SECTION: &str = "muster:signature";
/// The prefix of signed messages, so that a signature made for another purpose is not valid here.
const DOMAIN: &[u8] = b"muster connector signature 1\n";

/// Signs connectors.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A named public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

/// The keys that a host trusts.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Vec<PublicKey>);

/// Why a file has no valid signature by a trusted key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// It has no signature.
    Unsigned,
    /// It has signatures by unknown keys only; their fingerprints.
    Unknown(Vec<String>),
    /// It has a signature by a trusted key that is not valid for its content; the key.
    Forged(String),
}

impl SigningKey {
    /// A new key.
    pub fn generate() -> anyhow::Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)
            .map_err(|error| anyhow::anyhow!("could not generate a key: {error}"))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&bytes)))
    }

    /// Reads PKCS #8 in PEM, as [`to_pem`](Self::to_pem) and OpenSSL write it.
    pub fn from_pem(text: &str) -> anyhow::Result<Self> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(text);
        key.map(Self).context("not a private Ed25519 key in PEM (PKCS #8)")
    }

    /// PKCS #8 in PEM.
    pub fn to_pem(&self) -> anyhow::Result<Zeroizing<String>> {
        self.0.to_pkcs8_pem(LineEnding::LF).context("could not write the key as PEM")
    }

    /// The public key, under this name.
    pub fn public(&self, name: &str) -> PublicKey {
        PublicKey { name: name.to_owned(), key: self.0.verifying_key() }
    }

    /// The file with this key's signature at its end. It replaces an earlier signature of this key.
    pub fn sign(&self, wasm: &[u8]) -> anyhow::Result<Vec<u8>> {
        let Signed { content, signatures } =
            Signed::read(wasm).context("not a complete WebAssembly file")?;
        let own = self.0.verifying_key();
        let signature = self.0.sign(&message(content));
        let mut signed = content.to_vec();
        for (key, signature) in signatures.into_iter().filter(|(key, _)| key != own.as_bytes()) {
            signed.extend(custom(SECTION, &[key.as_slice(), &signature].concat()));
        }
        signed
            .extend(custom(SECTION, &[own.as_bytes().as_slice(), &signature.to_bytes()].concat()));
        Ok(signed)
    }
}

impl PublicKey {
    /// Reads a key from PEM (`SubjectPublicKeyInfo`), and gives it this name.
    pub fn from_pem(name: &str, text: &str) -> anyhow::Result<Self> {
        let key = VerifyingKey::from_public_key_pem(text);
        let key = key.context("not a public Ed25519 key in PEM")?;
        Ok(Self { name: name.to_owned(), key })
    }

    /// Reads a key from a file. The key's name is the file's name without its extension.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path);
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        text.map_err(anyhow::Error::from)
            .and_then(|text| Self::from_pem(&name, &text))
            .with_context(|| format!("the trusted key {}", path.display()))
    }

    /// `SubjectPublicKeyInfo` in PEM.
    pub fn to_pem(&self) -> anyhow::Result<String> {
        self.key.to_public_key_pem(LineEnding::LF).context("could not write the key as PEM")
    }

    /// The first 8 bytes of the key's SHA-256 in hexadecimal, for people to compare.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.key.as_bytes())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.fingerprint())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl Keyring {
    /// The keyring of these keys.
    pub fn of(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Whether it has no keys. Such a host does not require signatures.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The trusted key that signed the file.
    pub fn signer(&self, wasm: &[u8]) -> Result<&PublicKey, Untrusted> {
        let Some(Signed { content, signatures }) = Signed::read(wasm) else {
            return Err(Untrusted::Unsigned);
        };
        let message = message(content);
        let mut forged = None;
        for (bytes, signature) in &signatures {
            let Some(trusted) = self.0.iter().find(|it| it.key.as_bytes() == bytes) else {
                continue;
            };
            let signature = Signature::from_bytes(signature);
            if trusted.key.verify_strict(&message, &signature).is_ok() {
                return Ok(trusted);
            }
            forged = Some(trusted.to_string());
        }
        Err(match forged {
            Some(by) => Untrusted::Forged(by),
            None if signatures.is_empty() => Untrusted::Unsigned,
            None => {
                Untrusted::Unknown(signatures.iter().map(|(key, _)| fingerprint(key)).collect())
            }
        })
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str(
                "it is not signed, and this host loads only connectors signed by a trusted key; \
                 sign it with `muster connector sign`",
            ),
            Self::Unknown(keys) => write!(
                f,
                "it is signed by {}, which this host does not trust; an operator can add the key \
                 to `trusted_keys`",
                keys.join(", ")
            ),
            Self::Forged(by) => {
                write!(f, "it was changed after {by} signed it; get the file from its author again")
            }
        }
    }
}

/// Whether two files are the same except for their signatures.
pub fn equal_but_for_signatures(one: &[u8], other: &[u8]) -> bool {
    match (Signed::read(one), Signed::read(other)) {
        (Some(one), Some(other)) => one.content == other.content,
        _ => false,
    }
}

/// A file, split into its content and its signatures.
struct Signed<'w> {
    content: &'w [u8],
    signatures: Vec<([u8; PUBLIC_KEY_LENGTH], [u8; SIGNATURE_LENGTH])>,
}

impl<'w> Signed<'w> {
    /// Signatures are the last sections. A signature section elsewhere is part of the content.
    fn read(wasm: &'w [u8]) -> Option<Self> {
        let (mut end, mut signatures) = (wasm.len(), Vec::new());
        for section in sections(wasm)?.into_iter().rev() {
            let Some((name, bytes)) = section.custom() else { break };
            let Some((key, signature)) = bytes.split_at_checked(PUBLIC_KEY_LENGTH) else { break };
            let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else { break };
            if name != SECTION.as_bytes() {
                break;
            }
            signatures.push((key, signature));
            end = section.at;
        }
        signatures.reverse();
        Some(Self { content: &wasm[..end], signatures })
    }
}

fn message(content: &[u8]) -> Vec<u8> {
    [DOMAIN, Sha256::digest(content).as_slice()].concat()
}

fn fingerprint(key: &[u8; PUBLIC_KEY_LENGTH]) -> String {
    HEXLOWER.encode(&Sha256::digest(key)[..8])
}

#[cfg(test)]
mod tests;
