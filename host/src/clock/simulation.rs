//! Simulated time, identifiers and delays, by which a run of a host can be repeated exactly.
//!
//! Time is that of the runtime, which a test pauses, and identifiers come from a seed. A host with
//! a simulated clock makes each access to its database within one poll, after a delay that the
//! seed decides: requests take turns in an order that is random, and the same for the same seed.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use uuid::Builder;

/// One life of a simulated host. It belongs to the runtime in which it was made.
#[derive(Debug)]
pub struct Simulation {
    start: Timestamp,
    began: Instant,
    /// Milliseconds by which the clock was set forward or back.
    shift: AtomicI64,
    random: AtomicU64,
    identifiers: AtomicU64,
}

impl Simulation {
    /// A simulation that begins at this time. Everything random in it follows from the seed.
    pub fn new(start: Timestamp, seed: u64) -> Self {
        Self {
            start,
            began: Instant::now(),
            shift: AtomicI64::new(0),
            random: AtomicU64::new(seed),
            identifiers: AtomicU64::new(0),
        }
    }

    /// The time, in milliseconds.
    pub fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.start.as_millisecond() + self.shift.load(Ordering::Relaxed) + elapsed
    }

    /// Sets the clock forward, or back. Timers are not affected.
    pub fn shift(&self, by: SignedDuration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(0);
        self.shift.fetch_add(millis, Ordering::Relaxed);
    }

    /// The next random number, by the generator `SplitMix64`.
    pub fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.random.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn new_id(&self) -> String {
        // Identifiers of the same millisecond are in the order in which they were made.
        let count = self.identifiers.fetch_add(1, Ordering::Relaxed);
        let [.., high, low] = count.to_be_bytes();
        let mut rest = [high & 0x0f, low, 0, 0, 0, 0, 0, 0, 0, 0];
        rest[2..].copy_from_slice(&self.random().to_be_bytes());
        let millis = u64::try_from(self.now()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &rest).into_uuid().to_string()
    }

    /// A delay before an access to the database: mostly none, sometimes some milliseconds.
    pub(crate) async fn delay(&self) {
        match self.random() % 16 {
            0 => tokio::time::sleep(Duration::from_millis(1 + self.random() % 5)).await,
            1..=3 => tokio::task::yield_now().await,
            _ => {}
        }
    }
}
