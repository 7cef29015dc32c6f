//! Where a request comes from, seen through the proxies that are trusted.

use std::net::IpAddr;

use hyper::HeaderMap;
use ipnet::IpNet;

/// Whether a socket's peer is a proxy that is trusted.
pub(super) fn is_trusted(peer: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&peer.to_canonical()))
}

/// The client's address: the socket's peer, or, while that is a trusted proxy, the next one from the right of
/// `X-Forwarded-For`. What stands left of the first address that is not trusted was written by the client.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let forwarded = headers.get_all("x-forwarded-for").iter();
    let mut hops: Vec<&str> = forwarded.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).collect();
    let mut address = peer.to_canonical();
    while is_trusted(address, trusted) {
        let Some(Ok(next)) = hops.pop().map(|hop| hop.trim().parse::<IpAddr>()) else { break };
        address = next.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hyper::HeaderMap;

    use super::client_address;

    fn seen(peer: &str, forwarded: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a header value"));
        }
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        client_address(peer.parse().expect("an address"), &headers, &trusted)
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["nonsense"], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(seen(peer, forwarded), expected.parse::<IpAddr>().expect("an address"), "{forwarded:?}");
        }
    }
}
