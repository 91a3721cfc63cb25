//! The rate at which a tenant's requests are answered: a token bucket (GCRA), which holds a burst of requests
//! and is filled at the rate.
//!
//! A bucket is one number, so that a request costs one atomic operation, and a change of the rate is in force at
//! once. Unlike a plain limiter it can be charged afterwards, for a bulk request whose operations are not
//! known before it is read, and it says how long a request that may wait has to wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::lifecycle::options::RequestRate;

/// How much more often a tenant may take access away than it may send other requests.
const LEAVERS: u32 = 4;
/// How long a request that takes access away may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest time for which a bulk request can use a bucket up.
const LONGEST_DEBT: Duration = Duration::from_secs(60);

/// The buckets of a tenant: one for its requests, and a larger one for those that may take access away when
/// the first is empty.
#[derive(Debug, Default)]
pub struct RequestBuckets {
    requests: TokenBucket,
    leavers: TokenBucket,
}

impl RequestRate {
    fn interval(self) -> u64 {
        1_000_000_000 / u64::from(self.per_second.max(1))
    }

    fn times(self, factor: u32) -> Self {
        let Self { per_second, burst } = self;
        Self { per_second: per_second.saturating_mul(factor), burst: burst.saturating_mul(factor) }
    }
}

impl RequestBuckets {
    /// Takes a request. If there are too many, returns the time until there is room for one.
    pub fn take(&self, rate: RequestRate) -> Result<(), Duration> {
        if rate.per_second == 0 {
            return Ok(());
        }
        self.requests.take(rate, Duration::ZERO, Instant::now()).map(drop)
    }

    /// Takes a request that may take access away. Returns how long it must wait for its turn, or in how long
    /// it may be sent again.
    pub fn take_leaver(&self, rate: RequestRate) -> Result<Duration, Duration> {
        self.leavers.take(rate.times(LEAVERS), PATIENCE, Instant::now())
    }

    /// Takes further operations of a bulk request: those that take access away, and others.
    pub fn charge(&self, rate: RequestRate, leavers: usize, others: usize) {
        if rate.per_second > 0 {
            let now = Instant::now();
            self.leavers.charge(rate.times(LEAVERS), leavers, PATIENCE, now);
            self.requests.charge(rate, others, LONGEST_DEBT, now);
        }
    }
}

/// A bucket of tokens, of which each request takes one.
#[derive(Debug)]
struct TokenBucket {
    began: Instant,
    /// When the bucket is full again, in nanoseconds after `began`.
    full_at: AtomicU64,
}

impl Default for TokenBucket {
    fn default() -> Self {
        Self { began: Instant::now(), full_at: AtomicU64::new(0) }
    }
}

impl TokenBucket {
    /// Takes a token, which may be one of the near future. Returns the time until it is there; if that is longer
    /// than the patience, nothing is taken.
    fn take(
        &self,
        rate: RequestRate,
        patience: Duration,
        now: Instant,
    ) -> Result<Duration, Duration> {
        let now = self.nanoseconds(now);
        let taken = |full_at: u64| full_at.max(now) + rate.interval();
        let burst = rate.interval() * u64::from(rate.burst.max(1));
        let wait = |full_at| Duration::from_nanos(taken(full_at).saturating_sub(now + burst));
        let take = |full_at| (wait(full_at) <= patience).then(|| taken(full_at));
        let order = Ordering::Relaxed;
        self.full_at.fetch_update(order, order, take).map(wait).map_err(wait)
    }

    /// Takes tokens, also if they are not there, but none beyond the debt.
    fn charge(&self, rate: RequestRate, tokens: usize, debt: Duration, now: Instant) {
        let now = self.nanoseconds(now);
        let cost = rate.interval().saturating_mul(tokens as u64);
        let most = now + rate.interval() * u64::from(rate.burst.max(1)) + nanoseconds(debt);
        let after = |full_at: u64| full_at.max(now).saturating_add(cost).min(most);
        let charged = |full_at| Some(after(full_at).max(full_at));
        // It always charges, and so has no error.
        let _before = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
    }

    fn nanoseconds(&self, now: Instant) -> u64 {
        nanoseconds(now.saturating_duration_since(self.began))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: RequestRate = RequestRate { per_second: 10, burst: 3 };
    const NONE: Duration = Duration::ZERO;

    fn milliseconds(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn a_bucket_holds_a_burst_and_is_filled_at_the_rate() {
        let bucket = TokenBucket::default();
        let at = |time| bucket.began + milliseconds(time);
        let taken = [0, 0, 0, 0, 50, 100, 100].map(|time| bucket.take(RATE, NONE, at(time)));
        let wait = |time| Err(milliseconds(time));
        assert_eq!(taken, [Ok(NONE), Ok(NONE), Ok(NONE), wait(100), wait(50), Ok(NONE), wait(100)]);
        // A long pause fills no more than the burst.
        let after = [0; 4].map(|_| bucket.take(RATE, NONE, at(100_000)).is_ok());
        assert_eq!(after, [true, true, true, false]);
    }

    #[test]
    fn a_request_with_patience_takes_a_token_of_the_future() {
        let bucket = TokenBucket::default();
        let begin = bucket.began;
        let waits = [0; 6].map(|_| bucket.take(RATE, milliseconds(200), begin));
        let in_turn = [0, 0, 0, 100, 200].map(|time| Ok(milliseconds(time)));
        assert_eq!(waits[..5], in_turn);
        assert_eq!(waits[5], Err(milliseconds(300)));
    }

    #[test]
    fn a_charge_is_paid_back_at_the_rate_and_is_bounded() {
        let bucket = TokenBucket::default();
        let begin = bucket.began;
        bucket.charge(RATE, 5, LONGEST_DEBT, begin);
        assert_eq!(bucket.take(RATE, NONE, begin), Err(milliseconds(300)));
        bucket.charge(RATE, usize::MAX, LONGEST_DEBT, begin);
        assert_eq!(bucket.take(RATE, NONE, begin), Err(LONGEST_DEBT + milliseconds(100)));
    }
}
