//! The reading of one request: in which dialect, and which leniencies it needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::dialect::Dialect;
use super::leniency::Leniency;

/// How a request is read, and what that took.
#[derive(Clone, Debug)]
pub struct Reading {
    dialect: Dialect,
    fired: u32,
    needed: Option<Arc<Needed>>,
}

/// In how many readings each leniency was needed.
#[derive(Debug, Default)]
pub struct Needed([AtomicU64; Leniency::ALL.len()]);

impl Needed {
    /// Those that were needed and how often, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (Leniency, u64)> {
        let times = self.0.iter().map(|times| times.load(Ordering::Relaxed));
        Leniency::ALL.into_iter().zip(times).filter(|(_, times)| *times > 0)
    }
}

impl Reading {
    /// The beginning of a reading: nothing has fired.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, fired: 0, needed: None }
    }

    /// The beginning of a reading that is counted.
    pub fn counted(dialect: Dialect, needed: Arc<Needed>) -> Self {
        Self { dialect, fired: 0, needed: Some(needed) }
    }

    /// The dialect that is read.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the dialect has this leniency; if it has, that it fired is remembered.
    pub fn allows(&mut self, leniency: Leniency) -> bool {
        let allowed = self.dialect.allows(leniency);
        if allowed && self.fired & bit(leniency) == 0 {
            self.fired |= bit(leniency);
            if let Some(needed) = &self.needed {
                needed.0[leniency as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
        allowed
    }

    /// What fired so far, each once, in alphabetical order.
    pub fn fired(&self) -> impl Iterator<Item = Leniency> {
        let fired = self.fired;
        Leniency::ALL.into_iter().filter(move |it| fired & bit(*it) != 0)
    }
}

fn bit(leniency: Leniency) -> u32 {
    1 << leniency as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fired_is_remembered_once() {
        let mut reading = Reading::new(Dialect::Generic);
        assert!(reading.allows(Leniency::StringForBoolean));
        assert!(reading.allows(Leniency::BareValue));
        assert!(reading.allows(Leniency::StringForBoolean));
        let fired: Vec<_> = reading.fired().collect();
        assert_eq!(fired, [Leniency::BareValue, Leniency::StringForBoolean]);
    }

    #[test]
    fn what_was_needed_is_counted_once_for_each_reading() {
        let needed = Arc::new(Needed::default());
        for _ in 0..3 {
            let mut reading = Reading::counted(Dialect::Okta, Arc::clone(&needed));
            assert!(reading.allows(Leniency::Pathless) && reading.allows(Leniency::Pathless));
        }
        assert_eq!(needed.iter().collect::<Vec<_>>(), [(Leniency::Pathless, 3)]);
        let places = Leniency::ALL.into_iter().map(|leniency| leniency as usize);
        assert!(places.eq(0..Leniency::ALL.len()), "each has a place of its own");
    }

    #[test]
    fn what_is_not_allowed_does_not_fire() {
        let mut reading = Reading::new(Dialect::Strict);
        assert!(!reading.allows(Leniency::OperationCase));
        assert_eq!(reading.fired().count(), 0);
    }
}
