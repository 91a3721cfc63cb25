//! What endpoints may use of the machine and the network of the host, as the owner of the host allows it in
//! `muster.toml`. An operator of the admin API chooses among it, and cannot add to it.

use std::path::PathBuf;

use ipnet::IpNet;

/// The beginning of the variables that are allowed if `muster.toml` names none.
pub const SECRET_VARIABLES: &str = "MUSTER_SECRET_*";

/// The folder in the data directory that is allowed if `muster.toml` names none.
pub const SECRET_FILES: &str = "secrets";

/// What endpoints may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundRules {
    /// The folder that relative paths of secrets begin at.
    pub data: PathBuf,
    /// Environment variables that a secret may come from: names, and beginnings with a `*` after them.
    pub secret_variables: Vec<String>,
    /// Folders, relative to `data`, in which a file with a secret may lie.
    pub secret_files: Vec<PathBuf>,
    /// Private addresses that an endpoint may lead to.
    pub private_addresses: Vec<IpNet>,
}

impl OutboundRules {
    /// The rules of a host with this data directory if `muster.toml` has none.
    pub fn of(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            secret_variables: vec![SECRET_VARIABLES.to_owned()],
            secret_files: vec![SECRET_FILES.into()],
            private_addresses: Vec::new(),
        }
    }

    /// The same, with the addresses of this machine allowed.
    #[must_use]
    pub fn with_loopback(mut self) -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"];
        self.private_addresses =
            loopback.iter().map(|net| net.parse().expect("a constant network")).collect();
        self
    }

    /// Whether a secret may come from this variable.
    pub(super) fn allows_variable(&self, name: &str) -> bool {
        self.secret_variables.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == allowed,
        })
    }
}
