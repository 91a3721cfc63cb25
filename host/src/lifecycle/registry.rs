//! Who is served: apps, tenants and credentials as one snapshot in memory, swapped when they change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::heard::Heard;
use super::token_use::Credential;
use super::{Host, catalogue};
use crate::connector::Connector;
use crate::delivery::Endpoint;
use crate::limits::{AppLimits, LimitsSpec};
use crate::scim::{Dialect, Reading, Schemas, Version};
use crate::store::{AppRow, TenantRow};

/// When the identity provider gets its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
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
    pub fn is_under_way(self) -> bool {
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
pub struct App {
    /// The name.
    pub name: String,
    /// The promoted connector, or why there is none.
    pub connector: Result<Arc<Connector>, String>,
    /// By name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// When to answer.
    pub reply: Reply,
    /// What its connector may take.
    pub limits: AppLimits,
    /// Whether more than one tenant uses it, so that an account may be a member elsewhere.
    pub shared: bool,
    settings: Map<String, Value>,
}

/// A tenant, ready to be served.
#[derive(Debug)]
pub struct Tenant {
    /// The name in the URL.
    pub id: String,
    /// Its app.
    pub app: Arc<App>,
    /// The connector that decides for it, or why there is none: mostly the app's.
    pub connector: Result<Arc<Connector>, String>,
    /// How its identity provider speaks, as an operator said.
    chosen: Dialect,
    /// What was heard of it. Shared with the registry before, so that a reload forgets nothing.
    pub heard: Arc<Heard>,
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
        match self.chosen {
            Dialect::Generic => self.heard.recognised().unwrap_or_default(),
            chosen => chosen,
        }
    }

    /// The beginning of a reading of its requests.
    pub fn reading(&self) -> Reading {
        self.heard.reading(self.dialect())
    }

    /// Where this version of SCIM is spoken, without a slash at the end.
    pub fn base_url(&self, version: Version) -> &str {
        match version {
            Version::V1 => &self.base_url_v1,
            Version::V2 => &self.base_url,
        }
    }
}

/// Everything that requests are matched against.
#[derive(Debug, Default)]
pub struct Registry {
    /// By name.
    pub apps: BTreeMap<String, Arc<App>>,
    /// By name.
    pub tenants: HashMap<String, Arc<Tenant>>,
    /// By token id.
    pub credentials: HashMap<String, Credential>,
}

impl Host {
    /// Reads the registry anew and puts it in place of the one before, in one step.
    pub async fn reload(&self) -> anyhow::Result<()> {
        let _one_at_a_time = self.reloading.lock().await;
        let tenants = self.store.tenants().await?;
        let mut registry = Registry::default();
        for row in self.store.apps().await? {
            let shared = tenants.iter().filter(|tenant| tenant.app == row.name).count() > 1;
            let app = self.app(&row, shared).await?;
            registry.apps.insert(row.name, Arc::new(app));
        }
        for row in tenants {
            let tenant = self.tenant_of(&registry, &row).await?;
            self.publish(&tenant).await;
            registry.tenants.insert(row.id, Arc::new(tenant));
        }
        let before = self.registry();
        for row in self.store.credentials().await? {
            registry.credentials.insert(row.id.clone(), Credential::new(row, &before));
        }
        self.registry.store(Arc::new(registry));
        Ok(())
    }

    /// A bad connector or endpoint is its app's trouble, and never keeps the host from starting.
    async fn app(&self, row: &AppRow, shared: bool) -> anyhow::Result<App> {
        let connector = match &row.connector {
            None => Err("no connector has been promoted for this app".to_owned()),
            Some(digest) => self.connector(digest).await.map_err(|error| format!("{error:#}")),
        };
        let limits: LimitsSpec = serde_json::from_str(&row.limits)
            .with_context(|| format!("the limits of app {}", row.name))?;
        let limits = limits
            .limits()
            .map_err(|why| anyhow::anyhow!("the limits of app {}: {why}", row.name))?;
        let (connector, mut endpoints) = match endpoints(&row.endpoints) {
            Ok(endpoints) => (connector, endpoints),
            Err(error) => (Err(format!("{error:#}")), BTreeMap::new()),
        };
        for endpoint in endpoints.values_mut() {
            endpoint.largest_answer = limits.response;
        }
        if let Err(problem) = &connector {
            tracing::warn!(app = row.name, problem, "the app cannot be served");
        }
        Ok(App {
            name: row.name.clone(),
            connector,
            endpoints,
            reply: serde_json::from_value(Value::String(row.reply.clone()))
                .with_context(|| format!("the reply of app {}", row.name))?,
            limits,
            shared,
            settings: serde_json::from_str(&row.settings)
                .with_context(|| format!("the settings of app {}", row.name))?,
        })
    }

    async fn tenant_of(&self, registry: &Registry, row: &TenantRow) -> anyhow::Result<Tenant> {
        let app = registry.apps.get(&row.app).with_context(|| {
            format!("tenant {} belongs to app {}, which is unknown", row.id, row.app)
        })?;
        let own: Map<String, Value> = serde_json::from_str(&row.settings)
            .with_context(|| format!("the settings of tenant {}", row.id))?;
        let settings = merged(&app.settings, own);
        let base_url = |version: Version| {
            format!("{}/t/{}/scim/{}", self.config.public_url, row.id, version.segment())
        };
        let connector = match &row.connector {
            None => app.connector.clone(),
            Some(digest) => self.connector(digest).await.map_err(|error| format!("{error:#}")),
        };
        let heard = self.registry().tenants.get(&row.id).map(|known| Arc::clone(&known.heard));
        Ok(Tenant {
            id: row.id.clone(),
            heard: heard.unwrap_or_default(),
            app: Arc::clone(app),
            chosen: row.dialect.parse().map_err(|_| {
                anyhow::anyhow!("tenant {} has the unknown dialect {}", row.id, row.dialect)
            })?,
            state: serde_json::from_value(Value::String(row.state.clone()))
                .with_context(|| format!("the state of tenant {}", row.id))?,
            // Additions were checked when the connector was loaded.
            schemas: match &connector {
                Ok(connector) => catalogue::schemas(&connector.manifest, &settings)
                    .map_err(|error| anyhow::anyhow!(error.detail))?,
                Err(_) => Schemas::standard(),
            },
            connector,
            settings: Value::Object(settings).to_string(),
            base_url: base_url(Version::V2),
            base_url_v1: base_url(Version::V1),
        })
    }
}

/// Reads an app's endpoints, with their secrets.
pub fn endpoints(json: &str) -> anyhow::Result<BTreeMap<String, Endpoint>> {
    Endpoint::load_all(json).context("the endpoints")
}

/// The tenant's settings over the app's.
pub fn merged(app: &Map<String, Value>, tenant: Map<String, Value>) -> Map<String, Value> {
    let mut settings = app.clone();
    settings.extend(tenant);
    settings
}
