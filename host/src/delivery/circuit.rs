//! Circuit breakers: after repeated failures to reach an app, requests to it fail at once for a while.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The consecutive failures that open a circuit.
const FAILURES: u32 = 10;
/// Failures further apart than this are not consecutive.
const IN_A_ROW: Duration = Duration::from_secs(60);
/// How long a circuit is open before one request may probe the app.
const OPEN: Duration = Duration::from_secs(5);

/// The circuits of all endpoints, by address. Only failing endpoints have an entry.
#[derive(Debug, Default)]
pub(super) struct Circuits(Mutex<HashMap<String, Circuit>>);

#[derive(Debug)]
struct Circuit {
    failures: u32,
    last: Instant,
    probing: bool,
}

/// Permission to send one request. Dropped without a result, it leaves the circuit as it was.
pub(super) struct SendPermit<'a> {
    circuits: &'a Circuits,
    address: &'a str,
    probe: bool,
}

impl Circuits {
    /// Permission to send a request; none while the circuit is open or another request probes it.
    pub(super) fn enter<'a>(&'a self, address: &'a str, now: Instant) -> Option<SendPermit<'a>> {
        let mut probe = false;
        self.with(|circuits| match circuits.get_mut(address) {
            Some(circuit) if circuit.failures >= FAILURES => {
                probe = !circuit.probing && now - circuit.last >= OPEN;
                circuit.probing |= probe;
                probe
            }
            _ => true,
        })
        .then(|| SendPermit { circuits: self, address, probe })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Circuit>) -> T) -> T {
        // Each change is a single step, so a poisoned lock protects consistent data.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SendPermit<'_> {
    /// The app responded, with whichever status: resets the count of failures.
    pub(super) fn answered(self) {
        self.circuits.with(|circuits| circuits.remove(self.address));
    }

    /// The app could not be reached, or did not respond in time. True if that opened the circuit.
    pub(super) fn failed(self, now: Instant) -> bool {
        self.circuits.with(|circuits| {
            let circuit = circuits.entry(self.address.to_owned()).or_insert(Circuit {
                failures: 0,
                last: now,
                probing: false,
            });
            // A request that was sent before the circuit opened does not keep it open for longer.
            if circuit.failures >= FAILURES && !self.probe {
                return false;
            }
            if circuit.failures < FAILURES && now - circuit.last > IN_A_ROW {
                circuit.failures = 0;
            }
            circuit.failures = (circuit.failures + 1).min(FAILURES);
            circuit.last = now;
            circuit.failures == FAILURES
        })
    }
}

impl Drop for SendPermit<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.circuits.with(|circuits| {
                if let Some(circuit) = circuits.get_mut(self.address) {
                    circuit.probing = false;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "https://app.example";
    const MOMENT: Duration = Duration::from_millis(1);

    #[track_caller]
    fn fail(circuits: &Circuits, now: Instant, times: u32) {
        for _ in 0..times {
            circuits.enter(APP, now).expect("the circuit is closed").failed(now);
        }
    }

    #[test]
    fn ten_failures_in_a_row_open_the_circuit_of_that_app_alone() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, now, FAILURES - 1);
        assert!(circuits.enter(APP, now).unwrap().failed(now));
        assert!(circuits.enter(APP, now).is_none());
        assert!(circuits.enter("https://other.example", now).is_some());
    }

    #[test]
    fn a_response_resets_the_count_of_failures() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, now, FAILURES - 1);
        circuits.enter(APP, now).unwrap().answered();
        fail(&circuits, now, FAILURES - 1);
        assert!(circuits.enter(APP, now).is_some());
    }

    #[test]
    fn failures_far_apart_are_not_consecutive() {
        let (circuits, mut now) = (Circuits::default(), Instant::now());
        for _ in 0..2 * FAILURES {
            fail(&circuits, now, 1);
            now += IN_A_ROW + MOMENT;
        }
        assert!(circuits.enter(APP, now).is_some());
    }

    #[test]
    fn an_open_circuit_allows_one_probe_after_a_while() {
        let (circuits, opened) = (Circuits::default(), Instant::now());
        fail(&circuits, opened, FAILURES);
        assert!(circuits.enter(APP, opened + OPEN - MOMENT).is_none());
        let later = opened + OPEN;
        let probe = circuits.enter(APP, later).unwrap();
        assert!(circuits.enter(APP, later).is_none());
        assert!(probe.failed(later));
        assert!(circuits.enter(APP, later + OPEN - MOMENT).is_none());
        circuits.enter(APP, later + OPEN).unwrap().answered();
        assert!(circuits.enter(APP, later + OPEN).is_some());
    }

    #[test]
    fn an_abandoned_probe_allows_the_next_one() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, now, FAILURES);
        drop(circuits.enter(APP, now + OPEN).unwrap());
        assert!(circuits.enter(APP, now + OPEN).is_some());
    }

    #[test]
    fn a_late_failure_does_not_keep_a_circuit_open() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        let late = circuits.enter(APP, now).unwrap();
        fail(&circuits, now, FAILURES);
        assert!(!late.failed(now + OPEN));
        assert!(circuits.enter(APP, now + OPEN).is_some());
    }
}
