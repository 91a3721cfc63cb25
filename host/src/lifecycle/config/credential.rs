//! A stored token, with the time of its last use.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::failed_sign_ins::FailedSignIns;
use crate::store::CredentialRow;

/// A stored token, in memory.
#[derive(Debug)]
pub struct Credential {
    /// The row in the store.
    pub row: CredentialRow,
    /// Shared with [`TokenUses`](super::token_use::TokenUses), so that a reload loses nothing.
    pub(super) uses: Arc<TokenUse>,
}

/// The uses of a token since the host started.
#[derive(Debug, Default)]
pub(super) struct TokenUse {
    /// The second of the last use that is not stored yet; 0 if there is none.
    pub(super) unstored: AtomicI64,
    /// Requests with its id that were denied: with another secret, or after its end.
    pub(super) failed: FailedSignIns,
}

impl Credential {
    /// Notes that the token was presented, without waiting.
    pub fn note_use(&self, now: Timestamp) {
        let second = now.as_second();
        // Most requests find the second noted; without a write, all cores keep the cache line.
        if self.uses.unstored.load(Ordering::Relaxed) != second {
            self.uses.unstored.store(second, Ordering::Relaxed);
        }
    }

    /// The requests with the token's id that were denied since the host started.
    pub fn failed_sign_ins(&self) -> &FailedSignIns {
        &self.uses.failed
    }

    /// Notes that a request with the token's id was denied.
    pub fn note_failure(&self, now: Timestamp) {
        self.uses.failed.note(now);
    }
}
