//! The options of a host, fixed when it starts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::connector::{Keyring, Runtime};
use crate::delivery::{OutboundRules, SimulatedNetwork};

/// The options of a host.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The directory of the database and the host key.
    pub data: PathBuf,
    /// The directory of compiled connectors.
    pub compiled: PathBuf,
    /// The URL under which identity providers reach this host, without a trailing slash.
    pub public_url: String,
    /// The `muster` binary, which compiles connectors in a child process.
    pub compiler: PathBuf,
    /// The longest time until a request is answered. Okta closes its socket after 60 s.
    pub answer_within: Duration,
    /// Threads for decisions of connectors that are not quick.
    pub deciding_threads: usize,
    /// The shortest pause between two passes of a job over the people who are left.
    pub job_pause: Duration,
    /// The most operations of one tenant that may be open. Beyond, its identity provider must
    /// retry later.
    pub open_operations: usize,
    /// How many requests of a tenant are answered; a tenant may have another rate.
    pub request_rate: RequestRate,
    /// The most bytes of a resource that an identity provider writes, as JSON and without members.
    pub largest_resource: usize,
    /// The pauses between the tries of an operation.
    pub back_off: BackOff,
    /// How long the host keeps trying something that grants or changes access, after the last request
    /// that asked for it was told to retry later. What takes access away is never given up.
    pub grant_patience: Duration,
    /// The longest life of a call: after this time, none that left can still arrive at the app.
    pub longest_call: Duration,
    /// The trusted keys: one of them must have signed a connector that does not come with the
    /// host. If empty, any connector is loaded.
    pub trusted_keys: Keyring,
    /// What endpoints may use of the host's machine and network.
    pub outbound: OutboundRules,
    /// What a simulation has in place of the host's own; none for a host that serves.
    pub simulated: Option<Simulated>,
}

/// The surroundings of a host in a simulation; its clock is simulated as well.
#[derive(Clone)]
pub struct Simulated {
    /// The app.
    pub network: SimulatedNetwork,
    /// A runtime without threads, which the hosts of a simulation share.
    pub runtime: Arc<Runtime>,
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").finish_non_exhaustive()
    }
}

/// How many requests of a tenant are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestRate {
    /// In a second, for long; 0: no limit.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// The pauses between the tries of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// After the first try; it doubles from try to try.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self { first: Duration::from_secs(5), longest: Duration::from_secs(3600) }
    }
}

impl BackOff {
    /// The pause after a try, if so many came before it.
    pub(super) fn after(self, tries: u32) -> Duration {
        self.first.saturating_mul(1 << tries.min(12)).min(self.longest)
    }
}
