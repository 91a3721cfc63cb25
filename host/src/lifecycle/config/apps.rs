//! Apps: which connector decides for them, with which settings and endpoints.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::sealed_secrets::seal;
use super::settings::{check_app_configuration, endpoints, valid_name};
use super::snapshot::ReplyMode;
use super::{Configuration, HostKey};
use crate::clock::rfc3339;
use crate::delivery::{EndpointConfiguration, OutboundRules, keep_concealed};
use crate::lifecycle::error::Error;
use crate::limits::{LimitsChange, LimitsSpec};
use crate::partial::{changed, object, stated, stated_object};
use crate::scim;
use crate::store::{AppRow, TenantRow};

/// An app to create.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "crm",
    "connector": "two-state",
    "settings": { "organization": "acme" },
    "endpoints": {
        "app": {
            "base_url": "https://api.example.com/v1",
            "auth": { "bearer": { "env": "CRM_TOKEN" } }
        }
    }
}))]
pub struct NewApp {
    /// 1 to 63 lower-case letters, digits and hyphens, not beginning with a hyphen.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub name: String,
    /// The connector that decides: a name (its newest version), `name@version`, or a digest or its
    /// first eight or more characters.
    pub connector: String,
    /// Settings by the connector's schema; a tenant's own settings are laid over them.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// The addresses that the connector may call, by the names in its manifest.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, EndpointConfiguration>)]
    pub endpoints: Map<String, Value>,
    /// When identity providers are answered: `when-done`, when the app has the change or the deadline
    /// has passed; `when-recorded`, as soon as the change is durable.
    #[serde(default)]
    pub reply: ReplyMode,
    /// Limits of the connector; a limit that is not given has its default.
    #[serde(default, deserialize_with = "object")]
    pub limits: LimitsSpec,
    /// Whether one account of the app can be several customers', also of some who do not use muster. Then a
    /// tenant only joins and leaves an account that is not its own: one that it did not make, whose addresses
    /// are not in its e-mail domains, and that was not adopted.
    #[serde(default = "is_shared")]
    pub shared: bool,
}

/// A change of an app, member by member: a member that is given replaces the app's, `null` sets it
/// back to its default, and a member that is absent stays as it is.
///
/// `settings` and `endpoints` are replaced as a whole; `set_…` and `unset_…` change single entries
/// of them, and are applied afterwards: first `unset_…`, then `set_…`. `limits` is merged limit by
/// limit. The connector is not among the members: an app's connector is chosen when the app is
/// created and changed by a promotion or a rollback.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({
    "unset_settings": ["organization"],
    "limits": { "time": "250ms", "calls": null }
}))]
pub struct AppChange {
    /// All settings of the app; `null` is no settings.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Option<Map<String, Value>>>,
    /// Settings to set, by name. The value `null` is kept as a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub set_settings: Map<String, Value>,
    /// Names of settings to remove. One that is not set is ignored if the connector has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unset_settings: Vec<String>,
    /// All endpoints of the app; `null` is no endpoints.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<BTreeMap<String, EndpointConfiguration>>)]
    pub endpoints: Option<Option<Map<String, Value>>>,
    /// Endpoints to set, by the names in the connector's manifest, each with its whole configuration.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = BTreeMap<String, EndpointConfiguration>)]
    pub set_endpoints: Map<String, Value>,
    /// Names of endpoints to remove. One that is not there is ignored if the connector has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unset_endpoints: Vec<String>,
    /// When identity providers are answered; `null` is `when-done`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<ReplyMode>)]
    pub reply: Option<Option<ReplyMode>>,
    /// Limits to set; a limit of `null`, or all of them, is set back to its default.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated_object")]
    #[schema(value_type = Option<LimitsSpec>)]
    pub limits: Option<Option<LimitsChange>>,
    /// Whether one account of the app can be several customers'; `null` is true.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<bool>)]
    pub shared: Option<Option<bool>>,
    /// Only read, to refuse it with a sentence that says what to do.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(ignore)]
    pub connector: Option<Option<Value>>,
}

impl AppChange {
    /// The app's row with the change in it.
    pub(in crate::lifecycle) fn apply(
        self,
        row: AppRow,
        key: &HostKey,
        rules: &OutboundRules,
    ) -> Result<AppRow, Error> {
        if self.connector.is_some() {
            return Err(keeps_its_connector(&row.name).into());
        }
        let settings = serde_json::from_str(&row.settings)?;
        let settings = changed(settings, self.settings, &self.unset_settings, self.set_settings);
        let before: Map<String, Value> = serde_json::from_str(&row.endpoints)?;
        let (all, set) = (self.endpoints, self.set_endpoints);
        let mut endpoints = changed(before.clone(), all, &self.unset_endpoints, set);
        keep_concealed(&mut endpoints, &before);
        let limits: LimitsSpec = serde_json::from_str(&row.limits)?;
        let limits = match self.limits {
            None => limits,
            Some(change) => change.map_or_else(LimitsSpec::default, |change| change.apply(limits)),
        };
        limits.limits().map_err(|error| scim::Error::new(422, error))?;
        readable_endpoints(&row.name, &endpoints, key, rules)?;
        let endpoints = seal(key, &row.name, endpoints, &before)?;
        Ok(AppRow {
            settings: Value::Object(settings).to_string(),
            endpoints,
            reply: match self.reply {
                None => row.reply,
                Some(reply) => reply.unwrap_or_default(),
            },
            limits: serde_json::to_string(&limits)?,
            shared: match self.shared {
                None => row.shared,
                Some(shared) => shared.unwrap_or_else(is_shared),
            },
            ..row
        })
    }
}

impl Configuration {
    /// Creates an app; 409 if there is one of this name.
    pub async fn create_app(&self, app: NewApp) -> Result<(), Error> {
        valid_name("app", &app.name)?;
        // Compiling may take long, and does not block other changes of the configuration.
        self.connectors.loadable(&self.connectors.digest_of(&app.connector).await?).await?;
        let _one_at_a_time = self.lock().await;
        if self.store.app(&app.name).await?.is_some() {
            return Err(there_already("app", &app.name).into());
        }
        let digest = self.connectors.digest_of(&app.connector).await?;
        let connector = self.connectors.loadable(&digest).await?;
        let name = app.name.clone();
        readable_endpoints(&app.name, &app.endpoints, &self.key, &self.options.outbound)?;
        let sealed = seal(&self.key, &app.name, app.endpoints.clone(), &Map::new())?;
        app.limits.limits().map_err(|error| scim::Error::new(422, error))?;
        check_app_configuration(
            &app.name,
            &connector.manifest,
            &app.settings,
            &app.endpoints,
            &[],
        )?;
        self.store
            .put_app(&AppRow {
                name: app.name,
                connector: Some(digest),
                previous: None,
                settings: Value::Object(app.settings).to_string(),
                endpoints: sealed,
                reply: app.reply,
                limits: serde_json::to_string(&app.limits)?,
                shared: app.shared,
                created: rfc3339(self.clock.now()),
            })
            .await?;
        Ok(self.reload_app(&name).await?)
    }

    /// Changes an app. The connector stays, and what the change does not state.
    pub async fn set_app(&self, name: &str, change: AppChange) -> Result<(), Error> {
        let _one_at_a_time = self.lock().await;
        let row = change.apply(self.app_row(name).await?, &self.key, &self.options.outbound)?;
        self.serves_all(&row).await?;
        self.store.put_app(&row).await?;
        Ok(self.reload_app(name).await?)
    }

    /// Whether an app's configuration serves the connectors of all its tenants. A connector that
    /// cannot be loaded is no obstacle: its app is mended by changing it.
    async fn serves_all(&self, row: &AppRow) -> Result<(), Error> {
        let settings = serde_json::from_str(&row.settings)?;
        let endpoints = serde_json::from_str(&row.endpoints)?;
        let snapshot = self.snapshot();
        let (own, tenants): (Vec<_>, Vec<_>) =
            self.tenants_of(&row.name).await?.into_iter().partition(|it| it.connector.is_some());
        let app = snapshot.apps.get(&row.name);
        if let Some(connector) = app.and_then(|app| app.connector.as_ref().ok()) {
            check_app_configuration(
                &row.name,
                &connector.manifest,
                &settings,
                &endpoints,
                &tenants,
            )?;
        }
        for tenant in own {
            let served = self.tenant(&tenant.id).await?;
            if let Some(connector) = served.as_ref().and_then(|it| it.connector.as_ref().ok()) {
                let manifest = &connector.manifest;
                check_app_configuration(
                    &row.name,
                    manifest,
                    &settings,
                    &endpoints,
                    std::slice::from_ref(&tenant),
                )?;
            }
        }
        Ok(())
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

/// The default of `shared`.
fn is_shared() -> bool {
    true
}

fn keeps_its_connector(app: &str) -> scim::Error {
    scim::Error::new(
        422,
        format!(
            "the connector of app {app} is not changed with its settings: use \
             `muster connector promote CONNECTOR --app {app}`, or `muster connector rollback`"
        ),
    )
}

/// 409 for a name that is taken.
pub(super) fn there_already(what: &str, name: &str) -> scim::Error {
    scim::Error::new(
        409,
        format!("{what} {name} exists already; `muster {what} set {name}` changes it"),
    )
}

fn readable_endpoints(
    app: &str,
    given: &Map<String, Value>,
    key: &HostKey,
    rules: &OutboundRules,
) -> Result<(), scim::Error> {
    endpoints(app, &json!(given).to_string(), key, rules)
        .map(drop)
        .map_err(|error| scim::Error::new(422, format!("{error:#}")))
}
