//! A stored token, with the time of its last use.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::store::CredentialRow;

/// A stored token, in memory.
#[derive(Debug)]
pub struct Credential {
    /// The row in the store.
    pub row: CredentialRow,
    /// The second of its last use that is not stored yet; 0 if there is none. Shared with
    /// [`TokenUses`](super::token_use::TokenUses), so that a reload loses nothing.
    pub(super) used: Arc<AtomicI64>,
}

impl Credential {
    /// Notes that the token was presented, without waiting.
    pub fn note_use(&self, now: Timestamp) {
        let second = now.as_second();
        // Most requests find the second noted; without a write, all cores keep the cache line.
        if self.used.load(Ordering::Relaxed) != second {
            self.used.store(second, Ordering::Relaxed);
        }
    }
}
