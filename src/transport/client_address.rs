//! The address of a client, also behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use ipnet::IpNet;

use crate::domain::network::network_of;

/// Returns true if the peer of a socket is a trusted proxy.
pub fn is_trusted(peer: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&peer.to_canonical()))
}

/// Returns the client's address: the socket's peer or, if that is a trusted proxy, the rightmost address of `X-Forwarded-For` that
/// is not a trusted proxy. The addresses left of it are ignored, because the client can have written them.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let fields: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let mut hops = fields.iter().rev().flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
    let mut address = peer.to_canonical();
    while is_trusted(address, trusted) {
        let Some(next) = hops.next().and_then(parse_hop) else { break };
        address = next.to_canonical();
    }
    address
}

/// Parses an address of `X-Forwarded-For`. Some proxies add a port, and put an IPv6 address in brackets.
fn parse_hop(bytes: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(bytes).ok()?.trim();
    let bare = text.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    bare.ok().or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

/// Returns the network that is assumed to belong to one client: an IPv4 address, or the first 64 bits of an IPv6 address.
pub fn network(address: IpAddr) -> IpAddr {
    network_of(address, 32, 64)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hyper::HeaderMap;
    use hyper::header::HeaderValue;

    use super::client_address;

    fn forwarded_address(peer: &str, forwarded: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        let trusted = ["10.0.0.0/8", "2001:db8:ff::/48"].map(|network| network.parse().expect("a network"));
        client_address(peer.parse().expect("an address"), &headers, &trusted)
    }

    #[track_caller]
    fn check(cases: &[(&str, &[&str], &str)]) {
        for (peer, forwarded, expected) in cases {
            assert_eq!(
                forwarded_address(peer, forwarded),
                expected.parse::<IpAddr>().expect("an address"),
                "{forwarded:?}"
            );
        }
    }

    #[test]
    fn only_trusted_proxies_can_forward_an_address() {
        check(&[
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("2001:db8:ff::1", &["198.51.100.7"], "198.51.100.7"),
            ("2001:db8::1", &["198.51.100.7"], "2001:db8::1"),
        ]);
    }

    #[test]
    fn a_chain_of_trusted_proxies_is_skipped() {
        check(&[
            ("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.7, 10.0.0.3", "10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["10.9.9.9, 198.51.100.7, 2001:db8:ff::2,10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["10.9.9.9, 10.8.8.8, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7, ::ffff:10.0.0.2"], "198.51.100.7"),
        ]);
    }

    #[test]
    fn ports_are_ignored() {
        check(&[
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["198.51.100.7:4711, 10.0.0.2:443"], "198.51.100.7"),
        ]);
    }

    #[test]
    fn addresses_left_of_an_invalid_one_are_ignored() {
        for invalid in ["nonsense", "", " ", "unknown", "_hidden", "10.0.0", "10.0.0.1:x", "[10.0.0.1]x", "é", "a b"] {
            check(&[
                ("10.0.0.1", &[invalid], "10.0.0.1"),
                ("10.0.0.1", &[&format!("198.51.100.7, {invalid}")], "10.0.0.1"),
                ("10.0.0.1", &["198.51.100.7", invalid], "10.0.0.1"),
                ("10.0.0.1", &[&format!("198.51.100.7, {invalid}, 10.0.0.2")], "10.0.0.2"),
                ("10.0.0.1", &[&format!("{invalid}, 198.51.100.7")], "198.51.100.7"),
            ]);
        }
    }
}
