//! Leaves an app alone that has not been reachable of late, so that waiting for it ends.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// So many failures in a row open a circuit.
const FAILURES: u32 = 10;
/// Failures further apart than this are not a row.
const IN_A_ROW: Duration = Duration::from_secs(60);
/// How long nothing is sent before one request tries again.
const OPEN: Duration = Duration::from_secs(15);

/// The circuits of all endpoints, by address. Only the failing ones take any room.
#[derive(Debug, Default)]
pub(super) struct Circuits(Mutex<HashMap<String, Circuit>>);

#[derive(Debug)]
struct Circuit {
    failures: u32,
    last: Instant,
    probing: bool,
}

/// The right to send one request; dropped without a word, it leaves the circuit as it was.
pub(super) struct Pass<'a> {
    circuits: &'a Circuits,
    address: &'a str,
    probe: bool,
}

impl Circuits {
    /// Asks to send a request. None while the circuit is open, or another request is probing it.
    pub(super) fn enter<'a>(&'a self, address: &'a str, now: Instant) -> Option<Pass<'a>> {
        let mut probe = false;
        self.with(|circuits| match circuits.get_mut(address) {
            Some(circuit) if circuit.failures >= FAILURES => {
                probe = !circuit.probing && now - circuit.last >= OPEN;
                circuit.probing |= probe;
                probe
            }
            _ => true,
        })
        .then(|| Pass { circuits: self, address, probe })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Circuit>) -> T) -> T {
        // Each change is a single step, so a panic elsewhere leaves nothing half-done.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pass<'_> {
    /// The app answered, whatever it said: the row of failures is over.
    pub(super) fn answered(self) {
        self.circuits.with(|circuits| circuits.remove(self.address));
    }

    /// The app could not be reached, or did not answer in time. True if that opened the circuit.
    pub(super) fn failed(self, now: Instant) -> bool {
        self.circuits.with(|circuits| {
            let circuit = circuits.entry(self.address.to_owned()).or_insert(Circuit {
                failures: 0,
                last: now,
                probing: false,
            });
            // What was on its way when the circuit opened does not keep it open for longer.
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

impl Drop for Pass<'_> {
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
    fn an_answer_ends_the_row() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, now, FAILURES - 1);
        circuits.enter(APP, now).unwrap().answered();
        fail(&circuits, now, FAILURES - 1);
        assert!(circuits.enter(APP, now).is_some());
    }

    #[test]
    fn failures_far_apart_are_not_a_row() {
        let (circuits, mut now) = (Circuits::default(), Instant::now());
        for _ in 0..2 * FAILURES {
            fail(&circuits, now, 1);
            now += IN_A_ROW + MOMENT;
        }
        assert!(circuits.enter(APP, now).is_some());
    }

    #[test]
    fn an_open_circuit_lets_one_request_try_after_a_while() {
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
    fn a_probe_that_is_abandoned_lets_the_next_one_try() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        fail(&circuits, now, FAILURES);
        drop(circuits.enter(APP, now + OPEN).unwrap());
        assert!(circuits.enter(APP, now + OPEN).is_some());
    }

    #[test]
    fn stragglers_do_not_keep_a_circuit_open() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        let straggler = circuits.enter(APP, now).unwrap();
        fail(&circuits, now, FAILURES);
        assert!(!straggler.failed(now + OPEN));
        assert!(circuits.enter(APP, now + OPEN).is_some());
    }
}
