//! Apps: which connector decides for them, with which settings and endpoints.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Configuration;
use super::settings::{check_app_configuration, endpoints, valid_name};
use super::snapshot::ReplyMode;
use crate::clock::rfc3339;
use crate::lifecycle::error::Error;
use crate::limits::LimitsSpec;
use crate::scim;
use crate::store::{AppRow, TenantRow};

/// An app as an operator writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    /// A connector's name, `name@version`, or digest.
    pub connector: String,
    /// Settings by the connector's schema.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Endpoints by name.
    #[serde(default)]
    pub endpoints: Map<String, Value>,
    /// When identity providers are answered.
    #[serde(default)]
    pub reply: ReplyMode,
    /// The limits of the connector; defaults apply to those that are missing.
    #[serde(default)]
    pub limits: LimitsSpec,
}

impl Configuration {
    /// Makes or changes an app.
    pub async fn put_app(&self, name: &str, spec: AppSpec) -> Result<(), Error> {
        valid_name("app", name)?;
        // Loading may take long, so it is done before the configuration is locked.
        self.connectors.loadable(&self.connectors.digest_of(&spec.connector).await?).await?;
        let _one_at_a_time = self.lock().await;
        let digest = self.connectors.digest_of(&spec.connector).await?;
        let connector = self.connectors.loadable(&digest).await?;
        let endpoint_text = Value::Object(spec.endpoints.clone()).to_string();
        endpoints(&endpoint_text).map_err(|error| scim::Error::new(422, format!("{error:#}")))?;
        spec.limits.limits().map_err(|error| scim::Error::new(422, error))?;
        let tenants = self.tenants_of(name).await?;
        check_app_configuration(
            name,
            &connector.manifest,
            &spec.settings,
            &spec.endpoints,
            &tenants,
        )?;
        let before = self.store.app(name).await?;
        let (previous, created) = match before {
            Some(app) if app.connector.as_ref() == Some(&digest) => (app.previous, app.created),
            Some(app) => (app.connector, app.created),
            None => (None, rfc3339(self.clock.now())),
        };
        self.store
            .put_app(&AppRow {
                name: name.to_owned(),
                connector: Some(digest),
                previous,
                settings: Value::Object(spec.settings).to_string(),
                endpoints: endpoint_text,
                reply: serde_json::to_value(spec.reply)?.as_str().unwrap_or_default().to_owned(),
                limits: serde_json::to_string(&spec.limits)?,
                created,
            })
            .await?;
        Ok(self.reload_app(name).await?)
    }

    /// Removes an app that no tenant uses any more.
    pub async fn remove_app(&self, name: &str) -> Result<(), Error> {
        let _one_at_a_time = self.lock().await;
        self.app_row(name).await?;
        if let Some(tenant) = self.store.tenants_of(name, None, 1).await?.first() {
            return Err(scim::Error::new(
                409,
                format!("app {name} is used by tenant {}; remove its tenants first", tenant.id),
            )
            .into());
        }
        self.store.remove_app(name).await?;
        Ok(self.reload_app(name).await?)
    }

    pub(in crate::lifecycle) async fn tenants_of(
        &self,
        app: &str,
    ) -> anyhow::Result<Vec<TenantRow>> {
        self.store.tenants_of(app, None, u32::MAX).await
    }

    pub(in crate::lifecycle) async fn app_row(&self, app: &str) -> Result<AppRow, Error> {
        let row = self.store.app(app).await?;
        row.ok_or_else(|| scim::Error::new(404, format!("no app {app}")).into())
    }
}
