//! Refused requests: those that no connector may make.

use std::fmt;

/// Why a request was refused. Nothing was sent.
///
/// The text is for the connector's author and the operator. It quotes no values, bodies or paths, since
/// these may name people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// The endpoint has an address that is neither public nor allowed.
    Address,
    /// A body without a `content-type`.
    ContentType,
    /// A header that the host sets, that no connector may set, or that is malformed.
    Header {
        /// The header's name in lower case.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header that a connector may set only if the operator allows it for the endpoint.
    HeaderWithoutLeave(String),
    /// A method that is not in the list.
    Method,
    /// A path that could lead outside of the endpoint, or is not percent-encoded.
    Path(&'static str),
    /// A placeholder for a password in a part of the request that may not hold it.
    Placeholder(&'static str),
    /// More headers than a message may have.
    TooManyHeaders,
    /// A URL that is too long, or otherwise none of HTTP.
    Url,
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str(
                "the endpoint has a private address: it needs \"private_addresses\": true on the endpoint, \
                 and the address among private_addresses in muster.toml; link-local addresses and \
                 metadata services are never allowed",
            ),
            Self::ContentType => f.write_str("the request has a body but no content-type header"),
            Self::Header { name, reason } => write!(f, "the request header \"{name}\" {reason}"),
            Self::HeaderWithoutLeave(name) => write!(
                f,
                "the request header \"{name}\" needs the operator's leave: list it in \
                 \"connector_headers\" of the endpoint"
            ),
            Self::Method => {
                f.write_str("the request method is not GET, HEAD, POST, PUT, PATCH or DELETE")
            }
            Self::Path(reason) => write!(f, "the request path {reason}"),
            Self::Placeholder(place) => write!(
                f,
                "the placeholder for a password is in {place}; it may only be the whole value of a \
                 field that the connector's manifest lists under `passwords`, or, without that list, \
                 of the field `password` at the top of a JSON or form body"
            ),
            Self::TooManyHeaders => f.write_str("the request has too many headers"),
            Self::Url => f.write_str("the request's URL is too long, or is no URL of HTTP"),
        }
    }
}

impl std::error::Error for DeliveryError {}
