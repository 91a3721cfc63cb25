//! Retirement of connector versions.
//!
//! A version in use is not removed: while it decides for an app or a tenant, while a rollback would
//! lead back to it, or while an operation that it started is not finished. A retired version loses
//! its component and keeps its name, version and manifest, since the journal names them. The same
//! file can be pushed again, and one that comes with the host is restored by its name; another file
//! never takes its name and version.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Versions;
use crate::clock::rfc3339;
use crate::lifecycle::config::{ConnectorVersion, embedded_of, retired};
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::ConnectorUsers;

/// Where a version is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConnectorUsage)]
pub struct Usage {
    /// The apps that it decides for.
    pub apps: Vec<String>,
    /// The tenants that have it as a version of their own.
    pub tenants: Vec<String>,
    /// The apps that a rollback would lead back to it.
    pub previous_of_apps: Vec<String>,
    /// The tenants that a rollback would lead back to it.
    pub previous_of_tenants: Vec<String>,
    /// How many operations that it started are not finished.
    pub operations: u64,
}

impl Usage {
    /// The uses in a sentence; none if the version is not in use.
    fn sentence(&self) -> Option<String> {
        let named = |what: &str, names: &[String]| {
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        let operations = match self.operations {
            0 => None,
            1 => Some("one operation that it started is not finished".to_owned()),
            n => Some(format!("{n} operations that it started are not finished")),
        };
        let all = [
            named("it decides for app", &self.apps),
            named("it decides for tenant", &self.tenants),
            named("a rollback would lead back to it for app", &self.previous_of_apps),
            named("a rollback would lead back to it for tenant", &self.previous_of_tenants),
            operations,
        ];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl Versions {
    /// Where a version is used.
    pub async fn usage(&self, digest: &str) -> anyhow::Result<Usage> {
        let ConnectorUsers { apps, tenants, previous_of_apps, previous_of_tenants } =
            self.store.users_of(digest).await?;
        let undone = self.store.undone_of(digest).await?;
        let operations = undone.map_or(0, |(_, count)| count);
        Ok(Usage { apps, tenants, previous_of_apps, previous_of_tenants, operations })
    }

    /// Retires a version that is not in use, and removes its component. None if it is retired already.
    pub async fn retire(&self, reference: &str) -> Result<Option<ConnectorVersion>, Error> {
        let _one_at_a_time = self.config.lock().await;
        let row = self.config.connectors().exact(reference).await?;
        let name = format!("{} {}", row.name, row.version);
        if row.retired.is_some() {
            return Ok(None);
        }
        let refused = |why: String| scim::Error::new(409, format!("{name} is in use: {why}"));
        if let Some(why) = self.usage(&row.digest).await?.sentence() {
            return Err(refused(why).into());
        }
        if !self.config.connectors().forget(&row.digest) {
            let why = "it is deciding or being replayed; try again".to_owned();
            return Err(refused(why).into());
        }
        self.store.retire_connector(&row.digest, &rfc3339(self.clock.now())).await?;
        self.config.connectors().runtime().forget(&row.digest);
        let connector = ConnectorVersion::from(row);
        tracing::info!(%connector, digest = connector.digest, "versions: retired");
        Ok(Some(connector))
    }

    /// Takes a retired version back that comes with the host. It decides nothing until it is promoted.
    /// None if it is not retired.
    pub async fn restore(&self, reference: &str) -> Result<Option<ConnectorVersion>, Error> {
        let row = self.config.connectors().exact(reference).await?;
        let Some(since) = &row.retired else { return Ok(None) };
        let Some(wasm) = embedded_of(&row.digest) else {
            return Err(retired(&row, since).into());
        };
        self.push(wasm.to_vec()).await?;
        let connector = ConnectorVersion::from(row);
        tracing::info!(%connector, digest = connector.digest, "versions: restored");
        Ok(Some(connector))
    }
}
