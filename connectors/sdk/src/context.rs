//! The context of a decision.

use serde_json::Value;

use crate::bindings::muster::connector::types;
use crate::{Account, NoSettings, Outcome, Refusal};

/// What a decision may depend on in addition to the event. It is the same for each decision of an
/// operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context<Settings = NoSettings> {
    /// The operation's id, which is never used again.
    pub operation: String,
    /// The tenant: one customer organisation's integration with the app.
    pub tenant: String,
    /// The time when the operation began, RFC 3339 in UTC.
    pub now: String,
    /// A random number, the same for each decision of the operation.
    pub seed: u64,
    /// The settings of app and tenant.
    pub settings: Settings,
    /// The account, if one is known. On `create`, the account of a user who is returning. Without
    /// one, the app may have an account nevertheless, if a response was lost.
    pub account: Option<Account>,
    /// The number of the app's other tenants in which this same account is a member. At least 1 unless the
    /// account, known or found, is the tenant's own: see [`may_rewrite`](Self::may_rewrite).
    pub elsewhere: u32,
    before: Option<String>,
}

impl<Settings> Context<Settings> {
    pub(crate) fn read(raw: types::Context) -> Result<Self, Refusal>
    where
        Settings: serde::de::DeserializeOwned,
    {
        let settings = serde_json::from_str(&raw.settings).map_err(|error| {
            Refusal::Misconfigured(format!("The connector cannot read its settings: {error}."))
        })?;
        Ok(Self {
            operation: raw.operation,
            tenant: raw.tenant,
            now: raw.now,
            seed: raw.seed,
            settings,
            account: raw.account,
            elsewhere: raw.elsewhere,
            before: raw.before,
        })
    }

    /// The SCIM resource that the app was last told; none if it was told none. Each call parses it.
    pub fn before(&self) -> Option<Value> {
        self.before.as_deref().and_then(|text| serde_json::from_str(text).ok())
    }

    /// Whether the connector may change the profile or the password of the account, or delete it: the account
    /// is the tenant's own, and in no other tenant. Any other account is only joined and left.
    ///
    /// An account is the tenant's own if the tenant made it, if an operator adopted it or vouched for the domain
    /// of its addresses, or if the operator says that the app is not shared.
    pub fn may_rewrite(&self) -> bool {
        self.elsewhere == 0
    }

    /// An outcome that leaves the account as it is.
    pub fn unchanged(&self, note: impl Into<String>) -> Outcome {
        Outcome::new(self.account.clone(), note)
    }
}
