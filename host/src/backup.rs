//! The file of a backup: the database, the host key and a manifest, sealed by a passphrase if there is
//! one.
//!
//! The container is tar, which every system can read: without a passphrase `tar xf` is enough to see
//! what is there. The manifest comes first and has the SHA-256 of the others. With a passphrase, that
//! archive is one entry of another one, encrypted by `seal`. What is in a database is the store's matter,
//! and where files go is that of the commands.

mod archive;
mod manifest;
mod seal;

pub(crate) use archive::{Opened, Parts, is_sealed, read, write};
pub(crate) use manifest::Manifest;
pub(crate) use seal::Passphrase;
