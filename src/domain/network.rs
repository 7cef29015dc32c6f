//! Networks: addresses by their first bits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns the network of an address: its first `v4_bits` or `v6_bits`, and zeros.
pub fn network_of(address: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(u32::BITS.saturating_sub(v4_bits)).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(u128::BITS.saturating_sub(v6_bits)).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::network_of;

    #[test]
    fn a_network_has_the_first_bits_of_its_addresses() {
        let at = |text: &str| -> IpAddr { text.parse().expect("an address") };
        for (address, bits, network) in [
            ("192.0.2.200", (32, 64), "192.0.2.200"),
            ("192.0.2.200", (24, 64), "192.0.2.0"),
            ("192.0.2.200", (0, 0), "0.0.0.0"),
            ("2001:db8:1:2ff:3::4", (32, 128), "2001:db8:1:2ff:3::4"),
            ("2001:db8:1:2ff:3::4", (32, 64), "2001:db8:1:2ff::"),
            ("2001:db8:1:2ff:3::4", (32, 56), "2001:db8:1:200::"),
            ("2001:db8:1:2ff:3::4", (24, 48), "2001:db8:1::"),
            ("2001:db8:1:2ff:3::4", (0, 0), "::"),
        ] {
            assert_eq!(network_of(at(address), bits.0, bits.1), at(network), "{address} {bits:?}");
        }
    }
}
