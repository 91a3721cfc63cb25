//! Why a file does not become a connector, told to whoever built it.

use std::fmt;

use super::failure::Failure;
use super::gate::Unfit;

/// Why a connector cannot be loaded. Each reads as a sentence that says what to do.
#[derive(Debug)]
pub enum LoadError {
    /// The file has more bytes than are taken.
    TooLarge {
        /// Its bytes.
        size: usize,
        /// The most that are taken.
        limit: usize,
    },
    /// The file is no connector for this host.
    Unfit(Unfit),
    /// Compiling it would take more than a compilation may: how much that is.
    TooCostly(String),
    /// The compiler itself failed on it.
    Compiler(String),
    /// Compiled, it cannot be given the interface, or not within the limits.
    Unlinkable(String),
    /// It did not survive being asked for its manifest.
    Trial(Failure),
    /// Its manifest cannot be read, or contradicts itself.
    Manifest(String),
    /// Something went wrong that the file has no part in.
    Accident(anyhow::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => write!(
                f,
                "the file has {size} bytes, and {limit} at most are taken; build it in release \
                 mode, without debug information"
            ),
            Self::Unfit(unfit) => unfit.fmt(f),
            Self::TooCostly(what) => {
                write!(f, "compiling the connector takes more than {what}; make it smaller")
            }
            Self::Compiler(what) => write!(f, "the compiler failed on the connector: {what}"),
            Self::Unlinkable(what) => {
                write!(f, "the connector does not fit into the sandbox: {what}")
            }
            Self::Trial(failure) => write!(f, "asked to describe itself, {failure}"),
            Self::Manifest(what) => write!(f, "the connector's manifest is wrong: {what}"),
            Self::Accident(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<anyhow::Error> for LoadError {
    fn from(error: anyhow::Error) -> Self {
        Self::Accident(error)
    }
}
