//! The limit of concurrent background attempts, for each tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most operations of one tenant that are attempted at once without a waiting request.
pub(super) const AT_ONCE: usize = 8;

/// The turns of all tenants.
#[derive(Debug, Default)]
pub(super) struct Turns {
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    /// Waits until fewer than [`AT_ONCE`] operations of this tenant are being attempted.
    pub(super) async fn take(&self, tenant: &str) -> OwnedSemaphorePermit {
        let turns = Arc::clone(
            self.tenants
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(tenant.to_owned())
                .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))),
        );
        turns.acquire_owned().await.expect("the semaphore is never closed")
    }
}
