//! Eligibility of a connector to decide inline, on the calling thread.
//!
//! Handing a decision to another thread costs more than most decisions do, but a slow decision on
//! the calling thread delays other requests. A connector becomes eligible after a number of fast
//! decisions in a row on a connector thread, and loses its eligibility with each slow one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::engine::TICK;

/// Fast decisions in a row that make a connector eligible.
const REQUIRED: u32 = 8;
/// The same after a decision that had to be interrupted.
const REQUIRED_AFTER_INTERRUPTION: u32 = 10_000;
/// A decision on the calling thread is interrupted after this time.
pub(super) const TIME_LIMIT: Duration = TICK;

/// The recent speed of a connector.
#[derive(Debug)]
pub(super) struct InlineEligibility {
    /// A decision that takes no longer is fast.
    fast: Duration,
    /// Fast decisions in a row that are missing before the connector is eligible.
    missing: AtomicU32,
}

impl InlineEligibility {
    /// For a connector without decisions so far.
    pub(super) fn new(fast: Duration) -> Self {
        Self { fast, missing: AtomicU32::new(REQUIRED) }
    }

    /// Whether the connector may decide on the calling thread.
    pub(super) fn is_eligible(&self) -> bool {
        self.missing.load(Ordering::Relaxed) == 0
    }

    /// Records the time of a decision.
    pub(super) fn record(&self, elapsed: Duration) {
        if elapsed > self.fast {
            self.missing.fetch_max(REQUIRED, Ordering::Relaxed);
        } else if !self.is_eligible() {
            let decrement = |missing: u32| missing.checked_sub(1);
            // Fails if another thread has counted the last one.
            self.missing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, decrement).ok();
        }
    }

    /// Records an interrupted decision.
    pub(super) fn revoke(&self) {
        self.missing.store(REQUIRED_AFTER_INTERRUPTION, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_micros(250);

    fn record(eligibility: &InlineEligibility, times: u32, elapsed: Duration) {
        (0..times).for_each(|_| eligibility.record(elapsed));
    }

    #[test]
    fn a_connector_becomes_eligible_by_fast_decisions_in_a_row() {
        let eligibility = InlineEligibility::new(FAST);
        record(&eligibility, REQUIRED - 1, FAST);
        assert!(!eligibility.is_eligible());
        record(&eligibility, 1, FAST * 2);
        record(&eligibility, REQUIRED - 1, FAST);
        assert!(!eligibility.is_eligible());
        record(&eligibility, 1, FAST);
        assert!(eligibility.is_eligible());
        record(&eligibility, 1, FAST * 2);
        assert!(!eligibility.is_eligible());
    }

    #[test]
    fn an_interruption_needs_many_fast_decisions_to_be_made_up_for() {
        let eligibility = InlineEligibility::new(FAST);
        record(&eligibility, REQUIRED, FAST);
        eligibility.revoke();
        record(&eligibility, 1, FAST * 2);
        record(&eligibility, REQUIRED_AFTER_INTERRUPTION - 1, FAST);
        assert!(!eligibility.is_eligible());
        record(&eligibility, 1, FAST);
        assert!(eligibility.is_eligible());
    }
}
