//! Why a request was not done.

use crate::scim;

/// An answer for the client, or a failure of the host's own.
#[derive(Debug)]
pub enum Error {
    /// Part of the protocol; the client reads it as it is.
    Client(scim::Error),
    /// Logged once at the edge; the client reads 500 with a request id and nothing else.
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
