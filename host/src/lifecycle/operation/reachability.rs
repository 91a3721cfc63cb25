//! Apps that do not answer. One of the operations that wait for such an app tries it within seconds, and
//! again every few seconds; when it answers again, all of them are due.
//!
//! Which call an app does not answer may be a matter of the call: an app may answer 500 to what it
//! does to one person, and serve all others. Then it "answers again" with each other call, and the
//! same operation must not be tried as often: the pause doubles each time that an app stops answering
//! soon after it has answered. An app that only reads for a while (maintenance, a full disk) answers
//! again with a call that changes something, no matter how many reads it has answered.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::lifecycle::options::BackOff;

/// The pause from a call without an answer until the app is tried again, unless the first back-off is
/// shorter.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest time between two tries of an app, unless it is longer to begin with.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// An app that answers for so many pauses counts as steady.
const STEADY: u32 = 4;

/// The apps that did not answer a call.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct UnreachableApps(Mutex<HashMap<String, UnreachableApp>>);

#[derive(Debug)]
struct UnreachableApp {
    /// The time from a call without an answer until the app is tried, or believed, again.
    pause: Duration,
    /// From when on an answer is believed.
    believed: Instant,
    /// When it is tried, and how long after that it is tried again.
    tried: Instant,
    again: Duration,
    /// Until when the app asked not to be called.
    wait_until: Option<Instant>,
    /// When it answered again; none while it does not.
    answered: Option<Instant>,
    /// Whether it did not answer a call that changes something.
    refuses_changes: bool,
}

/// A call of an app.
#[derive(Debug, Clone, Copy)]
pub(in crate::lifecycle) struct AppCall<'a> {
    pub(in crate::lifecycle) app: &'a str,
    pub(in crate::lifecycle) only_reads: bool,
    pub(in crate::lifecycle) began: Instant,
    pub(in crate::lifecycle) ended: Instant,
}

impl UnreachableApps {
    /// Notes a call without an answer. `requested` is how long the app asked to wait.
    pub(in crate::lifecycle) fn failed(
        &self,
        call: AppCall<'_>,
        requested: Option<Duration>,
        back_off: BackOff,
    ) {
        let now = call.ended;
        let mut apps = self.locked();
        let first = back_off.first.min(PAUSE);
        let known = apps.entry(call.app.to_owned()).or_insert_with(|| UnreachableApp {
            pause: first,
            believed: now + first,
            tried: now + first,
            again: first,
            wait_until: None,
            answered: None,
            refuses_changes: false,
        });
        known.refuses_changes |= !call.only_reads;
        if let Some(answered) = known.answered.take() {
            known.refuses_changes = !call.only_reads;
            let steady = now - answered > known.pause * STEADY;
            // A call that began before says nothing about the app since.
            if steady {
                known.pause = first;
            } else if call.began >= answered {
                known.pause = (known.pause * 2).min(back_off.longest);
            }
            known.believed = now + known.pause;
            (known.tried, known.again) = (known.believed, known.pause);
        }
        let requested = requested.map(|wait| now + wait.min(back_off.longest));
        known.wait_until = known.wait_until.max(requested);
    }

    /// Notes an answer. If the app answers again, what waits for it is due after the returned time,
    /// which is what the app has asked for.
    pub(in crate::lifecycle) fn answered(&self, call: AppCall<'_>) -> Option<Duration> {
        let now = call.ended;
        let mut apps = self.locked();
        let known = apps.get_mut(call.app).filter(|known| known.answered.is_none())?;
        if now < known.believed || known.refuses_changes && call.only_reads {
            return None;
        }
        known.answered = Some(now);
        let wait_until = known.wait_until.take();
        Some(wait_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now)))
    }

    /// The apps that are to be tried now; each is returned again after some time only.
    pub(in crate::lifecycle) fn to_try(&self, now: Instant) -> Vec<String> {
        let mut apps = self.locked();
        let mut found = Vec::new();
        for (app, known) in apps.iter_mut() {
            let waits = known.wait_until.is_some_and(|until| now < until);
            if known.answered.is_none() && known.tried <= now && !waits {
                known.tried = now + known.again;
                known.again = (known.again * 2).min(LONGEST_PAUSE.max(known.pause));
                found.push(app.clone());
            }
        }
        found.sort();
        found
    }

    /// Forgets an app for which nothing waits.
    pub(in crate::lifecycle) fn forget(&self, app: &str) {
        self.locked().remove(app);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, UnreachableApp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK_OFF: BackOff =
        BackOff { first: Duration::from_secs(5), longest: Duration::from_secs(60) };

    /// The apps, and a clock that starts at zero.
    struct Bench(UnreachableApps, Instant);

    impl Bench {
        fn new() -> Self {
            Self(UnreachableApps::default(), Instant::now())
        }

        fn at(&self, seconds: u64) -> Instant {
            self.1 + Duration::from_secs(seconds)
        }

        /// A call that changes something, and is over at once.
        fn call(&self, seconds: u64) -> AppCall<'static> {
            let at = self.at(seconds);
            AppCall { app: "crm", only_reads: false, began: at, ended: at }
        }

        fn failed(&self, seconds: u64) {
            self.failed_for(seconds, None);
        }

        /// The app asked to wait so many seconds.
        fn failed_for(&self, seconds: u64, requested: Option<u64>) {
            let requested = requested.map(Duration::from_secs);
            self.0.failed(self.call(seconds), requested, BACK_OFF);
        }

        /// In how many seconds what waits is due, if the app answers again.
        fn answered(&self, seconds: u64) -> Option<u64> {
            self.0.answered(self.call(seconds)).map(|wait| wait.as_secs())
        }

        fn to_try(&self, seconds: u64) -> usize {
            self.0.to_try(self.at(seconds)).len()
        }
    }

    #[test]
    fn an_app_answers_again_after_calls_without_an_answer() {
        let bench = Bench::new();
        assert_eq!(bench.answered(0), None);
        bench.failed(0);
        bench.failed(1);
        assert_eq!(bench.0.answered(AppCall { app: "wiki", ..bench.call(9) }), None);
        assert_eq!(bench.answered(9), Some(0));
        assert_eq!(bench.answered(10), None);
    }

    #[test]
    fn an_app_that_does_not_answer_is_tried_after_each_pause() {
        let bench = Bench::new();
        bench.failed(0);
        let tried: Vec<u64> = (0..40).filter(|second| bench.to_try(*second) == 1).collect();
        assert_eq!(tried, [2, 4, 8, 16, 26, 36]);
        bench.failed(41);
        assert_eq!(bench.to_try(46), 1);
        // The answer to that try.
        assert_eq!(bench.answered(46), Some(0));
        assert_eq!(bench.to_try(99), 0);
    }

    #[test]
    fn what_the_app_asked_for_is_kept_when_it_answers_another_call() {
        let bench = Bench::new();
        bench.failed_for(0, Some(30));
        bench.failed_for(0, Some(10));
        assert_eq!(bench.to_try(29), 0);
        assert_eq!(bench.answered(20), Some(10));
        bench.failed_for(100, Some(9999));
        assert_eq!(bench.answered(110), Some(50), "no longer than the longest back-off");
    }

    #[test]
    fn an_app_that_answers_some_calls_only_is_believed_less_and_less_often() {
        let bench = Bench::new();
        let mut believed = Vec::new();
        for second in 0..200 {
            bench.failed(second);
            if bench.answered(second).is_some() {
                believed.push(second);
            }
        }
        assert_eq!(believed, [2, 7, 16, 33, 66, 127, 188]);
        // It answers everything for some time.
        assert_eq!(bench.answered(300), Some(0));
        bench.failed(1000);
        assert_eq!(bench.answered(1001), None);
        assert_eq!(bench.answered(1002), Some(0));
    }
    #[test]
    fn an_app_that_only_reads_answers_again_when_it_takes_a_change() {
        let bench = Bench::new();
        bench.failed(0);
        let read = AppCall { only_reads: true, ..bench.call(5) };
        assert_eq!(bench.0.answered(read), None);
        bench.failed(6);
        assert_eq!(bench.answered(7), Some(0));
        // And one that did not even read, when it reads.
        bench.0.failed(AppCall { only_reads: true, ..bench.call(20) }, None, BACK_OFF);
        let read = AppCall { only_reads: true, ..bench.call(30) };
        assert_eq!(bench.0.answered(read), Some(Duration::ZERO));
    }

    #[test]
    fn a_call_that_began_before_the_app_answered_again_does_not_make_it_less_believed() {
        let bench = Bench::new();
        bench.failed(0);
        assert_eq!(bench.answered(10), Some(0));
        bench.0.failed(AppCall { began: bench.at(9), ..bench.call(11) }, None, BACK_OFF);
        // It is tried again as soon as the first time.
        assert_eq!((bench.to_try(12), bench.to_try(13)), (0, 1));
        assert_eq!(bench.answered(13), Some(0));
        bench.failed(14);
        assert_eq!((bench.to_try(16), bench.to_try(18)), (0, 1));
    }
}
