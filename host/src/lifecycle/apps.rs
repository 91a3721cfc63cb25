//! Apps: which connector decides for them, with which settings and endpoints.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::registry::{Reply, endpoints, merged};
use super::{Host, catalogue};
use crate::clock::rfc3339;
use crate::connector::{Manifest, settings_validator};
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
    pub reply: Reply,
    /// What the connector may take; as it is by default where nothing is said.
    #[serde(default)]
    pub limits: LimitsSpec,
}

impl Host {
    /// Makes or changes an app.
    pub async fn put_app(&self, name: &str, spec: AppSpec) -> Result<(), Fault> {
        valid_name("app", name)?;
        // What may take long is done while others configure.
        self.loadable(&self.digest_of(&spec.connector).await?).await?;
        let _one_at_a_time = self.configuring.lock().await;
        let digest = self.digest_of(&spec.connector).await?;
        let connector = self.loadable(&digest).await?;
        let endpoint_text = Value::Object(spec.endpoints.clone()).to_string();
        endpoints(&endpoint_text).map_err(|error| scim::Error::new(422, format!("{error:#}")))?;
        spec.limits.limits().map_err(|error| scim::Error::new(422, error))?;
        let tenants = self.tenants_of(name).await?;
        fits(name, &connector.manifest, &spec.settings, &spec.endpoints, &tenants)?;
        let before = self.store.apps().await?.into_iter().find(|app| app.name == name);
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
        Ok(self.reload().await?)
    }

    /// Removes an app that no tenant uses any more.
    pub async fn remove_app(&self, name: &str) -> Result<(), Fault> {
        let _one_at_a_time = self.configuring.lock().await;
        self.app_row(name).await?;
        if let Some(tenant) = self.store.tenants().await?.iter().find(|tenant| tenant.app == name) {
            return Err(scim::Error::new(
                409,
                format!("app {name} is used by tenant {}; remove its tenants first", tenant.id),
            )
            .into());
        }
        self.store.remove_app(name).await?;
        Ok(self.reload().await?)
    }

    pub(super) async fn app_row(&self, app: &str) -> Result<AppRow, Fault> {
        let row = self.store.apps().await?.into_iter().find(|row| row.name == app);
        row.ok_or_else(|| scim::Error::new(404, format!("no app {app}")).into())
    }
}

/// Whether an app's configuration serves this connector: its endpoints, and the settings of the app
/// and each of these tenants.
pub(super) fn fits(
    app: &str,
    manifest: &Manifest,
    settings: &Map<String, Value>,
    endpoints: &Map<String, Value>,
    tenants: &[TenantRow],
) -> Result<(), Fault> {
    let missing = manifest.endpoints.iter().find(|wanted| !endpoints.contains_key(&wanted.name));
    if let Some(missing) = missing {
        return Err(scim::Error::new(
            422,
            format!(
                "connector {} needs an endpoint named {} ({}), which app {app} lacks",
                manifest.name, missing.name, missing.description
            ),
        )
        .into());
    }
    for tenant in tenants {
        let own = serde_json::from_str(&tenant.settings)?;
        check_settings(manifest, &merged(settings, own))?;
    }
    Ok(())
}

/// Names appear in URLs; Okta refuses base URLs with an underscore (clients.md §1.1).
pub(super) fn valid_name(what: &str, name: &str) -> Result<(), scim::Error> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 63 || !name.chars().all(fits) || name.starts_with('-') {
        return Err(scim::Error::new(
            422,
            format!("{what} name {name:?}: use 1 to 63 lower-case letters, digits and hyphens"),
        ));
    }
    Ok(())
}

/// Settings are checked by the connector's own schema when they are saved.
pub(crate) fn check_settings(
    manifest: &Manifest,
    settings: &Map<String, Value>,
) -> Result<(), scim::Error> {
    let object = settings;
    let settings = Value::Object(settings.clone());
    let validator = settings_validator(&manifest.settings).map_err(|why| {
        scim::Error::new(422, format!("the connector's schema of settings {why}"))
    })?;
    match validator.iter_errors(&settings).next() {
        None => catalogue::check(manifest, object),
        Some(error) => {
            Err(scim::Error::new(422, format!("settings{}: {error}", error.instance_path())))
        }
    }
}
