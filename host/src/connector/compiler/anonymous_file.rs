//! Files without a name, for the compiler's input and output.

use std::fs::File;
use std::io;

/// A file that disappears with its last handle, even if the process is killed. It is in memory on
/// Linux, so that connectors can be compiled while the disk is full.
pub(super) fn anonymous_file() -> io::Result<File> {
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
