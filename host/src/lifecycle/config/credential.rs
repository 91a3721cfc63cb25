//! A token that may be presented, and when it last was.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::snapshot::ConfigSnapshot;
use crate::store::CredentialRow;

/// A token that may be presented.
#[derive(Debug)]
pub struct Credential {
    /// As it is stored.
    pub row: CredentialRow,
    /// The second of its last use that is not yet stored; 0 where all is. Shared with the
    /// snapshot before, so that a reload forgets nothing.
    pub(super) used: Arc<AtomicI64>,
}

impl Credential {
    /// A token that was read from the store, with what the snapshot before knows of its use.
    pub(super) fn new(row: CredentialRow, before: &ConfigSnapshot) -> Self {
        let used = before.credentials.get(&row.id).map(|known| Arc::clone(&known.used));
        Self { row, used: used.unwrap_or_default() }
    }

    /// Notes that it was presented. It waits for nothing.
    pub fn note_use(&self, now: Timestamp) {
        let second = now.as_second();
        // Most requests find the second noted, and leave the line of memory to all cores.
        if self.used.load(Ordering::Relaxed) != second {
            self.used.store(second, Ordering::Relaxed);
        }
    }
}
