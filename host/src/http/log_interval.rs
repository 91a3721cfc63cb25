//! Log lines about what may happen very often: one a minute, with the number of times.

use std::time::Duration;

use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_secs(60);

/// Events of one kind, of which each minute's first is logged.
#[derive(Debug, Default)]
pub(super) struct LogInterval {
    logged: Option<Instant>,
    since: u64,
}

impl LogInterval {
    /// Counts an event. Returns the number of events since the last line if another line is due.
    pub(super) fn count(&mut self, now: Instant) -> Option<u64> {
        self.since += 1;
        if self.logged.is_some_and(|logged| now < logged + INTERVAL) {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_minute_has_the_number_of_events_since_the_line_before() {
        let mut interval = LogInterval::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let lines = [0, 1, 59, 60, 61, 200].map(|second| interval.count(at(second)));
        assert_eq!(lines, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
