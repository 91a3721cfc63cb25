//! Whose turn it is to be tried in the background, tenant by tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many operations of one tenant are tried at once, where nobody waits for an answer.
pub(super) const AT_ONCE: usize = 8;

/// Whose turn it is to be tried in the background, tenant by tenant.
#[derive(Debug, Default)]
pub(super) struct Turns {
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    /// Waits until fewer than [`AT_ONCE`] of this tenant are being tried.
    pub(super) async fn take(&self, tenant: &str) -> OwnedSemaphorePermit {
        let turns = Arc::clone(
            self.tenants
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(tenant.to_owned())
                .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))),
        );
        turns.acquire_owned().await.expect("nobody closes it")
    }
}
