//! Answers that are remembered: of goals that an app refused after a call may have had an effect, and of
//! creations that were answered again.
//!
//! Each refused request costs the app an effect and its undoing. If an identity provider repeats it, and
//! nothing that the decision depends on has changed, the refusal is answered again for some time
//! without asking the app, so that an account does not flap.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::scim;

/// The most goals that are remembered; beyond, the ones that end first are forgotten.
const MOST: usize = 10_000;

/// The remembered refusals.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct RefusedGoals(Mutex<HashMap<String, RefusedGoal>>);

#[derive(Debug)]
struct RefusedGoal {
    answer: scim::Error,
    until: Instant,
    times: u32,
}

impl RefusedGoals {
    pub(in crate::lifecycle) fn answer(&self, key: &str, now: Instant) -> Option<scim::Error> {
        let goals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        goals.get(key).filter(|goal| goal.until > now).map(|goal| goal.answer.clone())
    }

    pub(in crate::lifecycle) fn remember(
        &self,
        key: String,
        answer: scim::Error,
        now: Instant,
        wait: impl Fn(u32) -> Duration,
    ) {
        let mut goals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if goals.len() >= MOST {
            goals.retain(|_, goal| goal.until > now);
        }
        if goals.len() >= MOST {
            return;
        }
        let times = goals.get(&key).map_or(0, |goal| goal.times + 1);
        goals.insert(key, RefusedGoal { answer, until: now + wait(times), times });
    }

    pub(in crate::lifecycle) fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Forgets the goals whose keys begin with this.
    pub(in crate::lifecycle) fn forget_all(&self, beginning: &str) {
        let mut goals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        goals.retain(|key, _| !key.starts_with(beginning));
    }

    pub(in crate::lifecycle) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// The creations of before the start that were answered again since.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct AnsweredAgain(Mutex<HashSet<String>>);

impl AnsweredAgain {
    /// Whether the creation is answered again for the first time.
    pub(in crate::lifecycle) fn first(&self, operation: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(operation.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_answered_again_for_a_time_that_grows() {
        let (goals, now) = (RefusedGoals::default(), Instant::now());
        let wait = |times: u32| Duration::from_secs(5 << times);
        let at = |seconds| now + Duration::from_secs(seconds);
        let answer = scim::Error::invalid_value("no seats");
        goals.remember("a".to_owned(), answer.clone(), now, wait);
        assert_eq!(goals.answer("a", at(4)).map(|it| it.detail), Some("no seats".to_owned()));
        assert!(goals.answer("a", at(5)).is_none() && goals.answer("b", now).is_none());
        goals.remember("a".to_owned(), answer, at(5), wait);
        assert!(goals.answer("a", at(14)).is_some() && goals.answer("a", at(15)).is_none());
        goals.forget("a");
        assert!(goals.is_empty());
    }
}
