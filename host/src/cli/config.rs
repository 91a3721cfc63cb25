//! `muster.toml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use crate::http::Patience;

/// What an operator can set in `muster.toml`. Options and environment win over it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The address to listen on.
    pub(super) listen: Option<SocketAddr>,
    /// Where database, key and compiled connectors live.
    pub(super) data: Option<PathBuf>,
    /// How identity providers reach this host, such as `https://scim.example.com`.
    pub(super) public_url: Option<String>,
    /// How many seconds an identity provider waits at most for an outcome.
    pub(super) answer_within_seconds: Option<u64>,
    /// How many seconds the body of a request may take to arrive.
    pub(super) body_within_seconds: Option<u64>,
    /// Threads for decisions of connectors that are not quick.
    pub(super) deciding_threads: Option<usize>,
    /// How many seconds a connection may be idle, or take to send the head of a request.
    pub(super) head_within_seconds: Option<u64>,
    /// How many operations of one tenant may be open.
    pub(super) open_operations: Option<usize>,
    /// How many seconds a host that is asked to stop finishes what it has accepted.
    pub(super) stop_within_seconds: Option<u64>,
    /// Files with the public keys of those whose connectors are loaded.
    pub(super) trusted_keys: Option<Vec<PathBuf>>,
}

impl Config {
    /// Reads a file. The default one may be absent; one that was named may not.
    pub(super) fn read(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = named.unwrap_or_else(|| Path::new("muster.toml"));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("reading {}", path.display()));
            }
        };
        toml::from_str(&text).with_context(|| format!("understanding {}", path.display()))
    }

    pub(super) fn answer_within(&self) -> Duration {
        // Okta closes its socket after 60 s; a retry must be told of well before.
        Duration::from_secs(self.answer_within_seconds.unwrap_or(25).clamp(1, 55))
    }

    pub(super) fn open_operations(&self) -> usize {
        self.open_operations.unwrap_or(10_000).max(1)
    }

    pub(super) fn patience(&self) -> Patience {
        let or = |seconds: Option<u64>, default: Duration| {
            seconds.map_or(default, |seconds| Duration::from_secs(seconds.clamp(1, 3600)))
        };
        let default = Patience::default();
        Patience {
            head: or(self.head_within_seconds, default.head),
            body: or(self.body_within_seconds, default.body),
            stop: or(self.stop_within_seconds, default.stop),
        }
    }

    pub(super) fn deciding_threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        self.deciding_threads.unwrap_or(cores).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\nlisen = 2\n").unwrap();
        let error = format!("{:#}", Config::read(Some(&path)).unwrap_err());
        assert!(error.contains("lisen"), "{error}");
    }

    #[test]
    fn only_the_default_file_may_be_absent() {
        assert!(Config::read(Some(Path::new("/nowhere/muster.toml"))).is_err());
    }

    #[test]
    fn nobody_is_waited_for_less_than_a_second() {
        let config = Config { body_within_seconds: Some(0), ..Config::default() };
        let second = Duration::from_secs(1);
        assert_eq!(config.patience(), Patience { body: second, ..Patience::default() });
    }

    #[test]
    fn an_answer_never_waits_until_okta_hangs_up() {
        let config = Config { answer_within_seconds: Some(600), ..Config::default() };
        assert_eq!(config.answer_within(), Duration::from_secs(55));
    }
}
