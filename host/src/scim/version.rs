//! The versions of SCIM that are served over the same data.

use std::fmt;

/// A version, by the last part of the base URL (RFC 7644 §3.13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// SCIM 1.1: see [`super::v1`].
    V1,
    /// SCIM 2.0, in whose form everything is stored.
    #[default]
    V2,
}

impl Version {
    /// The last segment of the base URL.
    pub fn segment(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "SCIM 1.1",
            Self::V2 => "SCIM 2.0",
        })
    }
}
