//! Validation of the settings, endpoints and names that an operator writes.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jsonschema::Validator;
use serde_json::{Map, Value};

use super::sealed_secrets::unseal;
use super::{HostKey, listed_resources};
use crate::connector::{Manifest, settings_validator};
use crate::delivery::{Endpoint, OutboundRules};
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::TenantRow;

/// Checks whether an app's configuration suits a connector: the app's endpoints, and the app's
/// settings merged with those of each of these tenants.
pub(in crate::lifecycle) fn check_app_configuration(
    app: &str,
    manifest: &Manifest,
    settings: &Map<String, Value>,
    endpoints: &Map<String, Value>,
    tenants: &[TenantRow],
) -> Result<(), Error> {
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
    let validator = SettingsValidator::of(manifest)?;
    for tenant in tenants {
        let own = serde_json::from_str(&tenant.settings)?;
        validator.check(&merged(settings, own))?;
    }
    Ok(())
}

/// Checks a name that appears in URLs. Okta refuses base URLs with an underscore:
/// `tests/fixtures/conversations/SOURCES.md`, "Okta: how its client calls".
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

/// Checks settings by the connector's schema, before they are saved.
pub(crate) fn check_settings(
    manifest: &Manifest,
    settings: &Map<String, Value>,
) -> Result<(), scim::Error> {
    SettingsValidator::of(manifest)?.check(settings)
}

/// A connector's schema of settings, compiled once for several checks.
struct SettingsValidator<'m> {
    manifest: &'m Manifest,
    schema: Validator,
}

impl<'m> SettingsValidator<'m> {
    fn of(manifest: &'m Manifest) -> Result<Self, scim::Error> {
        let schema = settings_validator(&manifest.settings).map_err(|why| {
            scim::Error::new(422, format!("the connector's schema of settings {why}"))
        })?;
        Ok(Self { manifest, schema })
    }

    fn check(&self, settings: &Map<String, Value>) -> Result<(), scim::Error> {
        let value = Value::Object(settings.clone());
        match self.schema.iter_errors(&value).next() {
            None => listed_resources::check(self.manifest, settings),
            Some(error) => {
                Err(scim::Error::new(422, format!("settings{}: {error}", error.instance_path())))
            }
        }
    }
}

/// Reads an app's endpoints, with their secrets.
pub(super) fn endpoints(
    app: &str,
    json: &str,
    key: &HostKey,
    rules: &OutboundRules,
) -> anyhow::Result<BTreeMap<String, Endpoint>> {
    let read = || Endpoint::load_all(&unseal(key, app, json)?, rules);
    read().context("the endpoints")
}

/// The app's settings, overridden by the tenant's.
pub(super) fn merged(app: &Map<String, Value>, tenant: Map<String, Value>) -> Map<String, Value> {
    let mut settings = app.clone();
    settings.extend(tenant);
    settings
}
