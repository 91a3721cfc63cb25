//! The options of a host, fixed from its start to its end.

use std::path::PathBuf;
use std::time::Duration;

use crate::connector::Keyring;

/// What a host needs to know before it starts.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Where database and key live.
    pub data: PathBuf,
    /// Where compiled connectors are kept.
    pub compiled: PathBuf,
    /// How identity providers reach this host, without a slash at the end.
    pub public_url: String,
    /// The `muster` binary, which compiles connectors in a process of its own.
    pub compiler: PathBuf,
    /// How long an identity provider waits at most. Okta closes its socket after 60 s.
    pub answer_within: Duration,
    /// Threads for decisions of connectors that are not quick.
    pub deciding_threads: usize,
    /// The shortest pause between two passes of a job over the people who are left.
    pub job_pause: Duration,
    /// How many operations of one tenant may be open. Beyond, its identity provider must retry
    /// later.
    pub open_operations: usize,
    /// The keys that a connector must be signed with, unless it comes with the host. If empty,
    /// any connector is loaded.
    pub trusted_keys: Keyring,
}
