//! The time of a candidate's decisions, compared with the version that decides now.
//!
//! Both decide the same question in turns, and the shortest of a few times counts, since other work
//! runs on the machine at the same time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::recorded::RecordedDecision;
use crate::connector::{BackgroundDecider, Connector};

/// How often each version decides the same question.
const REPETITIONS: usize = 3;
/// The fewest timed decisions that allow a comparison.
const MIN_TIMED: usize = 8;
/// A candidate is slower if it takes at least so many times as long.
const SLOWER_RATIO: f64 = 1.5;
/// A smaller slowdown is not noticeable.
const MIN_SLOWDOWN: Duration = Duration::from_micros(50);

/// The times of both versions for the same decision.
#[derive(Clone, Debug)]
pub(super) struct TimedDecision {
    operation: String,
    active: Duration,
    candidate: Duration,
}

/// The times of both versions, over all timed decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplayTiming)]
pub struct Timing {
    /// How many decisions were timed.
    pub decisions: usize,
    /// The median time of the version that decides now, in microseconds.
    pub active_micros: u64,
    /// The median time of the candidate, in microseconds.
    pub candidate_micros: u64,
    /// How many times as long the candidate takes: the median of all ratios.
    pub ratio: f64,
    /// Whether the candidate is noticeably slower.
    pub slower: bool,
    /// The operation with the largest ratio.
    pub example: String,
}

impl TimedDecision {
    /// Times the last step of a decision with both versions; none if one of them fails.
    pub(super) fn run(
        decider: &BackgroundDecider<'_>,
        active: &Connector,
        candidate: &Connector,
        past: &RecordedDecision,
    ) -> Option<Self> {
        let question = past.question(past.exchanges.len());
        let mut best = [Duration::MAX; 2];
        for _ in 0..REPETITIONS {
            for (best, connector) in best.iter_mut().zip([active, candidate]) {
                let decided = decider.decide(connector, &question);
                decided.answer.ok()?.ok();
                *best = decided.elapsed.min(*best);
            }
        }
        let [active, candidate] = best;
        Some(Self { operation: past.operation.clone(), active, candidate })
    }

    fn ratio(&self) -> f64 {
        self.candidate.as_secs_f64() / self.active.as_secs_f64().max(1e-9)
    }
}

impl Timing {
    /// Compares all timed decisions; none if there are too few.
    pub(super) fn of(mut timed: Vec<TimedDecision>) -> Option<Self> {
        if timed.len() < MIN_TIMED {
            return None;
        }
        let median = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2]
        };
        let active = median(timed.iter().map(|it| it.active).collect());
        let candidate = median(timed.iter().map(|it| it.candidate).collect());
        timed.sort_unstable_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let ratio = timed[timed.len() / 2].ratio();
        Some(Self {
            decisions: timed.len(),
            active_micros: micros(active),
            candidate_micros: micros(candidate),
            ratio: (ratio * 100.0).round() / 100.0,
            slower: ratio >= SLOWER_RATIO && candidate.saturating_sub(active) >= MIN_SLOWDOWN,
            example: timed.pop().map(|it| it.operation).unwrap_or_default(),
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(micros: &[(u64, u64)], ratio: f64, slower: bool) {
        let decision = |(n, &(active, candidate)): (usize, &(u64, u64))| TimedDecision {
            operation: format!("{n}"),
            active: Duration::from_micros(active),
            candidate: Duration::from_micros(candidate),
        };
        let pace = Timing::of(micros.iter().enumerate().map(decision).collect())
            .expect("enough decisions");
        assert_eq!((pace.ratio, pace.slower), (ratio, slower));
    }

    #[test]
    fn a_candidate_is_slower_if_most_decisions_are_noticeably_slower() {
        check(&[(30, 32); 9], 1.07, false);
        check(&[(30, 60); 9], 2.0, false);
        check(&[(100, 200); 9], 2.0, true);
        // A few disturbed decisions do not count.
        check(&[[(100, 101); 6].as_slice(), &[(100, 9000); 3]].concat(), 1.01, false);
        assert_eq!(Timing::of(Vec::new()), None);
    }
}
