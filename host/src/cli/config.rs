//! The configuration file of `muster serve`, `muster.toml`: reads it, refuses unknown settings and values
//! out of range, and has the default of each setting.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use ipnet::IpNet;
use serde::Deserialize;

use crate::delivery::OutboundRules;
use crate::http::{Proxies, Timeouts};
use crate::lifecycle::{BackOff, RequestRate};

/// The settings in `muster.toml`. Options and environment variables override them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The address to listen on.
    pub(super) listen: Option<SocketAddr>,
    /// The address of the admin API, if it is not served at `listen`.
    pub(super) admin_listen: Option<SocketAddr>,
    /// The directory of the database, the host key and compiled connectors.
    pub(super) data: Option<PathBuf>,
    /// The URL at which identity providers reach this host, such as `https://scim.example.com`.
    pub(super) public_url: Option<String>,
    /// The most seconds that an identity provider waits for an outcome.
    pub(super) answer_within_seconds: Option<u64>,
    /// The addresses and networks of the proxies in front of the host.
    pub(super) behind_proxy: Option<Vec<String>>,
    /// The most seconds that the body of a request may take to arrive.
    pub(super) body_within_seconds: Option<u64>,
    /// The most open connections.
    pub(super) connections: Option<usize>,
    /// The number of threads for the decisions of connectors that are not quick.
    pub(super) deciding_threads: Option<usize>,
    /// The failed sign-ins of one source, or with one token id, that are answered at once in a minute.
    pub(super) failed_sign_ins_per_minute: Option<u32>,
    /// The most seconds that a new connection may take to send the head of its first request.
    pub(super) first_head_within_seconds: Option<u64>,
    /// The most seconds that a connection may be idle, or take to send the head of a request.
    pub(super) head_within_seconds: Option<u64>,
    /// The seconds before the first and the longest pauses between the tries of an operation.
    pub(super) first_back_off_seconds: Option<u64>,
    pub(super) longest_back_off_seconds: Option<u64>,
    /// How many hours a grant is retried that no identity provider asks for again.
    pub(super) grant_patience_hours: Option<u64>,
    /// The longest life of a call to an app, in seconds.
    pub(super) longest_call_seconds: Option<u64>,
    /// The most operations of one tenant that may be open.
    pub(super) open_operations: Option<usize>,
    /// The most requests of one tenant that are answered at once, and in a second for long; 0: no limit.
    pub(super) request_burst: Option<u32>,
    pub(super) requests_per_second: Option<u32>,
    /// The most KiB of a user, or of a group without its members.
    pub(super) resource_kib: Option<usize>,
    /// The most seconds in which a stopping host finishes accepted requests.
    pub(super) stop_within_seconds: Option<u64>,
    /// The environment variables that secrets of endpoints may come from.
    pub(super) secret_variables: Option<Vec<String>>,
    /// The folders in which files with secrets of endpoints may lie.
    pub(super) secret_files: Option<Vec<PathBuf>>,
    /// The private addresses that endpoints may lead to, by CIDR.
    pub(super) private_addresses: Option<Vec<String>>,
    /// Files with public keys. If there are any, only connectors signed by one of them are loaded.
    pub(super) trusted_keys: Option<Vec<PathBuf>>,
}

impl Config {
    /// Reads the named file, which must exist, or `muster.toml`, which may be absent.
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
        let config: Self =
            toml::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
        config.check().with_context(|| format!("in {}", path.display()))?;
        Ok(config)
    }

    /// Refuses values out of the range that `muster.toml` documents.
    fn check(&self) -> anyhow::Result<()> {
        let threads = self.deciding_threads.map(|it| it as u64);
        for (name, value, most) in [
            ("answer_within_seconds", self.answer_within_seconds, 55),
            ("body_within_seconds", self.body_within_seconds, 3600),
            ("connections", self.connections.map(|it| it as u64), 1_000_000),
            ("deciding_threads", threads, 1024),
            ("first_head_within_seconds", self.first_head_within_seconds, 3600),
            ("head_within_seconds", self.head_within_seconds, 3600),
            ("first_back_off_seconds", self.first_back_off_seconds, 86_400),
            ("longest_back_off_seconds", self.longest_back_off_seconds, 86_400),
            ("grant_patience_hours", self.grant_patience_hours, 8760),
            ("longest_call_seconds", self.longest_call_seconds, 3600),
            ("open_operations", self.open_operations.map(|it| it as u64), u64::MAX),
            ("request_burst", self.request_burst.map(u64::from), 1_000_000),
            ("stop_within_seconds", self.stop_within_seconds, 3600),
        ] {
            match value {
                Some(0) => anyhow::bail!("{name} is 0: it must be at least 1"),
                Some(value) if value > most => {
                    anyhow::bail!("{name} is {value}: it must be 1 to {most}")
                }
                _ => {}
            }
        }
        self.proxies()?;
        let rate = self.request_rate().per_second;
        anyhow::ensure!(
            rate <= 1_000_000,
            "requests_per_second is {rate}: it must be 0 to 1000000"
        );
        self.outbound(Path::new("."))?;
        let kib = self.resource_kib.unwrap_or(64);
        anyhow::ensure!((16..=1024).contains(&kib), "resource_kib is {kib}: it must be 16 to 1024");
        let default = BackOff::default();
        let longest = self.longest_back_off_seconds.unwrap_or(default.longest.as_secs());
        // Only where it is given: the default is not longer than what an operator says is the longest.
        let first = self.first_back_off_seconds.unwrap_or(0);
        anyhow::ensure!(
            first <= longest,
            "first_back_off_seconds is {first}: it must be at most longest_back_off_seconds, which is \
             {longest}"
        );
        Ok(())
    }

    pub(super) fn answer_within(&self) -> Duration {
        // Okta closes its connection after 60 s and must get the response before that.
        Duration::from_secs(self.answer_within_seconds.unwrap_or(25).clamp(1, 55))
    }

    pub(super) fn open_operations(&self) -> usize {
        self.open_operations.unwrap_or(10_000).max(1)
    }

    /// In bytes.
    pub(super) fn largest_resource(&self) -> usize {
        1024 * self.resource_kib.unwrap_or(64).clamp(16, 1024)
    }

    pub(super) fn back_off(&self) -> BackOff {
        let default = BackOff::default();
        let or = |seconds: Option<u64>, default: Duration| {
            seconds.map_or(default, |seconds| Duration::from_secs(seconds.clamp(1, 86_400)))
        };
        let longest = or(self.longest_back_off_seconds, default.longest);
        BackOff { first: or(self.first_back_off_seconds, default.first).min(longest), longest }
    }

    pub(super) fn request_rate(&self) -> RequestRate {
        RequestRate {
            // Entra asks for 25.
            per_second: self.requests_per_second.unwrap_or(50),
            burst: self.request_burst.unwrap_or(500),
        }
    }

    pub(super) fn grant_patience(&self) -> Duration {
        Duration::from_secs(3600 * self.grant_patience_hours.unwrap_or(24).clamp(1, 24 * 365))
    }

    pub(super) fn longest_call(&self) -> Duration {
        Duration::from_secs(self.longest_call_seconds.unwrap_or(120).clamp(1, 3600))
    }

    /// What endpoints may use of the machine and the network, with this data directory.
    pub(super) fn outbound(&self, data: &Path) -> anyhow::Result<OutboundRules> {
        let default = OutboundRules::of(data);
        let networks = self.private_addresses.iter().flatten().map(|text| network(text));
        let variables = self.secret_variables.clone().unwrap_or(default.secret_variables);
        for name in &variables {
            let name = name.strip_suffix('*').unwrap_or(name);
            anyhow::ensure!(
                !name.is_empty() && !name.contains(['*', '=']),
                "secret_variables: give names such as API_TOKEN, or beginnings such as MUSTER_SECRET_*"
            );
        }
        Ok(OutboundRules {
            secret_variables: variables,
            secret_files: self.secret_files.clone().unwrap_or(default.secret_files),
            private_addresses: networks.collect::<anyhow::Result<_>>()?,
            data: default.data,
        })
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        let or = |seconds: Option<u64>, default: Duration| {
            seconds.map_or(default, |seconds| Duration::from_secs(seconds.clamp(1, 3600)))
        };
        let default = Timeouts::default();
        Timeouts {
            first_head: or(self.first_head_within_seconds, default.first_head),
            head: or(self.head_within_seconds, default.head),
            body: or(self.body_within_seconds, default.body),
            stop: or(self.stop_within_seconds, default.stop),
        }
    }

    pub(super) fn proxies(&self) -> anyhow::Result<Proxies> {
        Proxies::parse(self.behind_proxy.as_deref().unwrap_or_default()).context("behind_proxy")
    }

    pub(super) fn failed_sign_ins(&self) -> u32 {
        self.failed_sign_ins_per_minute.unwrap_or(10)
    }

    pub(super) fn deciding_threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        self.deciding_threads.unwrap_or(cores).clamp(1, 1024)
    }
}

/// A network by CIDR, or a single address.
fn network(text: &str) -> anyhow::Result<IpNet> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).with_context(|| {
        format!(
            "private_addresses: {text:?} is no network such as \"10.1.0.0/16\" or \"fd12::/64\""
        )
    })
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
    fn a_value_out_of_range_is_refused() {
        let check = |text: &str| toml::from_str::<Config>(text).unwrap().check();
        for (text, said) in [
            ("answer_within_seconds = 90", "answer_within_seconds is 90: it must be 1 to 55"),
            ("resource_kib = 8", "resource_kib is 8: it must be 16 to 1024"),
            ("longest_call_seconds = 0", "longest_call_seconds is 0: it must be at least 1"),
            (
                "first_back_off_seconds = 9\nlongest_back_off_seconds = 8",
                "at most longest_back_off",
            ),
            ("first_back_off_seconds = 7200", "which is 3600"),
            ("behind_proxy = [\"proxy.example\"]", "\"proxy.example\" is no address"),
            ("private_addresses = [\"10.1\"]", "no network such as \"10.1.0.0/16\""),
            ("secret_variables = [\"*\"]", "give names such as API_TOKEN"),
        ] {
            let error = format!("{:#}", check(text).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
        check("answer_within_seconds = 55\nopen_operations = 1000000").unwrap();
    }

    /// The documented file, with the `#` taken away from each setting, but not from the prose.
    fn documented() -> String {
        let setting = |line: &&str| {
            line.split_once(" = ").is_some_and(|(name, _)| {
                name.strip_prefix('#').is_some_and(|name| !name.contains(' '))
            })
        };
        let text = include_str!("../../docs/src/muster.toml");
        text.lines().filter(setting).map(|line| format!("{}\n", &line[1..])).collect()
    }

    #[test]
    fn the_documented_file_has_every_setting_and_no_other() {
        let text = include_str!("../../docs/src/muster.toml");
        assert_eq!(toml::from_str::<Config>(text).unwrap(), Config::default());
        // A new field does not compile here until it is added to the pattern.
        let Config {
            listen: Some(_),
            admin_listen: Some(_),
            data: Some(_),
            public_url: Some(_),
            answer_within_seconds: Some(_),
            behind_proxy: Some(_),
            body_within_seconds: Some(_),
            connections: Some(_),
            deciding_threads: Some(_),
            failed_sign_ins_per_minute: Some(_),
            first_head_within_seconds: Some(_),
            head_within_seconds: Some(_),
            first_back_off_seconds: Some(_),
            longest_back_off_seconds: Some(_),
            grant_patience_hours: Some(_),
            longest_call_seconds: Some(_),
            open_operations: Some(_),
            request_burst: Some(_),
            requests_per_second: Some(_),
            resource_kib: Some(_),
            stop_within_seconds: Some(_),
            secret_variables: Some(_),
            secret_files: Some(_),
            private_addresses: Some(_),
            trusted_keys: Some(_),
        } = toml::from_str(&documented()).unwrap()
        else {
            panic!("host/docs/src/muster.toml lacks a setting: {}", documented());
        };
    }

    #[test]
    fn the_manual_has_the_documented_file() {
        let page = include_str!("../../docs/src/configuration.md");
        let file = include_str!("../../docs/src/muster.toml");
        assert!(page.contains(&format!("```toml\n{file}```\n")), "copy muster.toml to the page");
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let written: Config = toml::from_str(&documented()).unwrap();
        let default = Config::default();
        assert_eq!(written.answer_within(), default.answer_within());
        assert_eq!(written.open_operations(), default.open_operations());
        assert_eq!(written.largest_resource(), default.largest_resource());
        assert_eq!(written.timeouts(), default.timeouts());
        assert_eq!(written.request_rate(), default.request_rate());
        assert_eq!(written.failed_sign_ins(), default.failed_sign_ins());
        assert_eq!(written.back_off(), default.back_off());
        assert_eq!(written.grant_patience(), default.grant_patience());
        assert_eq!(written.longest_call(), default.longest_call());
        let outbound = |config: &Config| {
            let rules = config.outbound(Path::new("data")).unwrap();
            (rules.secret_variables, rules.secret_files)
        };
        assert_eq!(outbound(&written), outbound(&default));
    }

    #[test]
    fn only_the_default_file_may_be_absent() {
        assert!(Config::read(Some(Path::new("/nowhere/muster.toml"))).is_err());
    }

    #[test]
    fn a_timeout_is_at_least_a_second() {
        let config = Config { body_within_seconds: Some(0), ..Config::default() };
        let second = Duration::from_secs(1);
        assert_eq!(config.timeouts(), Timeouts { body: second, ..Timeouts::default() });
    }

    #[test]
    fn a_response_is_sent_before_okta_closes_the_connection() {
        let config = Config { answer_within_seconds: Some(600), ..Config::default() };
        assert_eq!(config.answer_within(), Duration::from_secs(55));
    }
}
