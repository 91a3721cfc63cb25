//! Requests that are not made at all, because no connector may ask for them.

use std::fmt;

/// Why a request was refused. Nothing was sent.
///
/// The text is for the connector's author and for the operator. It quotes neither values nor
/// bodies nor paths, which name people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// The endpoint leads to no public address, and is not configured for private ones.
    Address,
    /// A body without a `content-type`.
    ContentType,
    /// A header that is the host's own, or is malformed.
    Header {
        /// The header's name in lower case.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A method that is not in the list.
    Method,
    /// A path that leads elsewhere, or is not encoded.
    Path(&'static str),
    /// A stand-in where it is not replaced.
    StandIn(&'static str),
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str(
                "the endpoint leads to a private address; an operator who means it sets \
                 \"private_addresses\": true on the endpoint",
            ),
            Self::ContentType => f.write_str("the request has a body but no content-type header"),
            Self::Header { name, reason } => write!(f, "the request header \"{name}\" {reason}"),
            Self::Method => {
                f.write_str("the request method is not GET, HEAD, POST, PUT, PATCH or DELETE")
            }
            Self::Path(reason) => write!(f, "the request path {reason}"),
            Self::StandIn(place) => write!(
                f,
                "the stand-in for a secret is in {place}; it is replaced in JSON and form bodies \
                 only"
            ),
        }
    }
}

impl std::error::Error for DeliveryError {}
