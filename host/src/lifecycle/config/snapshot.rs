//! Apps and tenants as requests are matched against them: parsed, with their connectors loaded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client_observations::ClientObservations;
use super::credential::Credential;
use crate::connector::Connector;
use crate::delivery::Endpoint;
use crate::limits::AppLimits;
use crate::scim::{Dialect, Reading, Schemas, Version};

/// When the identity provider gets its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyMode {
    /// When the outcome is there, or the deadline has passed.
    #[default]
    WhenDone,
    /// When the intent is durable; delivery goes on in the background.
    WhenRecorded,
}

/// Where a tenant's integration stands (design §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantState {
    /// Everything is carried out.
    Connected,
    /// Deprovisioning is held until somebody decides.
    Paused,
    /// A disconnect is under way; deprovisioning is held.
    Disconnecting,
    /// The integration ended. Deprovisioning is acknowledged and changes nothing; other writes
    /// are refused.
    Disconnected,
}

impl TenantState {
    /// Whether a disconnect is still under way.
    pub fn is_disconnecting(self) -> bool {
        self == Self::Disconnecting
    }

    /// The word in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Paused => "paused",
            Self::Disconnecting => "disconnecting",
            Self::Disconnected => "disconnected",
        }
    }
}

/// An app with its connector, ready to decide.
#[derive(Debug)]
pub struct LoadedApp {
    /// The name.
    pub name: String,
    /// The promoted connector, or why there is none.
    pub connector: Result<Arc<Connector>, String>,
    /// By name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// When to answer.
    pub reply: ReplyMode,
    /// What its connector may take.
    pub limits: AppLimits,
    /// Whether more than one tenant uses it, so that an account may be a member elsewhere.
    pub shared: bool,
    pub(super) settings: Map<String, Value>,
}

/// A tenant, ready to be served.
#[derive(Debug)]
pub struct Tenant {
    /// The name in the URL.
    pub id: String,
    /// Its app.
    pub app: Arc<LoadedApp>,
    /// The connector that decides for it, or why there is none: mostly the app's.
    pub connector: Result<Arc<Connector>, String>,
    /// How its identity provider speaks, as an operator said.
    pub(super) configured_dialect: Dialect,
    /// What its identity provider was seen to send since the host started.
    pub observations: Arc<ClientObservations>,
    /// Its tokens, expired ones included.
    pub(super) credentials: Vec<Credential>,
    /// Where the integration stands.
    pub state: TenantState,
    /// The settings of app and tenant, merged, a JSON text.
    pub settings: String,
    /// `https://host/t/{tenant}/scim/v2`, without a slash at the end.
    pub base_url: String,
    /// The same for SCIM 1.1.
    pub base_url_v1: String,
    /// The types of resources that it has.
    pub schemas: Schemas,
}

impl Tenant {
    /// How its identity provider speaks: as an operator said, or as it introduced itself where
    /// nothing was said.
    pub fn dialect(&self) -> Dialect {
        match self.configured_dialect {
            Dialect::Generic => self.observations.recognised().unwrap_or_default(),
            configured => configured,
        }
    }

    /// The token of this id.
    pub fn credential(&self, id: &str) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.row.id == id)
    }

    /// The beginning of a reading of its requests.
    pub fn reading(&self) -> Reading {
        self.observations.reading(self.dialect())
    }

    /// Where this version of SCIM is spoken, without a slash at the end.
    pub fn base_url(&self, version: Version) -> &str {
        match version {
            Version::V1 => &self.base_url_v1,
            Version::V2 => &self.base_url,
        }
    }
}

/// The apps and the operators' tokens, swapped as one when they change. Tenants are loaded when they
/// are first needed.
#[derive(Clone, Debug, Default)]
pub struct ConfigSnapshot {
    /// By name.
    pub apps: BTreeMap<String, Arc<LoadedApp>>,
    /// The tokens of the admin API, by id.
    pub operator_tokens: HashMap<String, Arc<Credential>>,
}
