//! Whether a connector may decide on the thread that asks: only one that has lately been quick.
//!
//! To wake another thread costs more than most decisions do. But a decision that takes its time
//! must not hold up requests beside it, so a connector proves itself where it holds up nobody, and
//! begins anew whenever it was slow.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::engine::TICK;

/// Quick decisions in a row that prove it.
const PROOF: u32 = 8;
/// The same after one that had to be cut short.
const LONG_PROOF: u32 = 10_000;
/// A decision on the thread that asks is cut short beyond.
pub(super) const PATIENCE: Duration = TICK;

/// How quick a connector has been.
#[derive(Debug)]
pub(super) struct Quickness {
    /// No quick decision takes longer.
    quick: Duration,
    /// Quick decisions that are still to come before it is proven.
    missing: AtomicU32,
}

impl Quickness {
    /// Of a connector that has not decided anything yet.
    pub(super) fn new(quick: Duration) -> Self {
        Self { quick, missing: AtomicU32::new(PROOF) }
    }

    /// Whether it may decide on the thread that asks.
    pub(super) fn is_proven(&self) -> bool {
        self.missing.load(Ordering::Relaxed) == 0
    }

    /// Takes note of how long a decision took.
    pub(super) fn note(&self, elapsed: Duration) {
        if elapsed > self.quick {
            self.missing.fetch_max(PROOF, Ordering::Relaxed);
        } else if !self.is_proven() {
            let one_less = |missing: u32| missing.checked_sub(1);
            // Another thread may have counted the last one.
            self.missing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok();
        }
    }

    /// Takes note of a decision that had to be cut short.
    pub(super) fn refute(&self) {
        self.missing.store(LONG_PROOF, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(250);

    fn noted(quickness: &Quickness, times: u32, elapsed: Duration) {
        (0..times).for_each(|_| quickness.note(elapsed));
    }

    #[test]
    fn a_connector_is_proven_by_quick_decisions_in_a_row() {
        let quickness = Quickness::new(QUICK);
        noted(&quickness, PROOF - 1, QUICK);
        assert!(!quickness.is_proven());
        noted(&quickness, 1, QUICK * 2);
        noted(&quickness, PROOF - 1, QUICK);
        assert!(!quickness.is_proven());
        noted(&quickness, 1, QUICK);
        assert!(quickness.is_proven());
        noted(&quickness, 1, QUICK * 2);
        assert!(!quickness.is_proven());
    }

    #[test]
    fn one_that_was_cut_short_proves_itself_for_long() {
        let quickness = Quickness::new(QUICK);
        noted(&quickness, PROOF, QUICK);
        quickness.refute();
        noted(&quickness, 1, QUICK * 2);
        noted(&quickness, LONG_PROOF - 1, QUICK);
        assert!(!quickness.is_proven());
        noted(&quickness, 1, QUICK);
        assert!(quickness.is_proven());
    }
}
