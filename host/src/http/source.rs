//! The source of a request: the address that its connection comes from. Of a proxy that the operator
//! declared, it is the address that the proxy names in `X-Forwarded-For`.
//!
//! Other headers are not read, since a proxy that does not set them passes on what a client made up.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::http::request::Parts;
use ipnet::IpNet;

/// The other end of a connection, an extension of its requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The addresses of the proxies in front of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// Reads addresses and networks, such as `10.0.0.7` and `10.0.0.0/8`.
    pub fn parse(networks: &[String]) -> anyhow::Result<Self> {
        let network = |text: &String| {
            let network =
                IpNet::from_str(text).or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                anyhow::anyhow!("{text:?} is no address and no network, such as 10.0.0.0/8")
            })
        };
        Ok(Self(networks.iter().map(network).collect::<anyhow::Result<_>>()?))
    }

    /// Whether no proxy is declared.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a declared proxy has this address.
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }
}

/// The source of a request; none in a simulation, which has no connections.
pub(super) fn of_request(parts: &Parts, proxies: &Proxies) -> Option<IpAddr> {
    let Peer(peer) = parts.extensions.get()?;
    let forwarded = parts.headers.get_all("x-forwarded-for").iter();
    let forwarded: Vec<&str> = forwarded.filter_map(|it| it.to_str().ok()).collect();
    Some(network_of(last_untrusted(peer.ip(), &forwarded.join(","), proxies)))
}

/// Each proxy appends the address that called it: from the end, the first address that is no declared proxy
/// is the source. The sender may have made up what stands before it.
fn last_untrusted(peer: IpAddr, forwarded: &str, proxies: &Proxies) -> IpAddr {
    let mut source = peer;
    for named in forwarded.rsplit(',') {
        if !proxies.contain(source) {
            break;
        }
        let Some(address) = address(named.trim()) else { break };
        source = address;
    }
    source.to_canonical()
}

/// An address, which some proxies send with the port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    text.parse().ok().or_else(with_port)
}

/// What one client has: an IPv4 address, or the 2^64 addresses of an IPv6 network.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &str, expected: &str) {
        let proxies = ["10.0.0.0/8", "192.0.2.7"].map(str::to_owned);
        let proxies = Proxies::parse(&proxies).unwrap();
        let source = last_untrusted(peer.parse().unwrap(), forwarded, &proxies);
        assert_eq!(source.to_string(), expected, "{peer} {forwarded}");
    }

    #[test]
    fn only_a_declared_proxy_is_believed() {
        check("203.0.113.5", "198.51.100.1", "203.0.113.5");
        check("10.1.2.3", "198.51.100.1", "198.51.100.1");
        check("::ffff:10.1.2.3", "198.51.100.1:4711", "198.51.100.1");
        check("192.0.2.7", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1");
        check("10.1.2.3", "", "10.1.2.3");
        check("10.1.2.3", "unknown", "10.1.2.3");
        check("10.1.2.3", "[2001:db8::1]:80", "2001:db8::1");
    }

    #[test]
    fn the_addresses_of_an_ipv6_network_are_one_source() {
        let of = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        let wrong = Proxies::parse(&["proxy.example".to_owned()]).unwrap_err().to_string();
        assert!(wrong.contains("proxy.example"), "{wrong}");
    }
}
