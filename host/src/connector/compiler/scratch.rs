//! Files without a name, for what goes to and comes from the compiler.

use std::fs::File;
use std::io;

/// A file that is gone with its last handle, whoever is killed. In memory where that can be, so
/// that a full disk keeps nobody from compiling.
pub(super) fn scratch() -> io::Result<File> {
    in_memory().or_else(|_| tempfile::tempfile())
}

#[cfg(target_os = "linux")]
fn in_memory() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("connector", MemfdFlags::CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn in_memory() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
