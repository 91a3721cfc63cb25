//! The archive of a backup: writes its entries, and reads and verifies them.
//!
//! Entries are read in their order and by their names, and nothing is unpacked to a path that the file
//! names.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};

use anyhow::{Context, Result, anyhow, bail, ensure};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::manifest::{FileDigest, Manifest};
use super::seal::{Passphrase, Seal, Sealer, Unsealer};
use crate::store::{DATABASE, DatabaseSummary, HOST_KEY};

const MANIFEST: &str = "manifest.json";
/// The first entry of a sealed backup: how it is sealed.
const SEAL: &str = "seal.json";
/// The second one: the other archive, sealed.
const SEALED: &str = "sealed";
/// The most bytes of an entry that is read into memory.
const SMALL: u64 = 64 * 1024;
/// Bytes that are moved at once.
const BLOCK: usize = 256 * 1024;

/// What a backup is made of.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// When the copy was begun.
    pub(crate) taken: Timestamp,
    /// The database.
    pub(crate) database: &'a File,
    /// What is in it.
    pub(crate) summary: DatabaseSummary,
    /// The host key.
    pub(crate) host_key: &'a [u8; 32],
}

/// What was read from a backup: verified, as far as a backup that is not sealed can be.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// The host key.
    pub(crate) host_key: [u8; 32],
}

/// Is told how many bytes of how many are done; an error from it ends the work.
type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// Writes a backup into an empty file, and seals it if there is a passphrase.
pub(crate) fn write(
    parts: &Parts<'_>,
    passphrase: Option<&Passphrase>,
    into: &mut File,
    progress: Progress<'_>,
) -> Result<Manifest> {
    let mut database = parts.database;
    database.seek(SeekFrom::Start(0))?;
    let found = digest(&mut database, &mut io::sink(), &mut |_| Ok(()))?;
    database.seek(SeekFrom::Start(0))?;
    let key = digest(&mut &parts.host_key[..], &mut io::sink(), &mut |_| Ok(()))?;
    let manifest = Manifest::new(parts, found, key);
    let Some(passphrase) = passphrase else {
        write_entries(parts, &manifest, into, progress)?;
        return Ok(manifest);
    };
    let seal = Seal::new()?;
    let mut outer = tar::Builder::new(into);
    let text = serde_json::to_vec_pretty(&seal)?;
    outer.append_data(&mut header(text.len() as u64, parts.taken), SEAL, &text[..])?;
    let mut header = header(0, parts.taken);
    let mut sealer = Sealer::new(outer.append_writer(&mut header, SEALED)?, &seal, passphrase)?;
    write_entries(parts, &manifest, &mut sealer, progress)?;
    sealer.finish()?.finish()?;
    outer.finish()?;
    Ok(manifest)
}

fn write_entries(
    parts: &Parts<'_>,
    manifest: &Manifest,
    into: &mut dyn Write,
    progress: Progress<'_>,
) -> Result<()> {
    let mut archive = tar::Builder::new(io::BufWriter::with_capacity(BLOCK, into));
    let text = serde_json::to_vec_pretty(manifest)?;
    let size = manifest.database.bytes;
    archive.append_data(&mut header(text.len() as u64, parts.taken), MANIFEST, &text[..])?;
    archive.append_data(&mut header(32, parts.taken), HOST_KEY, &parts.host_key[..])?;
    let mut done = 0;
    let database = Watched {
        inner: parts.database,
        watch: |n| {
            done += n;
            progress(done, size).map_err(io::Error::other)
        },
    };
    archive.append_data(&mut header(size, parts.taken), DATABASE, database.take(size))?;
    archive.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

fn header(size: u64, at: Timestamp) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(at.as_second()).unwrap_or_default());
    header
}

/// Whether the backup is sealed. Fails if the file is not a backup.
pub(crate) fn is_sealed(mut file: &File) -> Result<bool> {
    let mut archive = tar::Archive::new(file);
    let first = archive.entries()?.next().and_then(Result::ok).map(|entry| name(&entry));
    file.seek(SeekFrom::Start(0))?;
    match first.as_deref() {
        Some(MANIFEST) => Ok(false),
        Some(SEAL) => Ok(true),
        _ => bail!("it is not a backup of muster"),
    }
}

/// Reads a backup, and verifies it to its end. `database` is asked for the place where the database is
/// written, when the manifest is known and before anything is written.
pub(crate) fn read<W: Write>(
    file: &File,
    passphrase: Option<&Passphrase>,
    database: impl FnOnce(&Manifest) -> Result<W>,
    progress: Progress<'_>,
) -> Result<Opened> {
    let mut outer = tar::Archive::new(file);
    let mut entries = outer.entries()?;
    let Some(passphrase) = passphrase else {
        let first = next(&mut entries, MANIFEST)?;
        let (manifest, host_key) = read_entries(first, &mut entries, database, progress)?;
        return Ok(Opened { manifest, host_key });
    };
    let seal = Seal::parse(&small(next(&mut entries, SEAL)?)?)?;
    let sealed = next(&mut entries, SEALED)?;
    let mut inner = tar::Archive::new(Unsealer::new(sealed, &seal, passphrase)?);
    let mut entries = inner.entries()?;
    let first = next(&mut entries, MANIFEST)?;
    let (manifest, host_key) = read_entries(first, &mut entries, database, progress)?;
    // The last segment says that it is the last.
    io::copy(&mut inner.into_inner(), &mut io::sink())?;
    Ok(Opened { manifest, host_key })
}

fn read_entries<'a, R: Read + 'a, W: Write>(
    manifest: tar::Entry<'a, R>,
    entries: &mut tar::Entries<'a, R>,
    database: impl FnOnce(&Manifest) -> Result<W>,
    progress: Progress<'_>,
) -> Result<(Manifest, [u8; 32])> {
    let manifest = Manifest::parse(&small(manifest)?)?;
    let mut key = Vec::new();
    let found = digest(&mut next(entries, HOST_KEY)?.take(SMALL), &mut key, &mut |_| Ok(()))?;
    manifest.host_key.check(HOST_KEY, &found)?;
    let key = key.try_into().map_err(|_| anyhow!("the backup is damaged: no host key"))?;
    let mut into = database(&manifest)?;
    let size = manifest.database.bytes;
    let mut entry = next(entries, DATABASE)?;
    let found = digest(&mut entry, &mut into, &mut |done| progress(done, size))?;
    into.flush()?;
    manifest.database.check(DATABASE, &found)?;
    Ok((manifest, key))
}

fn next<'a, R: Read + 'a>(
    entries: &mut tar::Entries<'a, R>,
    expected: &str,
) -> Result<tar::Entry<'a, R>> {
    let missing = || format!("the backup is damaged or cut off: {expected} is missing");
    let entry = entries.next().with_context(missing)?.with_context(missing)?;
    ensure!(name(&entry) == expected, missing());
    Ok(entry)
}

fn name<R: Read>(entry: &tar::Entry<'_, R>) -> String {
    String::from_utf8_lossy(&entry.path_bytes()).into_owned()
}

fn small<R: Read>(entry: tar::Entry<'_, R>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(SMALL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Copies to the end, and returns the length and the SHA-256 of all.
fn digest(
    from: &mut impl Read,
    into: &mut impl Write,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<FileDigest> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut block = vec![0; BLOCK];
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            return Ok(FileDigest { bytes, sha256: HEXLOWER.encode(&hash.finalize()) });
        }
        hash.update(&block[..read]);
        into.write_all(&block[..read])?;
        bytes += read as u64;
        progress(bytes)?;
    }
}

/// A reader that says how much is read.
struct Watched<R, F> {
    inner: R,
    watch: F,
}

impl<R: Read, F: FnMut(u64) -> io::Result<()>> Read for Watched<R, F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        (self.watch)(read as u64)?;
        Ok(read)
    }
}
