//! The reading of one request: in which dialect, and which leniencies it needed.

use super::dialect::Dialect;
use super::leniency::Leniency;

/// How a request is read, and what that took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    dialect: Dialect,
    fired: u32,
}

impl Reading {
    /// The beginning of a reading: nothing has fired.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, fired: 0 }
    }

    /// The dialect that is read.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the dialect has this leniency; if it has, that it fired is remembered.
    pub fn allows(&mut self, leniency: Leniency) -> bool {
        let allowed = self.dialect.allows(leniency);
        if allowed {
            self.fired |= bit(leniency);
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
    fn what_is_not_allowed_does_not_fire() {
        let mut reading = Reading::new(Dialect::Strict);
        assert!(!reading.allows(Leniency::OperationCase));
        assert_eq!(reading.fired().count(), 0);
    }
}
