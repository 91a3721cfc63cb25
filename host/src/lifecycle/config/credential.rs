//! A token that may be presented.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::store::CredentialRow;

/// A token that may be presented.
#[derive(Debug)]
pub struct Credential {
    /// As it is stored.
    pub row: CredentialRow,
    /// The second of its last use that is not stored yet; 0 if there is none. Shared with
    /// [`TokenUses`](super::token_use::TokenUses), so that a reload loses nothing.
    pub(super) used: Arc<AtomicI64>,
}

impl Credential {
    /// Notes that the token was presented. It waits for nothing.
    pub fn note_use(&self, now: Timestamp) {
        let second = now.as_second();
        // Most requests find the second noted, and leave the cache line to all cores.
        if self.used.load(Ordering::Relaxed) != second {
            self.used.store(second, Ordering::Relaxed);
        }
    }
}
