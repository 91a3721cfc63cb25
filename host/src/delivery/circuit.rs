//! Circuit breakers: after repeated failures to reach an app, requests to it fail at once for a while.
//!
//! Failures are counted for each tenant, and a tenant's own failures open the circuit for that tenant
//! alone. The circuit of an address opens for all of its tenants when several of them see failures and
//! none of them gets an answer, and each adds no more than a share to that count: so a tenant whose
//! calls are never answered keeps no other tenant from the app. An open circuit is probed by one request
//! at a time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The consecutive failures that open a circuit.
const FAILURES: u32 = 10;
/// The most failures of one tenant that count for the circuit of an address.
const SHARE: u32 = FAILURES / 2;
/// Failures further apart than this are not consecutive.
const IN_A_ROW: Duration = Duration::from_secs(60);
/// How long a circuit is open before one request may probe the app.
const OPEN: Duration = Duration::from_secs(5);

/// The circuits of all endpoints, by address. Only failing endpoints have an entry.
#[derive(Debug, Default)]
pub(super) struct Circuits(Mutex<HashMap<String, AddressCircuit>>);

/// The circuit of an address, and those of its tenants that have seen failures.
#[derive(Debug, Default)]
struct AddressCircuit {
    /// Set while it is open for all tenants.
    open: Option<OpenCircuit>,
    /// The tenant of the last failed probe. It waits twice as long as the others for the next one, so
    /// that its failures alone cannot keep the circuit open.
    failed_prober: String,
    tenants: HashMap<String, TenantCircuit>,
}

#[derive(Debug)]
struct TenantCircuit {
    /// The consecutive failures.
    failures: u32,
    /// Those since the last answer to any tenant of the address, at most [`SHARE`].
    share: u32,
    /// The time of the last failure.
    last: Instant,
    /// Set while it is open for this tenant.
    open: Option<OpenCircuit>,
}

#[derive(Debug)]
struct OpenCircuit {
    since: Instant,
    probing: bool,
}

/// The tenants that a circuit opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenedFor {
    /// All tenants of the address.
    All,
    /// The tenant of the request.
    Tenant,
}

/// Permission to send one request. Dropped without a result, it leaves the circuit as it was.
pub(super) struct SendPermit<'a> {
    circuits: &'a Circuits,
    address: &'a str,
    tenant: &'a str,
    probes: Probes,
}

/// The open circuits that a request probes.
#[derive(Clone, Copy, Debug, Default)]
struct Probes {
    address: bool,
    tenant: bool,
}

impl Circuits {
    /// Permission to send a request of this tenant; none while a circuit is open for it, or another
    /// request probes that circuit.
    pub(super) fn enter<'a>(
        &'a self,
        address: &'a str,
        tenant: &'a str,
        now: Instant,
    ) -> Option<SendPermit<'a>> {
        let probes = self.with(|circuits| match circuits.get_mut(address) {
            Some(circuit) => circuit.enter(tenant, now),
            None => Some(Probes::default()),
        });
        probes.map(|probes| SendPermit { circuits: self, address, tenant, probes })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, AddressCircuit>) -> T) -> T {
        // Each change is a single step, so a poisoned lock protects consistent data.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SendPermit<'_> {
    /// The app responded, with whichever status: resets the counts of failures.
    pub(super) fn answered(self) {
        self.circuits.with(|circuits| {
            if circuits.get_mut(self.address).is_some_and(|circuit| circuit.answered(self.tenant)) {
                circuits.remove(self.address);
            }
        });
    }

    /// The app could not be reached, or did not respond in time. Returns for whom that opened a
    /// circuit, if it did.
    pub(super) fn failed(self, now: Instant) -> Option<OpenedFor> {
        self.circuits.with(|circuits| {
            let circuit = circuits.entry(self.address.to_owned()).or_default();
            circuit.failed(self.tenant, self.probes, now)
        })
    }
}

impl Drop for SendPermit<'_> {
    fn drop(&mut self) {
        let Self { circuits, address, tenant, probes } = self;
        if !probes.address && !probes.tenant {
            return;
        }
        circuits.with(|circuits| {
            let Some(circuit) = circuits.get_mut(*address) else { return };
            for open in circuit.probed(tenant, *probes) {
                open.probing = false;
            }
        });
    }
}

impl AddressCircuit {
    fn enter(&mut self, tenant: &str, now: Instant) -> Option<Probes> {
        let own = self.tenants.get(tenant).and_then(|it| it.open.as_ref());
        let pause = if self.failed_prober == tenant { 2 * OPEN } else { OPEN };
        let admits =
            |open: Option<&OpenCircuit>, pause| open.is_none_or(|it| it.admits(pause, now));
        if !admits(self.open.as_ref(), pause) || !admits(own, OPEN) {
            return None;
        }
        let probes = Probes { address: self.open.is_some(), tenant: own.is_some() };
        for open in self.probed(tenant, probes) {
            open.probing = true;
        }
        Some(probes)
    }

    /// The open circuits that a request of this tenant probes.
    fn probed(&mut self, tenant: &str, probes: Probes) -> impl Iterator<Item = &mut OpenCircuit> {
        let own = self.tenants.get_mut(tenant).and_then(|it| it.open.as_mut());
        let address = self.open.as_mut().filter(|_| probes.address);
        address.into_iter().chain(own.filter(|_| probes.tenant))
    }

    /// Notes a response to a tenant. Returns whether nothing of the address is left to remember.
    fn answered(&mut self, tenant: &str) -> bool {
        if self.open.is_some() {
            return true;
        }
        self.tenants.remove(tenant);
        self.tenants.values_mut().for_each(|other| other.share = 0);
        self.tenants.is_empty()
    }

    fn failed(&mut self, tenant: &str, probes: Probes, now: Instant) -> Option<OpenedFor> {
        // Failures further apart are not consecutive.
        self.tenants.retain(|_, it| it.open.is_some() || now - it.last <= IN_A_ROW);
        let own = self.tenants.entry(tenant.to_owned()).or_insert_with(|| TenantCircuit::new(now));
        let opened = own.failed(probes.tenant, now).then_some(OpenedFor::Tenant);
        let opens = match self.open {
            Some(_) => probes.address,
            None => self.shares(now) >= FAILURES,
        };
        // A request that was sent before the circuit opened does not keep it open for longer.
        if !opens {
            return opened;
        }
        if probes.address {
            tenant.clone_into(&mut self.failed_prober);
        }
        self.open = Some(OpenCircuit::new(now));
        Some(OpenedFor::All)
    }

    /// The recent failures of all tenants, as far as they count for the address.
    fn shares(&self, now: Instant) -> u32 {
        let recent = self.tenants.values().filter(|it| now - it.last <= IN_A_ROW);
        recent.map(|it| it.share).sum()
    }
}

impl TenantCircuit {
    fn new(now: Instant) -> Self {
        Self { failures: 0, share: 0, last: now, open: None }
    }

    /// Counts a failure. Returns whether it opened the circuit, or left it open.
    fn failed(&mut self, probe: bool, now: Instant) -> bool {
        self.last = now;
        self.share = (self.share + 1).min(SHARE);
        self.failures = (self.failures + 1).min(FAILURES);
        let opens = probe || self.open.is_none() && self.failures == FAILURES;
        if opens {
            self.open = Some(OpenCircuit::new(now));
        }
        opens
    }
}

impl OpenCircuit {
    fn new(now: Instant) -> Self {
        Self { since: now, probing: false }
    }

    fn admits(&self, pause: Duration, now: Instant) -> bool {
        !self.probing && now - self.since >= pause
    }
}

#[cfg(test)]
mod tests;
