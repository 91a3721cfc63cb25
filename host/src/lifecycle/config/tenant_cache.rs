//! The cache of tenants: loaded when they are first needed, dropped when they change or are unused.
//!
//! So the cost of a change does not grow with the number of tenants, and a tenant without requests
//! takes no memory. A tenant is built from one version of its app; if the app has changed since,
//! the tenant is loaded again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;

use super::Configuration;
use super::client_observations::ClientObservations;
use super::snapshot::{Tenant, TenantState};
use crate::lifecycle::error::Error;
use crate::scim;

/// The most tenants that are kept in memory. Beyond, tenants that were not used lately are dropped.
const MAX_LOADED: usize = 10_000;

/// The tenants that are loaded.
#[derive(Debug)]
pub(super) struct TenantCache {
    loaded: Cache<String, Arc<Tenant>>,
    /// Kept as long as the host runs, for all tenants that were loaded.
    observations: Mutex<HashMap<String, Arc<ClientObservations>>>,
}

impl Default for TenantCache {
    fn default() -> Self {
        Self { loaded: Cache::new(MAX_LOADED), observations: Mutex::default() }
    }
}

impl TenantCache {
    /// The observations of a tenant's identity provider.
    pub(super) fn observations(&self, tenant: &str) -> Arc<ClientObservations> {
        let mut known = self.observations.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(tenant.to_owned()).or_default())
    }

    /// Removes a tenant that no longer exists, with its observations.
    pub(super) fn remove(&self, tenant: &str) {
        self.loaded.remove(tenant);
        self.observations.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }

    /// Drops the tenants that were built from an app as it was before, with the connectors that
    /// only they hold.
    pub(super) fn invalidate_app(&self, app: &str) {
        self.loaded.retain(|_, tenant| tenant.app.name != app);
    }

    /// Has a tenant loaded again when it is next needed. The result of a load that has already
    /// begun is not kept.
    pub(super) fn invalidate(&self, tenant: &str) {
        self.loaded.remove(tenant);
    }
}

impl Configuration {
    /// What a tenant's identity provider was seen to send since the host started; none if it was not
    /// asked for since.
    pub fn observations(&self, tenant: &str) -> Option<Arc<ClientObservations>> {
        let known = self.tenants.observations.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(tenant).map(Arc::clone)
    }

    /// The tenant as it is served now.
    pub async fn tenant(&self, id: &str) -> anyhow::Result<Option<Arc<Tenant>>> {
        loop {
            match self.tenants.loaded.get_value_or_guard_async(id).await {
                Ok(tenant) if self.is_current(&tenant) => return Ok(Some(tenant)),
                Ok(stale) => {
                    self.tenants.loaded.remove_if(id, |known| Arc::ptr_eq(known, &stale));
                }
                Err(guard) => {
                    let Some(tenant) = self.load_tenant(id).await? else { return Ok(None) };
                    // Fails if the tenant was changed while it was loaded. If its app was changed, the
                    // next round drops the tenant.
                    if guard.insert(Arc::clone(&tenant)).is_ok() && self.is_current(&tenant) {
                        return Ok(Some(tenant));
                    }
                }
            }
        }
    }

    /// The tenant, if it is in memory.
    pub fn loaded_tenant(&self, id: &str) -> Option<Arc<Tenant>> {
        self.tenants.loaded.peek(id)
    }

    /// The tenant as it is served now; 404 if there is none.
    pub(in crate::lifecycle) async fn served(&self, id: &str) -> Result<Arc<Tenant>, Error> {
        let tenant = self.tenant(id).await?;
        tenant.ok_or_else(|| scim::Error::new(404, format!("no tenant {id}")).into())
    }

    /// The state of a tenant's integration; an unknown tenant is disconnected.
    pub async fn state_of(&self, id: &str) -> anyhow::Result<TenantState> {
        Ok(self.tenant(id).await?.map_or(TenantState::Disconnected, |tenant| tenant.state))
    }

    /// Whether the tenant was built from its app as it is now.
    fn is_current(&self, tenant: &Tenant) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.apps.get(&tenant.app.name).is_some_and(|app| Arc::ptr_eq(app, &tenant.app))
    }
}
