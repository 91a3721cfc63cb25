//! Rules for groups that the RFCs leave to the server. Identity providers expect different ones, so
//! each dialect has its defaults, and a tenant may choose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dialect::{Dialect, Leniency};

/// Whether two groups of a tenant may have the same `displayName` (RFC 7643 §4.2 does not say).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupNames {
    /// A second group of a name is answered with 409 `uniqueness`.
    Unique,
    /// Several groups may have one name.
    Any,
}

/// What becomes of a request that makes an unknown user or group a member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownMembers {
    /// The request is answered with 400 `invalidValue`, and nothing of it is done.
    Refuse,
    /// The other members are taken, and the note of the operation names those that are not.
    Skip,
}

impl GroupNames {
    /// Every rule.
    pub const ALL: [Self; 2] = [Self::Unique, Self::Any];

    /// The rule of a dialect.
    ///
    /// Entra's validator creates a group twice and expects 409; authentik and AWS look a group up by its
    /// name after a 409 (`tests/fixtures/conversations/SOURCES.md`, "Entra: SCIM Validator" and
    /// "authentik"). An unknown client is treated like them.
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Entra | Dialect::Generic => Self::Unique,
            _ => Self::Any,
        }
    }

    /// The name in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unique => "unique",
            Self::Any => "any",
        }
    }
}

impl UnknownMembers {
    /// Every rule.
    pub const ALL: [Self; 2] = [Self::Refuse, Self::Skip];

    /// The rule of a dialect.
    ///
    /// Okta pushes many members with one request and does not repeat a request that was answered with
    /// 400, so that one person who is not provisioned would keep the others out
    /// (`tests/fixtures/conversations/okta-oin/group-unknown-member.json`).
    pub fn of(dialect: Dialect) -> Self {
        match dialect.allows(Leniency::UnknownMember) {
            true => Self::Skip,
            false => Self::Refuse,
        }
    }

    /// The name in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Skip => "skip",
        }
    }
}

impl FromStr for GroupNames {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        named(Self::ALL, Self::name, text)
    }
}

impl FromStr for UnknownMembers {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        named(Self::ALL, Self::name, text)
    }
}

fn named<T: Copy, const N: usize>(
    all: [T; N],
    name: impl Fn(T) -> &'static str,
    text: &str,
) -> anyhow::Result<T> {
    all.into_iter().find(|rule| name(*rule) == text).ok_or_else(|| {
        anyhow::anyhow!("there is no rule {text:?}: choose one of {}", all.map(name).join(", "))
    })
}

impl fmt::Display for GroupNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for UnknownMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
