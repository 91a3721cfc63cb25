//! The state of parsing one request: its dialect, and the leniencies that it needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::dialect::Dialect;
use super::leniency::Leniency;

/// The dialect in which a request is parsed, and the leniencies used so far.
#[derive(Clone, Debug)]
pub struct Reading {
    dialect: Dialect,
    largest: Option<usize>,
    copied: usize,
    fired: u32,
    needed: Option<Arc<LeniencyCounts>>,
}

/// For each leniency, the number of requests that needed it.
#[derive(Debug, Default)]
pub struct LeniencyCounts([AtomicU64; Leniency::ALL.len()]);

impl LeniencyCounts {
    /// The leniencies that were needed and their counts, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (Leniency, u64)> {
        let times = self.0.iter().map(|times| times.load(Ordering::Relaxed));
        Leniency::ALL.into_iter().zip(times).filter(|(_, times)| *times > 0)
    }
}

impl Reading {
    /// The state before parsing; no leniency is used yet.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, largest: None, copied: 0, fired: 0, needed: None }
    }

    /// The same, with the leniencies counted in `needed`.
    pub fn counted(dialect: Dialect, needed: Arc<LeniencyCounts>) -> Self {
        Self { dialect, largest: None, copied: 0, fired: 0, needed: Some(needed) }
    }

    /// The same, for a request of an identity provider: values are bounded (`resource::size`), and a resource
    /// has at most so many bytes.
    pub fn bounded(self, largest: usize) -> Self {
        Self { largest: Some(largest), ..self }
    }

    /// The most bytes of a resource; none if nothing is bounded, as in what operators write.
    pub(in crate::scim) fn largest(&self) -> Option<usize> {
        self.largest
    }

    /// Notes that the request writes so many bytes more than it has, since one value goes to many places. Returns
    /// whether it may.
    pub(in crate::scim) fn copies(&mut self, bytes: usize) -> bool {
        self.copied = self.copied.saturating_add(bytes);
        self.largest.is_none_or(|largest| self.copied <= largest / 4)
    }

    /// The dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the dialect allows this leniency; if so, the use is recorded.
    pub fn allows(&mut self, leniency: Leniency) -> bool {
        let allowed = self.dialect.allows(leniency);
        if allowed {
            self.note(leniency);
        }
        allowed
    }

    /// Records the use of a leniency that a setting of the tenant allows.
    pub fn note(&mut self, leniency: Leniency) {
        if self.fired & bit(leniency) == 0 {
            self.fired |= bit(leniency);
            if let Some(needed) = &self.needed {
                needed.0[leniency as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The leniencies used so far, each once, in alphabetical order.
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
    fn each_used_leniency_is_recorded_once() {
        let mut reading = Reading::new(Dialect::Generic);
        assert!(reading.allows(Leniency::StringForBoolean));
        assert!(reading.allows(Leniency::BareValue));
        assert!(reading.allows(Leniency::StringForBoolean));
        let fired: Vec<_> = reading.fired().collect();
        assert_eq!(fired, [Leniency::BareValue, Leniency::StringForBoolean]);
    }

    #[test]
    fn each_used_leniency_is_counted_once_per_request() {
        let needed = Arc::new(LeniencyCounts::default());
        for _ in 0..3 {
            let mut reading = Reading::counted(Dialect::Okta, Arc::clone(&needed));
            assert!(
                reading.allows(Leniency::OperationCase) && reading.allows(Leniency::OperationCase)
            );
        }
        assert_eq!(needed.iter().collect::<Vec<_>>(), [(Leniency::OperationCase, 3)]);
        let places = Leniency::ALL.into_iter().map(|leniency| leniency as usize);
        assert!(places.eq(0..Leniency::ALL.len()), "each leniency has its own index");
    }

    #[test]
    fn a_leniency_that_is_not_allowed_is_not_recorded() {
        let mut reading = Reading::new(Dialect::Strict);
        assert!(!reading.allows(Leniency::OperationCase));
        assert_eq!(reading.fired().count(), 0);
    }
}
