//! Apps and tenants in memory, from which requests are served: parsed, with their connectors
//! loaded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::client_observations::ClientObservations;
use super::credential::Credential;
use crate::connector::Connector;
use crate::delivery::Endpoint;
use crate::lifecycle::options::RequestRate;
use crate::limits::AppLimits;
use crate::scim::{Dialect, GroupNames, Reading, Schemas, UnknownMembers, Version};
pub use crate::store::{ReplyMode, TenantState};

/// An app with its connector loaded.
#[derive(Debug)]
pub struct LoadedApp {
    /// The name.
    pub name: String,
    /// The promoted connector, or why there is none.
    pub connector: Result<Arc<Connector>, String>,
    /// Its endpoints, by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// When its identity providers get their answers.
    pub reply: ReplyMode,
    /// The limits of its connector.
    pub limits: AppLimits,
    /// Whether one account can be several customers', by the operator's word.
    pub shared: bool,
    /// Whether several tenants use it, so that an account may be a member of another tenant too.
    pub has_several_tenants: bool,
    pub(super) settings: Map<String, Value>,
}

/// A tenant, ready to be served.
#[derive(Debug)]
pub struct Tenant {
    /// The name in the URL.
    pub id: String,
    /// Its app.
    pub app: Arc<LoadedApp>,
    /// The connector that decides for it, or why there is none. Usually the app's.
    pub connector: Result<Arc<Connector>, String>,
    /// The dialect that an operator chose; generic if none was chosen.
    pub(super) configured_dialect: Dialect,
    /// The rules for groups that an operator chose, if any.
    pub(super) chosen_group_names: Option<GroupNames>,
    pub(super) chosen_unknown_members: Option<UnknownMembers>,
    /// The observations of its identity provider since the host started.
    pub observations: Arc<ClientObservations>,
    /// How many of its requests are answered.
    pub request_rate: RequestRate,
    /// Its tokens, expired ones included.
    pub(super) credentials: Vec<Credential>,
    /// The e-mail domains that are its own, in lower case and ASCII.
    pub domains: Vec<String>,
    /// The state of its integration.
    pub state: TenantState,
    /// The settings of app and tenant, merged, as JSON text.
    pub settings: String,
    /// `https://host/t/{tenant}/scim/v2`, without a trailing slash.
    pub base_url: String,
    /// The same for SCIM 1.1.
    pub base_url_v1: String,
    /// Its resource types.
    pub schemas: Schemas,
    /// The most bytes of a resource that its identity provider writes.
    pub(super) largest_resource: usize,
}

impl Tenant {
    /// The dialect that an operator chose, else the one that was recognised.
    pub fn dialect(&self) -> Dialect {
        match self.configured_dialect {
            // Only then, since it takes a lock.
            Dialect::Generic => Dialect::Generic.or_recognised(self.observations.recognised()),
            chosen => chosen,
        }
    }

    /// Whether two of its groups may have one name. Without a choice, the configured dialect decides and
    /// not the recognised one: a client must not change by its name what holds for all others.
    pub fn group_names(&self) -> GroupNames {
        self.chosen_group_names.unwrap_or_else(|| GroupNames::of(self.configured_dialect))
    }

    /// What becomes of unknown members of its groups, decided in the same way.
    pub fn unknown_members(&self) -> UnknownMembers {
        self.chosen_unknown_members.unwrap_or_else(|| UnknownMembers::of(self.configured_dialect))
    }

    /// The token of this id.
    pub fn credential(&self, id: &str) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.row.id == id)
    }

    /// Starts a reading of one of its requests.
    pub fn reading(&self) -> Reading {
        self.observations.reading(self.dialect()).bounded(self.largest_resource)
    }

    /// The base URL of a version of SCIM, without a trailing slash.
    pub fn base_url(&self, version: Version) -> &str {
        match version {
            Version::V1 => &self.base_url_v1,
            Version::V2 => &self.base_url,
        }
    }
}

/// All apps and operators' tokens, swapped as a whole when one of them changes.
#[derive(Clone, Debug, Default)]
pub struct ConfigSnapshot {
    /// The apps, by name.
    pub apps: BTreeMap<String, Arc<LoadedApp>>,
    /// The tokens of the admin API, by id.
    pub operator_tokens: HashMap<String, Arc<Credential>>,
}
