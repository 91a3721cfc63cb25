//! Where answers and accidents meet.

use crate::scim;

/// Why a request was not done: an answer for the identity provider, or an accident of ours.
#[derive(Debug)]
pub enum Fault {
    /// Part of the protocol; the identity provider reads it as it is.
    Answer(scim::Error),
    /// Logged once at the edge; the identity provider reads 500 and nothing else.
    Accident(anyhow::Error),
}

impl From<scim::Error> for Fault {
    fn from(error: scim::Error) -> Self {
        Self::Answer(error)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Accident(error.into())
    }
}
