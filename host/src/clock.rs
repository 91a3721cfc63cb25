//! The source of time and identifiers, which tests can hold still or simulate.

mod simulation;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use uuid::Uuid;

pub use simulation::Simulation;

/// Where time and new identifiers come from.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    Machine,
    Held(Arc<AtomicI64>),
    /// Milliseconds that it is ahead of the machine's clock.
    Adjustable(Arc<AtomicI64>),
    Simulated(Arc<Simulation>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still until it is advanced.
    pub fn held_at(now: Timestamp) -> Self {
        Self(Source::Held(Arc::new(AtomicI64::new(now.as_millisecond()))))
    }

    /// The machine's clock, which can be set forward and back.
    pub fn adjustable() -> Self {
        Self(Source::Adjustable(Arc::default()))
    }

    /// Sets an adjustable clock this far ahead of the machine's. No effect on another clock.
    pub fn set_ahead(&self, by: std::time::Duration) {
        if let Source::Adjustable(ahead) = &self.0 {
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            ahead.store(millis, Ordering::Relaxed);
        }
    }

    /// The clock of a simulation.
    pub fn simulated(simulation: Arc<Simulation>) -> Self {
        Self(Source::Simulated(simulation))
    }

    /// The simulation, if the clock is one's.
    pub(crate) fn simulation(&self) -> Option<&Arc<Simulation>> {
        match &self.0 {
            Source::Simulated(simulation) => Some(simulation),
            Source::Machine | Source::Held(_) | Source::Adjustable(_) => None,
        }
    }

    /// Moves a held clock forward. No effect on the other clocks.
    pub fn advance(&self, by: std::time::Duration) {
        if let Source::Held(held) = &self.0 {
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            held.fetch_add(millis, Ordering::Relaxed);
        }
    }

    /// The current time, in milliseconds.
    pub fn now(&self) -> Timestamp {
        let millis = match &self.0 {
            Source::Held(held) => held.load(Ordering::Relaxed),
            Source::Machine => machine_millis(),
            Source::Adjustable(ahead) => {
                machine_millis().saturating_add(ahead.load(Ordering::Relaxed))
            }
            Source::Simulated(simulation) => simulation.now(),
        };
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// A new identifier: unique, opaque, and ordered by time.
    #[expect(clippy::disallowed_methods, reason = "the one place where identifiers are made")]
    pub fn new_id(&self) -> String {
        match &self.0 {
            Source::Simulated(simulation) => simulation.new_id(),
            Source::Machine | Source::Held(_) | Source::Adjustable(_) => Uuid::now_v7().to_string(),
        }
    }
}

/// A lower bound of the identifiers that were made at this time or later.
pub fn first_id_of(at: Timestamp) -> String {
    // RFC 9562 §5.7: an identifier begins with 48 bits of milliseconds since 1970.
    let millis = at.as_millisecond().clamp(0, (1 << 48) - 1);
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// A time after another; the same if the wait is longer than any time.
pub fn later_by(now: Timestamp, wait: std::time::Duration) -> Timestamp {
    jiff::SignedDuration::try_from(wait).map_or(now, |wait| now + wait)
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

    #[test]
    fn an_adjustable_clock_is_set_forward_and_back() {
        let (clock, hour) = (Clock::adjustable(), std::time::Duration::from_secs(3600));
        let before = clock.now();
        clock.set_ahead(hour);
        assert!(clock.now() >= before + hour);
        clock.set_ahead(std::time::Duration::ZERO);
        assert!(clock.now() < before + hour);
    }
}
