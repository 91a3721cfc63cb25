//! The options of a host, fixed when it starts.

use std::path::PathBuf;
use std::time::Duration;

use crate::connector::Keyring;

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
    /// The trusted keys: one of them must have signed a connector that does not come with the
    /// host. If empty, any connector is loaded.
    pub trusted_keys: Keyring,
}
