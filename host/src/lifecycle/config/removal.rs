//! The rows of removed tenants, which are deleted in the background.
//!
//! The tenant itself is gone with the request of the operator. Its directory may be large: it is deleted in
//! steps, between which other tenants write, and a start goes on where the host stopped.

use std::sync::Arc;
use std::time::Duration;

use super::Configuration;
use crate::lifecycle::error::Error;
use crate::scim;

/// The pause after each step, so that the writer is free for others about half of the time.
const PAUSE: Duration = Duration::from_millis(5);

/// How long an operator's request waits for the end.
const PATIENCE: Duration = Duration::from_secs(2);

impl Configuration {
    /// Goes on with the tenants that were removed before the host stopped.
    pub(in crate::lifecycle) async fn resume_removals(self: &Arc<Self>) -> anyhow::Result<()> {
        for tenant in self.store.removed_tenants().await? {
            let config = Arc::clone(self);
            self.tasks.spawn(async move { config.delete_all_rows(&tenant).await });
        }
        Ok(())
    }

    /// Deletes the rows of a removed tenant, and returns when all are deleted or some time has passed.
    pub(in crate::lifecycle) async fn delete_rows(self: &Arc<Self>, tenant: &str) {
        let (config, tenant) = (Arc::clone(self), tenant.to_owned());
        let deleted = self.tasks.spawn(async move { config.delete_all_rows(&tenant).await });
        drop(tokio::time::timeout(PATIENCE, deleted).await);
    }

    async fn delete_all_rows(&self, tenant: &str) {
        while !self.tasks.are_stopping() {
            fail::fail_point!("tenant-rows");
            match self.store.remove_some_rows(tenant).await {
                Ok(true) => tokio::time::sleep(PAUSE).await,
                Ok(false) => return,
                Err(error) => {
                    // The next start goes on.
                    let error = format!("{error:#}");
                    tracing::error!(tenant, error, "tenant: its rows could not be deleted");
                    return;
                }
            }
        }
    }

    /// Refuses to give a tenant the name of one whose rows are not deleted yet.
    pub(super) async fn no_longer_removed(&self, tenant: &str) -> Result<(), Error> {
        if !self.store.removed_tenants().await?.iter().any(|removed| removed == tenant) {
            return Ok(());
        }
        let detail = format!(
            "tenant {tenant} was removed, and its users and groups are still being deleted; try again \
             in a minute"
        );
        Err(scim::Error::new(409, detail).into())
    }
}
