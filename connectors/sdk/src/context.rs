//! What is known beside the event itself.

use serde_json::Value;

use crate::bindings::muster::connector::types;
use crate::{Account, NoSettings, Outcome, Refusal};

/// What is known beside the event itself; the same each time an operation is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context<Settings = NoSettings> {
    /// The operation's id, unique for ever.
    pub operation: String,
    /// The tenant: one customer organisation's integration with the app.
    pub tenant: String,
    /// When the operation began, in RFC 3339 with UTC.
    pub now: String,
    /// Randomness for whoever needs it.
    pub seed: u64,
    /// The settings of app and tenant.
    pub settings: Settings,
    /// The account, where one is known. On create: of a person who was here before.
    pub account: Option<Account>,
    /// In how many other tenants of the same app this very account is a member.
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

    /// The SCIM resource as it stood before the event, parsed each time; none for a create.
    pub fn before(&self) -> Option<Value> {
        self.before.as_deref().and_then(|text| serde_json::from_str(text).ok())
    }

    /// An outcome that leaves the account as it is.
    pub fn unchanged(&self, note: impl Into<String>) -> Outcome {
        Outcome::new(self.account.clone(), note)
    }
}
