//! Errors of loading a connector, written for the connector's author.

use std::fmt;

use super::failure::Failure;
use super::validate::InvalidComponent;

/// Why a connector cannot be loaded. Each message says what is wrong and what to do.
#[derive(Debug)]
pub enum LoadError {
    /// The file is too large.
    TooLarge {
        /// The file's bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The file is not a connector for this host.
    InvalidComponent(InvalidComponent),
    /// The compilation exceeded a limit, which is named.
    TooCostly(String),
    /// The compiler failed on the file.
    Compiler(String),
    /// The compiled component cannot be linked, or not within the limits.
    Unlinkable(String),
    /// `describe` failed.
    Describe(Failure),
    /// The manifest cannot be read, or contradicts itself.
    Manifest(String),
    /// An error that the file did not cause.
    Internal(anyhow::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => write!(
                f,
                "the file has {size} bytes; the limit is {limit}. Build it in release mode, \
                 without debug information"
            ),
            Self::InvalidComponent(invalid) => invalid.fmt(f),
            Self::TooCostly(limit) => {
                write!(f, "compiling the connector takes more than {limit}; make it smaller")
            }
            Self::Compiler(why) => write!(f, "the compiler failed on the connector: {why}"),
            Self::Unlinkable(why) => {
                write!(f, "the connector does not fit into the sandbox: {why}")
            }
            Self::Describe(failure) => write!(f, "its `describe` failed: {failure}"),
            Self::Manifest(why) => write!(f, "the connector's manifest is invalid: {why}"),
            Self::Internal(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<anyhow::Error> for LoadError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
