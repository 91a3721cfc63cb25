//! The number of failed sign-ins, and the time of the last, since the host started.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

use crate::clock::rfc3339;

/// Failed sign-ins, of a tenant or with one token. Counted in memory only, since operators look at them
/// while something does not work.
#[derive(Debug, Default)]
pub struct FailedSignIns {
    count: AtomicU64,
    /// The second of the last one.
    last: AtomicI64,
}

impl FailedSignIns {
    /// Counts one.
    pub fn note(&self, now: Timestamp) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.last.store(now.as_second(), Ordering::Relaxed);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// When the last one was, RFC 3339; none if there was none.
    pub fn last(&self) -> Option<String> {
        let last = Timestamp::from_second(self.last.load(Ordering::Relaxed)).ok()?;
        (self.count() > 0).then(|| rfc3339(last))
    }
}
