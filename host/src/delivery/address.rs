//! Address rules: a connector's requests reach only public addresses, and if the endpoint allows private
//! ones, those that the owner of the host allows. Link-local addresses and the metadata services of clouds are
//! never reached.
//!
//! A name is resolved once, and the connection goes to the addresses that were checked, so that a
//! changed DNS record cannot lead elsewhere.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;
use url::{Host, Url};

/// A resolver that returns only addresses that are public or among these.
pub(super) struct Guard(pub(super) Arc<[IpNet]>);

/// A name has no address that is allowed.
#[derive(Debug)]
pub(super) struct NotPublic;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let private = Arc::clone(&self.0);
        Box::pin(async move {
            let resolved = lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> =
                resolved.filter(|at| is_allowed(at.ip(), &private)).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address that is allowed")
    }
}

impl Error for NotPublic {}

/// Whether the URL holds an address instead of a name, and one that is neither public nor among these. Such
/// a host never reaches the resolver.
pub(super) fn is_literally_refused(url: &Url, private: &[IpNet]) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => !is_allowed(ip.into(), private),
        Some(Host::Ipv6(ip)) => !is_allowed(ip.into(), private),
        Some(Host::Domain(_)) | None => false,
    }
}

/// Whether a request failed because the resolver found no address that is allowed.
pub(super) fn is_not_public(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn is_allowed(ip: IpAddr, private: &[IpNet]) -> bool {
    let embedded = match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => embedded_v4(ip),
    };
    let is_in = |ip: &IpAddr| private.iter().any(|net| net.contains(ip));
    let is_private = || is_in(&ip) || embedded.is_some_and(|ip| is_in(&ip.into()));
    !is_forbidden(ip) && (is_public(ip) || is_private())
}

/// Whether an address is never reached: a link-local one, or a metadata service, which gives credentials of
/// the machine to each caller.
fn is_forbidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_forbidden_v4(ip),
        IpAddr::V6(ip) => match ip.segments() {
            // Amazon's and Google's.
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => true,
            [first, ..] if first & 0xffc0 == 0xfe80 => true,
            _ => embedded_v4(ip).is_some_and(is_forbidden_v4),
        },
    }
}

fn is_forbidden_v4(ip: Ipv4Addr) -> bool {
    // Alibaba's, Azure's and Oracle's; that of most others is link-local.
    let metadata = [[100, 100, 100, 200], [168, 63, 129, 16], [192, 0, 0, 192]];
    ip.is_link_local() || metadata.contains(&ip.octets())
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64 (RFC 6052, RFC 8215) or 6to4
/// (RFC 3056).
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] if high > 0 => Some(embedded(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(embedded(high, low)),
        [0x64, 0xff9b, 1, .., high, low] => Some(embedded(high, low)),
        [0x2002, high, low, ..] => Some(embedded(high, low)),
        _ => None,
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

// The special-purpose registry of RFC 6890, as IANA keeps it. 169.254.169.254, the metadata service
// of most clouds, is link-local; Alibaba's 100.100.100.200 is shared; Oracle's is in 192.0.0.0/24.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        [0 | 10 | 127, ..] => true,
        [100, 64..=127, ..] => true,
        [169, 254, ..] => true,
        [172, 16..=31, ..] => true,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [192, 168, ..] => true,
        [198, 18 | 19, ..] | [198, 51, 100, _] => true,
        [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        // Azure's host agent, which serves every virtual machine at a public address.
        [168, 63, 129, 16] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // IPv4-mapped, NAT64 (RFC 6052) and 6to4 (RFC 3056) lead to the IPv4 address inside.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(embedded(high, low))
        }
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Protocol assignments with Teredo among them, documentation (RFC 3849, RFC 9637).
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast is 2000::/3; loopback, unspecified, unique-local with fd00:ec2::254,
        // link-local and multicast all lie outside.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(public: bool, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[test]
    fn addresses_of_the_open_internet_are_public() {
        check(true, &["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.128.0.1"]);
        check(true, &["2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888"]);
        check(true, &["::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]);
    }

    #[test]
    fn loopback_private_and_metadata_addresses_are_not_public() {
        check(false, &["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1"]);
        check(false, &["172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200"]);
        check(false, &["169.254.169.254", "192.0.0.192", "168.63.129.16", "198.18.0.1"]);
        check(false, &["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"]);
        check(false, &["::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"]);
        check(false, &["2001::1", "2001:db8::1", "3fff::1", "64:ff9b:1::1", "::127.0.0.1"]);
    }

    #[test]
    fn private_addresses_inside_others_are_not_public() {
        check(false, &["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"]);
        check(false, &["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1"]);
    }

    #[test]
    fn every_spelling_of_a_private_address_in_a_url_is_seen() {
        for url in ["http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://[::1]/"] {
            assert!(is_literally_refused(&Url::parse(url).unwrap(), &[]), "{url}");
        }
        assert!(!is_literally_refused(&Url::parse("https://api.example.com/").unwrap(), &[]));
    }

    #[test]
    fn private_addresses_are_those_that_the_owner_of_the_host_allows() {
        let private = ["10.1.0.0/16", "fd12::/16"].map(|net| net.parse().unwrap());
        for (allowed, address) in [
            (true, "10.1.2.3"),
            (true, "::ffff:10.1.2.3"),
            (true, "64:ff9b::a01:203"),
            (true, "2002:a01:203::1"),
            (true, "fd12::7"),
            (true, "1.1.1.1"),
            (false, "10.2.0.1"),
            (false, "::ffff:10.2.0.1"),
            (false, "127.0.0.1"),
            (false, "fd13::7"),
        ] {
            assert_eq!(is_allowed(address.parse().unwrap(), &private), allowed, "{address}");
        }
    }

    #[test]
    fn link_local_and_metadata_addresses_are_never_allowed() {
        let all = ["0.0.0.0/0", "::/0"].map(|net| net.parse().unwrap());
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::ffff:100.100.100.200",
        ] {
            assert!(!is_allowed(address.parse().unwrap(), &all), "{address}");
        }
        for address in ["127.0.0.1", "::1", "10.0.0.1", "fd12::1"] {
            assert!(is_allowed(address.parse().unwrap(), &all), "{address}");
        }
    }
}
