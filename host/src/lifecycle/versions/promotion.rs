//! Promotions and rollbacks: which connector version decides, for an app or for some of its
//! tenants.
//!
//! A version can be promoted for some tenants first. They keep it until a version is promoted, or
//! rolled back, for the whole app: afterwards no tenant has a version of its own. So it is easy to
//! tell which version decides, and a rollback in an emergency affects all tenants.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Versions;
use crate::connector::{Connector, ManifestChanges};
use crate::lifecycle::config::check_app_configuration;
use crate::lifecycle::config::{AppChange, ConnectorVersion};
use crate::lifecycle::error::Error;
use crate::partial::optional_object;
use crate::scim;
use crate::store::{AppRow, TenantRow};

/// A promotion as an operator asks for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "connector": "two-state@0.2.0", "accept": true }))]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// A connector's name, `name@version`, or digest.
    pub connector: String,
    /// The tenants of the app to promote it for; if empty, all.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// The digest of the version that must decide now; 409 if another one does.
    #[serde(default)]
    pub from: Option<String>,
    /// Whether the version may ask for more than the version before.
    #[serde(default)]
    pub accept: bool,
    /// Whether to report what would change, and change nothing.
    #[serde(default)]
    pub preview: bool,
    /// A change of the app's settings or endpoints that the version needs, made in the same step. A
    /// rollback does not undo it. Not together with `tenants`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub set: Option<AppChange>,
}

/// A rollback as an operator asks for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "tenants": ["acme"] }))]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The tenants of the app to roll back; if empty, all.
    #[serde(default)]
    pub tenants: Vec<String>,
}

/// The result of a promotion or a rollback.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Promoted {
    /// The app.
    pub app: String,
    /// The tenants that it applies to; empty if it applies to the whole app.
    pub tenants: Vec<String>,
    /// The version that decides now.
    pub connector: ConnectorVersion,
    /// The version that decided before.
    pub before: Option<ConnectorVersion>,
    /// The tenants that had a version of their own until now.
    pub ended: Vec<String>,
    /// How the manifest differs from that of the version before.
    pub changes: ManifestChanges,
}

impl Versions {
    /// Makes another version decide, for an app or for some of its tenants, in one step.
    pub async fn promote(&self, app: &str, promotion: &Promotion) -> Result<Promoted, Error> {
        // Loading may take long, so it is done before the configuration is locked.
        self.config
            .connectors()
            .loadable(&self.config.connectors().digest_of(&promotion.connector).await?)
            .await?;
        let _one_at_a_time = self.config.lock().await;
        let digest = self.config.connectors().digest_of(&promotion.connector).await?;
        let mut row = self.config.app_row(app).await?;
        let tenants = self.config.tenants_of(app).await?;
        let chosen = tenants_named(app, &tenants, &promotion.tenants)?;
        if let Some(change) = promotion.set.clone() {
            if !chosen.is_empty() {
                return Err(changes_the_app().into());
            }
            row = change.apply(row, self.config.key(), &self.config.options().outbound)?;
        }
        let connector = self.config.connectors().loadable(&digest).await?;
        check_configuration(&row, &connector, if chosen.is_empty() { &tenants } else { &chosen })?;
        let before = current_version(&row, &chosen);
        if let Some(from) = promotion.from.as_ref().filter(|from| Some(*from) != before.as_ref()) {
            return Err(self.version_changed(app, from, before.as_deref()).await?.into());
        }
        let promoted = self.promotion_result(&row, &chosen, &tenants, &connector).await?;
        if promotion.preview {
            return Ok(promoted);
        }
        if !promotion.accept && !promoted.changes.asks.is_empty() {
            return Err(needs_acceptance(&promoted).into());
        }
        if chosen.is_empty() {
            self.assign_to_app(row, digest).await?;
        } else {
            self.assign_to(chosen, &digest).await?;
        }
        Ok(promoted)
    }

    /// Makes the version before decide again, in one step. It is usually still compiled.
    pub async fn rollback(&self, app: &str, rollback: &Rollback) -> Result<Promoted, Error> {
        if let Some(previous) = self.config.app_row(app).await?.previous {
            // Loaded before the configuration is locked; a failure is reported below.
            self.config.connectors().connector(&previous).await.ok();
        }
        let _one_at_a_time = self.config.lock().await;
        let row = self.config.app_row(app).await?;
        let tenants = self.config.tenants_of(app).await?;
        let mut chosen = tenants_named(app, &tenants, &rollback.tenants)?;
        let back = match chosen.first() {
            None => row.previous.clone(),
            // Before its first version of its own, the tenant used the app's.
            Some(first) => first.previous.clone().or_else(|| row.connector.clone()),
        };
        if let Some(tenant) = chosen.iter().find(|tenant| tenant.connector.is_none()) {
            let why = format!(
                "tenant {} has no version of its own; roll app {app} back instead",
                tenant.id
            );
            return Err(scim::Error::new(409, why).into());
        }
        let Some(back) = back else {
            return Err(scim::Error::new(409, format!("app {app} has no version before")).into());
        };
        let connector = self.config.connectors().loadable(&back).await?;
        check_configuration(&row, &connector, if chosen.is_empty() { &tenants } else { &chosen })?;
        let promoted = self.promotion_result(&row, &chosen, &tenants, &connector).await?;
        if chosen.is_empty() {
            self.assign_to_app(row, back).await?;
        } else {
            for tenant in &mut chosen {
                tenant.connector = tenant.previous.take();
            }
            self.assign(&chosen).await?;
        }
        Ok(promoted)
    }

    async fn assign_to_app(&self, mut row: AppRow, digest: String) -> Result<(), Error> {
        let name = row.name.clone();
        if row.connector.as_ref() != Some(&digest) {
            row.previous = row.connector.replace(digest);
            self.store.put_app(&row).await?;
        } else {
            self.store.put_app(&row).await?;
            // The version decides already, except for tenants that have a version of their own.
            let mut own = self.store.tenants_with_own_connector(&row.name).await?;
            for tenant in &mut own {
                (tenant.connector, tenant.previous) = (None, None);
            }
            self.store.assign(&own).await?;
        }
        Ok(self.config.reload_app(&name).await?)
    }

    async fn assign_to(&self, mut chosen: Vec<TenantRow>, digest: &str) -> Result<(), Error> {
        chosen.retain(|tenant| tenant.connector.as_deref() != Some(digest));
        for tenant in &mut chosen {
            tenant.previous = tenant.connector.replace(digest.to_owned());
        }
        self.assign(&chosen).await
    }

    /// Writes the versions of these tenants, and loads the tenants again.
    async fn assign(&self, tenants: &[TenantRow]) -> Result<(), Error> {
        self.store.assign(tenants).await?;
        for tenant in tenants {
            self.config.reload_tenant(&tenant.id).await?;
        }
        Ok(())
    }

    /// The result that an operator reads.
    async fn promotion_result(
        &self,
        row: &AppRow,
        chosen: &[TenantRow],
        tenants: &[TenantRow],
        connector: &Arc<Connector>,
    ) -> anyhow::Result<Promoted> {
        let before = current_version(row, chosen);
        let changes = match &before {
            // A version that cannot be loaded any more cannot be compared, but can be replaced.
            Some(before) => match self.config.connectors().connector(before).await {
                Ok(before) => connector.manifest.changes_since(&before.manifest),
                Err(_) => ManifestChanges::default(),
            },
            None => ManifestChanges::default(),
        };
        let own = tenants.iter().filter(|it| chosen.is_empty() && it.connector.is_some());
        Ok(Promoted {
            app: row.name.clone(),
            tenants: chosen.iter().map(|tenant| tenant.id.clone()).collect(),
            connector: self.config.connectors().version(&connector.digest).await?,
            before: self.config.connectors().version_of(before.as_deref()).await?,
            ended: own.map(|tenant| tenant.id.clone()).collect(),
            changes,
        })
    }

    async fn version_changed(
        &self,
        app: &str,
        from: &str,
        now: Option<&str>,
    ) -> anyhow::Result<scim::Error> {
        let name = |version: Option<ConnectorVersion>| {
            version.map_or_else(|| "no version".to_owned(), |it| it.to_string())
        };
        let (now, from) = (
            self.config.connectors().version_of(now).await?,
            self.config.connectors().version_of(Some(from)).await?,
        );
        Ok(scim::Error::new(
            409,
            format!(
                "{} decides for app {app} now, and no longer {}: another promotion came first; \
                 check and try again",
                name(now),
                name(from)
            ),
        ))
    }
}

/// Checks whether an app's configuration suits the connector, for these tenants.
fn check_configuration(
    row: &AppRow,
    connector: &Connector,
    tenants: &[TenantRow],
) -> Result<(), Error> {
    let endpoints: Map<String, Value> = serde_json::from_str(&row.endpoints)?;
    let settings: Map<String, Value> = serde_json::from_str(&row.settings)?;
    check_app_configuration(&row.name, &connector.manifest, &settings, &endpoints, tenants)
}

/// The tenants of these names.
fn tenants_named(
    app: &str,
    tenants: &[TenantRow],
    names: &[String],
) -> Result<Vec<TenantRow>, scim::Error> {
    let names: BTreeSet<&String> = names.iter().collect();
    let row = |name: &&String| tenants.iter().find(|tenant| tenant.id == **name);
    if let Some(unknown) = names.iter().find(|name| row(name).is_none()) {
        return Err(scim::Error::new(404, format!("app {app} has no tenant {unknown}")));
    }
    Ok(names.iter().filter_map(row).cloned().collect())
}

/// The version that decides now, for the first of these tenants or for the app.
fn current_version(row: &AppRow, chosen: &[TenantRow]) -> Option<String> {
    let own = chosen.first().and_then(|tenant| tenant.connector.clone());
    own.or_else(|| row.connector.clone())
}

fn changes_the_app() -> scim::Error {
    scim::Error::new(
        422,
        "a promotion for some tenants cannot change their app; set the app's settings first, or \
         promote for all of the app",
    )
}

fn needs_acceptance(promoted: &Promoted) -> scim::Error {
    let Promoted { connector, before, changes, .. } = promoted;
    let before = before.as_ref().map_or("the one before", |before| before.version.as_str());
    scim::Error::new(
        409,
        format!(
            "{} {} asks for more than {before}: {}; accept that with `--yes`, or `accept` in the \
             request",
            connector.name,
            connector.version,
            changes.asks.join(", ")
        ),
    )
}
