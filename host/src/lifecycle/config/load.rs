//! Loading of apps and tenants: their rows are parsed, and their connectors loaded.
//!
//! An app whose connector or endpoints are bad is loaded with the reason why it cannot be served.
//! It never keeps the host from starting.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::Context;
use serde_json::{Map, Value};

use super::credential::Credential;
use super::settings::{endpoints, merged};
use super::snapshot::{ConfigSnapshot, LoadedApp, Tenant};
use super::{Configuration, listed_resources};
use crate::delivery::Endpoint;
use crate::lifecycle::options::RequestRate;
use crate::limits::LimitsSpec;
use crate::scim::{Schemas, Version};
use crate::store::{AppRow, TenantRow};

impl Configuration {
    /// Loads all apps and the operators' tokens. Tenants are loaded when they are first needed.
    pub(super) async fn load_all(&self) -> anyhow::Result<()> {
        let _one_at_a_time = self.reloading.lock().await;
        let mut snapshot = ConfigSnapshot::default();
        for row in self.store.apps().await? {
            let app = self.build_app(&row).await?;
            snapshot.apps.insert(row.name, Arc::new(app));
        }
        snapshot.operator_tokens = self.load_operator_tokens().await?;
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// Loads an app from its current row, and swaps the snapshot. The app's tenants are loaded
    /// again when they are next needed.
    pub async fn reload_app(&self, name: &str) -> anyhow::Result<()> {
        let _one_at_a_time = self.reloading.lock().await;
        let mut snapshot = (**self.snapshot.load()).clone();
        match self.store.app(name).await? {
            Some(row) => {
                snapshot.apps.insert(row.name.clone(), Arc::new(self.build_app(&row).await?))
            }
            None => snapshot.apps.remove(name),
        };
        self.snapshot.store(Arc::new(snapshot));
        self.tenants.invalidate_app(name);
        Ok(())
    }

    /// Loads the operators' tokens from the store, and swaps the snapshot.
    pub async fn reload_operator_tokens(&self) -> anyhow::Result<()> {
        let _one_at_a_time = self.reloading.lock().await;
        let mut snapshot = (**self.snapshot.load()).clone();
        snapshot.operator_tokens = self.load_operator_tokens().await?;
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// Loads a tenant from its current row.
    pub async fn reload_tenant(&self, id: &str) -> anyhow::Result<()> {
        self.tenants.invalidate(id);
        self.tenant(id).await?;
        Ok(())
    }

    async fn load_operator_tokens(&self) -> anyhow::Result<HashMap<String, Arc<Credential>>> {
        let rows = self.store.credentials_of(None).await?.into_iter();
        let token = |row| self.token_uses.credential(row);
        Ok(rows.map(|row| (row.id.clone(), Arc::new(token(row)))).collect())
    }

    /// Loads a tenant with its tokens, and publishes the resources that its settings list.
    pub(super) async fn load_tenant(&self, id: &str) -> anyhow::Result<Option<Arc<Tenant>>> {
        let Some(row) = self.store.tenant(id).await? else { return Ok(None) };
        let tenant = self.build_tenant(&row).await?;
        self.publish_listed_resources(&tenant).await;
        Ok(Some(Arc::new(tenant)))
    }

    async fn build_app(&self, row: &AppRow) -> anyhow::Result<LoadedApp> {
        let connector = match &row.connector {
            None => Err("no connector has been promoted for this app".to_owned()),
            Some(digest) => {
                self.connectors.connector(digest).await.map_err(|error| format!("{error:#}"))
            }
        };
        let limits: LimitsSpec = serde_json::from_str(&row.limits)
            .with_context(|| format!("the limits of app {}", row.name))?;
        let limits = limits
            .limits()
            .map_err(|why| anyhow::anyhow!("the limits of app {}: {why}", row.name))?;
        let (connector, mut endpoints) = match self.endpoints(row) {
            Ok(endpoints) => (connector, endpoints),
            Err(error) => (Err(format!("{error:#}")), BTreeMap::new()),
        };
        for endpoint in endpoints.values_mut() {
            endpoint.largest_answer = limits.response;
        }
        for (name, _) in endpoints.iter().filter(|(_, it)| it.sends_credentials_in_plain_text()) {
            tracing::warn!(
                app = row.name,
                endpoint = name,
                "config: credentials are sent to an app without TLS"
            );
        }
        if let Err(problem) = &connector {
            tracing::warn!(app = row.name, problem, "config: an app cannot be served");
        }
        Ok(LoadedApp {
            name: row.name.clone(),
            connector,
            endpoints,
            reply: row.reply,
            limits,
            shared: row.shared,
            has_several_tenants: self.store.has_several_tenants(&row.name).await?,
            settings: serde_json::from_str(&row.settings)
                .with_context(|| format!("the settings of app {}", row.name))?,
        })
    }

    fn request_rate(&self, row: &TenantRow) -> RequestRate {
        let default = self.options.request_rate;
        let per_second = row.requests_per_second.unwrap_or(default.per_second);
        RequestRate { per_second, ..default }
    }

    fn endpoints(&self, row: &AppRow) -> anyhow::Result<BTreeMap<String, Endpoint>> {
        endpoints(&row.name, &row.endpoints, &self.key, &self.options.outbound)
    }

    async fn build_tenant(&self, row: &TenantRow) -> anyhow::Result<Tenant> {
        let snapshot = self.snapshot();
        let app = snapshot.apps.get(&row.app).with_context(|| {
            format!("tenant {} belongs to app {}, which is unknown", row.id, row.app)
        })?;
        let own: Map<String, Value> = serde_json::from_str(&row.settings)
            .with_context(|| format!("the settings of tenant {}", row.id))?;
        let settings = merged(&app.settings, own);
        let base_url = |version: Version| {
            format!("{}/t/{}/scim/{}", self.options.public_url, row.id, version.segment())
        };
        let connector = match &row.connector {
            None => app.connector.clone(),
            Some(digest) => {
                self.connectors.connector(digest).await.map_err(|error| format!("{error:#}"))
            }
        };
        let credentials = self.store.credentials_of(Some(&row.id)).await?.into_iter();
        Ok(Tenant {
            id: row.id.clone(),
            observations: self.tenants.observations(&row.id),
            credentials: credentials.map(|row| self.token_uses.credential(row)).collect(),
            request_rate: self.request_rate(row),
            app: Arc::clone(app),
            configured_dialect: row.dialect,
            chosen_group_names: row.group_names,
            chosen_unknown_members: row.unknown_members,
            domains: row.domains.clone(),
            state: row.state,
            // The connector's schemas were checked when it was loaded.
            schemas: match &connector {
                Ok(connector) => listed_resources::schemas(&connector.manifest, &settings)
                    .map_err(|error| anyhow::anyhow!(error.detail))?,
                Err(_) => Schemas::standard(),
            },
            connector,
            largest_resource: self.options.largest_resource,
            settings: Value::Object(settings).to_string(),
            base_url: base_url(Version::V2),
            base_url_v1: base_url(Version::V1),
        })
    }
}
