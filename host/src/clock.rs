//! The source of time and identifiers, which tests can hold still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use uuid::Uuid;

/// Where time and new identifiers come from.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    held: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still until it is advanced.
    pub fn held_at(now: Timestamp) -> Self {
        Self { held: Some(Arc::new(AtomicI64::new(now.as_millisecond()))) }
    }

    /// Moves a held clock forward. No effect on the machine's clock.
    pub fn advance(&self, by: std::time::Duration) {
        if let Some(held) = &self.held {
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            held.fetch_add(millis, Ordering::Relaxed);
        }
    }

    /// The current time, in milliseconds.
    pub fn now(&self) -> Timestamp {
        let millis = match &self.held {
            Some(held) => held.load(Ordering::Relaxed),
            None => machine_millis(),
        };
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// A new identifier: unique, opaque, and ordered by time.
    #[expect(clippy::disallowed_methods, reason = "the one place where identifiers are made")]
    pub fn new_id(&self) -> String {
        Uuid::now_v7().to_string()
    }
}

/// A lower bound of the identifiers that were made at this time or later.
pub fn first_id_of(at: Timestamp) -> String {
    // RFC 9562 §5.7: an identifier begins with 48 bits of milliseconds since 1970.
    let millis = at.as_millisecond().clamp(0, (1 << 48) - 1);
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// Formats a time as muster does everywhere: RFC 3339, UTC, milliseconds.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn machine_millis() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_ordered_by_time() {
        let clock = Clock::system();
        let (before, id) = (clock.now(), clock.new_id());
        let later = before + jiff::SignedDuration::from_hours(1);
        assert!(first_id_of(before) <= id && id < first_id_of(later), "{id}");
        assert_eq!(first_id_of(Timestamp::UNIX_EPOCH), "00000000-0000");
    }
}
