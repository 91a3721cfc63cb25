//! The error type of `lifecycle`: an answer for the client, or an internal error.

use crate::scim;

/// An answer for the client, or an internal error of the host.
#[derive(Debug)]
pub enum Error {
    /// An answer of the protocol, which the client reads as it is.
    Client(scim::Error),
    /// Logged once where it leaves the host; the client reads 500 and no details.
    Internal(anyhow::Error),
}

impl From<scim::Error> for Error {
    fn from(error: scim::Error) -> Self {
        Self::Client(error)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}
