//! Names of settings and endpoints in a request that neither the configuration nor the connector has.
//! Such a name is mistyped, and would have no effect: it is refused, with the names that there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Configuration;
use super::apps::{AppChange, NewApp};
use super::tenants::TenantChange;
use crate::connector::{Connector, Manifest};
use crate::lifecycle::error::Error;
use crate::scim;

impl Configuration {
    /// 422 if a new app has an endpoint that its connector does not call.
    pub async fn check_names_of_app(&self, app: &NewApp) -> Result<(), Error> {
        let digest = self.connectors.digest_of(&app.connector).await?;
        let connector = self.connectors.loadable(&digest).await?;
        let mut known = KnownNames::default();
        known.add(&connector.manifest);
        Ok(known.check("endpoint", &known.endpoints, app.endpoints.keys())?)
    }

    /// 422 if a change of an app has a name that neither the app nor a connector of it knows, this
    /// candidate included.
    pub async fn check_names_of_app_change(
        &self,
        app: &str,
        change: &AppChange,
        candidate: Option<&str>,
    ) -> Result<(), Error> {
        let row = self.app_row(app).await?;
        let mut known = KnownNames::default();
        for connector in self.connectors_of(app).await? {
            known.add(&connector.manifest);
        }
        if let Some(candidate) = candidate {
            let digest = self.connectors.digest_of(candidate).await?;
            known.add(&self.connectors.loadable(&digest).await?.manifest);
        }
        known.add_set(serde_json::from_str(&row.settings)?, serde_json::from_str(&row.endpoints)?);
        known.check("setting", &known.settings, &change.unset_settings)?;
        known.check("endpoint", &known.endpoints, &change.unset_endpoints)?;
        known.check("endpoint", &known.endpoints, change.set_endpoints.keys())?;
        let all = change.endpoints.iter().flatten().flat_map(Map::keys);
        Ok(known.check("endpoint", &known.endpoints, all)?)
    }

    /// 422 if a change of a tenant removes a setting that neither the tenant nor its connector knows.
    pub async fn check_names_of_tenant_change(
        &self,
        tenant: &str,
        change: &TenantChange,
    ) -> Result<(), Error> {
        let row = self.tenant_row(tenant).await?;
        let served = self.tenant(tenant).await?;
        let mut known = KnownNames::default();
        if let Some(connector) = served.as_ref().and_then(|it| it.connector.as_ref().ok()) {
            known.add(&connector.manifest);
        }
        known.add_set(serde_json::from_str(&row.settings)?, Map::new());
        Ok(known.check("setting", &known.settings, &change.unset_settings)?)
    }

    /// The connectors that decide for an app and its tenants, those that can be loaded.
    async fn connectors_of(&self, app: &str) -> anyhow::Result<Vec<Arc<Connector>>> {
        let snapshot = self.snapshot();
        let of_app = snapshot.apps.get(app).and_then(|app| app.connector.clone().ok());
        let mut connectors = Vec::from_iter(of_app);
        for row in self.tenants_of(app).await?.iter().filter(|row| row.connector.is_some()) {
            let tenant = self.tenant(&row.id).await?;
            connectors.extend(tenant.and_then(|tenant| tenant.connector.clone().ok()));
        }
        Ok(connectors)
    }
}

/// The names that a request may use.
#[derive(Default)]
struct KnownNames {
    settings: BTreeSet<String>,
    endpoints: BTreeSet<String>,
    /// Whether a connector was asked; without one, any name may be right.
    complete: bool,
}

impl KnownNames {
    fn add(&mut self, manifest: &Manifest) {
        let settings = manifest.settings["properties"].as_object();
        self.settings.extend(settings.into_iter().flat_map(Map::keys).cloned());
        self.endpoints.extend(manifest.endpoints.iter().map(|endpoint| endpoint.name.clone()));
        self.complete = true;
    }

    fn add_set(&mut self, settings: Map<String, Value>, endpoints: Map<String, Value>) {
        self.settings.extend(settings.into_iter().map(|(name, _)| name));
        self.endpoints.extend(endpoints.into_iter().map(|(name, _)| name));
    }

    fn check<'n>(
        &self,
        what: &str,
        known: &BTreeSet<String>,
        given: impl IntoIterator<Item = &'n String>,
    ) -> Result<(), scim::Error> {
        let unknown = given.into_iter().find(|name| !known.contains(*name));
        let Some(unknown) = unknown.filter(|_| self.complete) else { return Ok(()) };
        let names = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let has =
            if names.is_empty() { "it has none".to_owned() } else { format!("it has {names}") };
        let why = format!("the connector has no {what} named {unknown:?}; {has}");
        Err(scim::Error::new(422, why))
    }
}
