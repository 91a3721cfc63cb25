//! Dialects: how identity providers deviate from the RFCs, and what each deviation is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::leniency::Leniency;

/// Whose SCIM a tenant speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Okta, catalogue apps and customers' own.
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
    /// Any of them: everything that does no harm is understood.
    #[default]
    Generic,
    /// The RFCs as the interoperability profiles read them: nothing else is understood.
    Strict,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 8] = [
        Self::Okta,
        Self::Entra,
        Self::OneLogin,
        Self::JumpCloud,
        Self::Ping,
        Self::Google,
        Self::Generic,
        Self::Strict,
    ];

    /// Its name in settings: lower case, one word.
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
        }
    }

    /// Whose `User-Agent` it is, where that is known: Okta's client calls itself `Okta SCIM Client
    /// 1.0.0`, its test suites `OKTA SCIM Integration` (clients.md §1.1), and Entra's name begins
    /// with `Microsoft Azure AD SCIM provisioning` (§7.1).
    pub fn of_agent(agent: &str) -> Option<Self> {
        let known = [("okta scim", Self::Okta), ("microsoft azure ad scim", Self::Entra)];
        let begins = |with: &str| {
            agent.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        known.into_iter().find(|(name, _)| begins(name)).map(|(_, dialect)| dialect)
    }

    /// Whether a request of this dialect may deviate in this way.
    ///
    /// What harms nobody is understood from everybody, because customers change their identity
    /// provider more often than their settings; that it fired is what tells the operator.
    pub fn allows(self, leniency: Leniency) -> bool {
        match (self, leniency) {
            (Self::Strict, _) => false,
            (dialect, Leniency::EmptyOperations) => dialect == Self::Entra,
            _ => true,
        }
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
    fn a_dialect_is_read_by_its_name() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.to_string().parse::<Dialect>().unwrap(), dialect);
            assert_eq!(serde_json::to_string(&dialect).unwrap(), format!("\"{dialect}\""));
        }
        assert_eq!("Entra".parse::<Dialect>().unwrap(), Dialect::Entra);
        assert!("azure".parse::<Dialect>().is_err());
    }

    #[test]
    fn a_dialect_is_recognised_by_how_its_client_calls_itself() {
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
    fn the_strict_dialect_allows_nothing_and_the_generic_one_everything_harmless() {
        for leniency in Leniency::ALL {
            assert!(!Dialect::Strict.allows(leniency));
            assert!(Dialect::Entra.allows(leniency));
            let harmless = leniency != Leniency::EmptyOperations;
            assert_eq!(Dialect::Generic.allows(leniency), harmless);
        }
    }
}
