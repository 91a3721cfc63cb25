//! Building the snapshot of the configuration from the rows of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use serde_json::{Map, Value};

use super::credential::Credential;
use super::settings::{endpoints, merged};
use super::snapshot::{App, ConfigSnapshot, Tenant};
use super::{Configuration, listed_resources};
use crate::limits::LimitsSpec;
use crate::scim::{Schemas, Version};
use crate::store::{AppRow, TenantRow};

impl Configuration {
    /// Reads the snapshot anew and puts it in place of the one before, in one step.
    pub async fn reload(&self) -> anyhow::Result<()> {
        let _one_at_a_time = self.reloading.lock().await;
        let tenants = self.store.tenants().await?;
        let mut snapshot = ConfigSnapshot::default();
        for row in self.store.apps().await? {
            let shared = tenants.iter().filter(|tenant| tenant.app == row.name).count() > 1;
            let app = self.app(&row, shared).await?;
            snapshot.apps.insert(row.name, Arc::new(app));
        }
        for row in tenants {
            let tenant = self.tenant_of(&snapshot, &row).await?;
            self.publish(&tenant).await;
            snapshot.tenants.insert(row.id, Arc::new(tenant));
        }
        let before = self.snapshot();
        for row in self.store.credentials().await? {
            snapshot.credentials.insert(row.id.clone(), Credential::new(row, &before));
        }
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// A bad connector or endpoint is its app's trouble, and never keeps the host from starting.
    async fn app(&self, row: &AppRow, shared: bool) -> anyhow::Result<App> {
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

    async fn tenant_of(
        &self,
        snapshot: &ConfigSnapshot,
        row: &TenantRow,
    ) -> anyhow::Result<Tenant> {
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
        let observations =
            self.snapshot().tenants.get(&row.id).map(|known| Arc::clone(&known.observations));
        Ok(Tenant {
            id: row.id.clone(),
            observations: observations.unwrap_or_default(),
            app: Arc::clone(app),
            chosen: row.dialect.parse().map_err(|_| {
                anyhow::anyhow!("tenant {} has the unknown dialect {}", row.id, row.dialect)
            })?,
            state: serde_json::from_value(Value::String(row.state.clone()))
                .with_context(|| format!("the state of tenant {}", row.id))?,
            // Additions were checked when the connector was loaded.
            schemas: match &connector {
                Ok(connector) => listed_resources::schemas(&connector.manifest, &settings)
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
