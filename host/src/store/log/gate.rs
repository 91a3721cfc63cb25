//! The gate before long reads: it holds them back for a moment, so that the log can begin again.
//!
//! Point reads do not pass it: they end while the writer waits for them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// No read is held back longer.
const LONGEST: Duration = Duration::from_secs(15);

/// The gate.
#[derive(Debug, Default)]
pub(in crate::store) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    holds_scans: bool,
    holds_all: bool,
    /// How many scans run.
    scans: usize,
    /// How many other reads run.
    others: usize,
}

impl GateState {
    fn holds(&self, is_scan: bool) -> bool {
        self.holds_all || is_scan && self.holds_scans
    }

    fn count(&mut self, is_scan: bool) -> &mut usize {
        if is_scan { &mut self.scans } else { &mut self.others }
    }
}

impl Gate {
    /// Lets a read begin, when the gate is open. A scan may take seconds.
    pub(in crate::store) fn enter(&self, is_scan: bool) -> GatedRead<'_> {
        let waits = |state: &mut GateState| state.holds(is_scan);
        let waited = self.changed.wait_timeout_while(self.state(), LONGEST, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *state.count(is_scan) += 1;
        GatedRead { gate: self, is_scan }
    }

    /// Holds back scans, and with [`Hold::all`] every read, until the hold is dropped.
    pub(super) fn hold(&self) -> Hold<'_> {
        self.state().holds_scans = true;
        Hold(self)
    }

    /// Waits for the end of the scans that run. True if none is left.
    pub(super) fn scans_end_within(&self, patience: Duration) -> bool {
        self.end_within(patience, |state| state.scans == 0)
    }

    /// The same for all reads.
    pub(super) fn reads_end_within(&self, patience: Duration) -> bool {
        self.end_within(patience, |state| state.scans + state.others == 0)
    }

    fn end_within(&self, patience: Duration, ended: impl Fn(&GateState) -> bool) -> bool {
        let end = Instant::now() + patience;
        let mut state = self.state();
        while !ended(&state) {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read that has passed the gate and runs until this is dropped.
pub(in crate::store) struct GatedRead<'g> {
    gate: &'g Gate,
    is_scan: bool,
}

impl Drop for GatedRead<'_> {
    fn drop(&mut self) {
        *self.gate.state().count(self.is_scan) -= 1;
        self.gate.changed.notify_all();
    }
}

/// Holds reads back until it is dropped.
pub(super) struct Hold<'g>(&'g Gate);

impl Hold<'_> {
    /// Holds back every read.
    pub(super) fn all(&self) {
        self.0.state().holds_all = true;
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        (state.holds_scans, state.holds_all) = (false, false);
        drop(state);
        self.0.changed.notify_all();
    }
}
