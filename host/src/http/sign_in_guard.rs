//! Failed sign-ins: counted by source and by token id, and answered late and with 429 if there are many.
//!
//! The token is looked at first, so that a client with the right one is never held up by others that have
//! the same address or know its token's id. The tables are bounded, and forget what was seen least.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::log_interval::LogInterval;
use crate::scim;

/// The time in which failures are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// How late a failure is answered beyond the free ones.
const PAUSE: Duration = Duration::from_secs(1);
/// The most failures that wait for their answers. Others get theirs at once, and take no connection longer.
const WAITING: usize = 64;
/// The most sources, and the most token ids, that are remembered.
const REMEMBERED: usize = 4096;
/// Characters of the id of a token that are remembered; muster's own have twelve.
const LONGEST_ID: usize = 32;

/// The failed sign-ins of the last minutes.
#[derive(Debug)]
pub(super) struct SignInGuard {
    /// How many are answered at once, in a minute; 0: all.
    free: u32,
    sources: Cache<IpAddr, Arc<Mutex<Failures>>>,
    tokens: Cache<String, Arc<Mutex<Failures>>>,
    waiting: Semaphore,
}

/// The failures of one source, or with one token id.
#[derive(Debug, Default)]
struct Failures {
    began: Option<Instant>,
    count: u32,
    log: LogInterval,
}

impl SignInGuard {
    pub(super) fn new(free: u32) -> Self {
        Self {
            free,
            sources: Cache::new(REMEMBERED),
            tokens: Cache::new(REMEMBERED),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// Counts a failure, and returns the answer when it is time for it.
    pub(super) async fn answer(&self, source: Option<IpAddr>, token: Option<&str>) -> scim::Error {
        let now = Instant::now();
        let by_source = source.and_then(|source| self.count_source(source, now));
        let id: Option<String> = token.map(|id| id.chars().take(LONGEST_ID).collect());
        let by_token = id.and_then(|id| {
            let failures = entry(&self.tokens, id);
            failures.lock().unwrap_or_else(PoisonError::into_inner).count(now, self.free)
        });
        let Some(left) = by_source.max(by_token) else { return denied() };
        if let Ok(_waiting) = self.waiting.try_acquire() {
            sleep(PAUSE).await;
        }
        too_many(left)
    }

    /// Also logs it: one line a minute for each source.
    fn count_source(&self, source: IpAddr, now: Instant) -> Option<Duration> {
        let failures = entry(&self.sources, source);
        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(times) = failures.log.count(now) {
            tracing::warn!(%source, times, "http: sign-ins failed");
        }
        failures.count(now, self.free)
    }
}

fn entry<K: Clone + Eq + Hash>(
    table: &Cache<K, Arc<Mutex<Failures>>>,
    key: K,
) -> Arc<Mutex<Failures>> {
    if let Some(known) = table.get(&key) {
        return known;
    }
    let new = Arc::default();
    table.insert(key, Arc::clone(&new));
    new
}

impl Failures {
    /// Counts one. If it is beyond the free ones, returns the time until there are free ones again.
    fn count(&mut self, now: Instant, free: u32) -> Option<Duration> {
        let began = *self.began.get_or_insert(now);
        if now >= began + WINDOW {
            (self.began, self.count) = (Some(now), 0);
        }
        self.count = self.count.saturating_add(1);
        let end = self.began.unwrap_or(now) + WINDOW;
        (free > 0 && self.count > free).then(|| end.saturating_duration_since(now))
    }
}

fn denied() -> scim::Error {
    scim::Error::new(401, "the credentials are missing, wrong, expired or revoked")
}

fn too_many(left: Duration) -> scim::Error {
    let seconds = u32::try_from(left.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let detail = "too many sign-ins failed: the credentials are missing, wrong, expired or revoked";
    scim::Error::new(429, detail).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_beyond_the_free_ones_wait_until_the_minute_is_over() {
        let mut failures = Failures::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let counted = [0, 1, 20, 59, 60, 61].map(|second| failures.count(at(second), 2));
        let left = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(counted, [None, None, left(40), left(1), None, None]);
        assert_eq!(failures.count(at(62), 0), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_with_many_addresses_and_ids_takes_no_more_memory() {
        let failed = SignInGuard::new(1);
        for n in 0..3 * u32::try_from(REMEMBERED).unwrap() {
            let source = IpAddr::V4(n.into());
            failed.answer(Some(source), Some(&format!("{n}{}", "x".repeat(1000)))).await;
        }
        assert!(failed.sources.len() <= REMEMBERED && failed.tokens.len() <= REMEMBERED);
    }
}
