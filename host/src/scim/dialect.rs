//! Dialects: how each identity provider deviates from the RFCs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::leniency::Leniency;

/// The dialect of a tenant: the identity provider whose deviations are understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Okta: apps of its Integration Network and of its App Integration Wizard.
    Okta,
    /// Microsoft Entra ID, with and without `aadOptscim062020`, and Microsoft's validator.
    Entra,
    /// OneLogin.
    OneLogin,
    /// JumpCloud.
    JumpCloud,
    /// `PingOne` and `PingFederate`.
    Ping,
    /// Google Workspace.
    Google,
    /// An unknown client: every leniency that does no harm is allowed.
    #[default]
    Generic,
    /// The RFCs to the letter: no leniency is allowed.
    Strict,
    /// The interoperability profile (draft-zollner-scim-interop-profile-02): no leniency is allowed,
    /// each PATCH operation needs a path, and there is no PUT.
    Interop,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 9] = [
        Self::Okta,
        Self::Entra,
        Self::OneLogin,
        Self::JumpCloud,
        Self::Ping,
        Self::Google,
        Self::Generic,
        Self::Strict,
        Self::Interop,
    ];

    /// The name in settings: one word in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::OneLogin => "onelogin",
            Self::JumpCloud => "jumpcloud",
            Self::Ping => "ping",
            Self::Google => "google",
            Self::Generic => "generic",
            Self::Strict => "strict",
            Self::Interop => "interop",
        }
    }

    /// The dialect of a client that sends this `User-Agent`, if it is known.
    ///
    /// `tests/fixtures/conversations/SOURCES.md`, "Okta: how its client calls", "Okta: SPEC suite
    /// for SCIM 2.0" and "Entra: how its client calls".
    pub fn of_agent(agent: &str) -> Option<Self> {
        let known = [("okta scim", Self::Okta), ("microsoft azure ad scim", Self::Entra)];
        let begins = |with: &str| {
            agent.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        known.into_iter().find(|(name, _)| begins(name)).map(|(_, dialect)| dialect)
    }

    /// The dialect that requests are read in: the one that an operator chose, unless that is generic
    /// and the client was recognised.
    #[must_use]
    pub fn or_recognised(self, recognised: Option<Self>) -> Self {
        match self {
            Self::Generic => recognised.unwrap_or_default(),
            chosen => chosen,
        }
    }

    /// Whether a request of this dialect may deviate in this way.
    ///
    /// A leniency that does no harm is allowed in every dialect, because customers change their
    /// identity provider more often than their settings. Operators see how often each was used.
    pub fn allows(self, leniency: Leniency) -> bool {
        match (self, leniency) {
            (Self::Strict | Self::Interop, _) => false,
            (dialect, Leniency::EmptyOperations) => dialect == Self::Entra,
            (dialect, Leniency::UnknownMember) => dialect == Self::Okta,
            _ => true,
        }
    }

    /// Whether `add` and `replace` need a path in a PATCH. RFC 7644 §3.5.2.1 and §3.5.2.3 do not ask
    /// for it, and Okta's `{"op":"replace","value":{"active":false}}` has none
    /// (`tests/fixtures/conversations/okta-oin/deactivate.json`).
    pub fn needs_paths(self) -> bool {
        self == Self::Interop
    }

    /// Whether resources can be replaced by PUT, as RFC 7644 §3.5.1 requires.
    pub fn has_put(self) -> bool {
        self != Self::Interop
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            anyhow::anyhow!("there is no dialect {text}: choose one of {known}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_parsed_from_its_name() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.to_string().parse::<Dialect>().unwrap(), dialect);
            assert_eq!(serde_json::to_string(&dialect).unwrap(), format!("\"{dialect}\""));
        }
        assert_eq!("Entra".parse::<Dialect>().unwrap(), Dialect::Entra);
        assert!("azure".parse::<Dialect>().is_err());
    }

    #[test]
    fn a_dialect_is_recognised_by_the_user_agent() {
        for (agent, dialect) in [
            ("Okta SCIM Client 1.0.0", Some(Dialect::Okta)),
            ("OKTA SCIM Integration", Some(Dialect::Okta)),
            ("Microsoft Azure AD SCIM provisioning", Some(Dialect::Entra)),
            ("Microsoft", None),
            ("My Okta SCIM", None),
            ("Öktäöktä", None),
        ] {
            assert_eq!(Dialect::of_agent(agent), dialect, "{agent}");
        }
    }

    #[test]
    fn the_strict_dialects_allow_nothing_and_the_generic_one_everything_harmless() {
        for leniency in Leniency::ALL {
            assert!(!Dialect::Strict.allows(leniency));
            assert!(!Dialect::Interop.allows(leniency));
            let of_one = [
                (Leniency::EmptyOperations, Dialect::Entra),
                (Leniency::UnknownMember, Dialect::Okta),
            ];
            let owner = of_one.into_iter().find(|(it, _)| *it == leniency);
            let owner = owner.map(|(_, dialect)| dialect);
            for dialect in [Dialect::Entra, Dialect::Okta, Dialect::Generic] {
                let allowed = owner.is_none_or(|owner| owner == dialect);
                assert_eq!(dialect.allows(leniency), allowed, "{dialect} {leniency}");
            }
        }
    }
}
