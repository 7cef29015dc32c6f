//! Known networks: where a user has logged in, guesses from elsewhere keep nobody out.

use std::net::IpAddr;

use super::Auth;
use super::signer::Signer;
use crate::domain::network::network_of;
use crate::domain::{Result, Timestamp, UserId};
use crate::limits;

/// The first bits of addresses of one network. A provider gives its customer another address of as many bits now and then.
const V4_BITS: u32 = 24;
const V6_BITS: u32 = 48;

impl Auth {
    /// Notes that the user has logged in from this address.
    pub async fn add_known_network(&self, user_id: UserId, address: IpAddr) -> Result<()> {
        let (now, network) = (Timestamp::now(), network_id(&self.networks, user_id, address));
        let since = now.minus(limits::KNOWN_NETWORK_AGE);
        self.store.insert_known_network(user_id, network, now, since, limits::KNOWN_NETWORKS_MAX).await
    }

    /// Returns true if the user has logged in from the network of this address within [`limits::KNOWN_NETWORK_AGE`]. Without a user it
    /// takes as long, and returns false.
    pub async fn is_known_network(&self, user_id: Option<UserId>, address: IpAddr) -> Result<bool> {
        let since = Timestamp::now().minus(limits::KNOWN_NETWORK_AGE);
        let id = user_id.unwrap_or_default();
        self.store.is_known_network(id, network_id(&self.networks, id, address), since).await
    }
}

/// Returns the id of a network among those of a user. Without the server's secret nobody can tell which network it is, nor if two users
/// share one. 64 bits of the hash are enough: whoever wants another network to have the same id would need the secret to try.
fn network_id(signer: &Signer, user_id: UserId, address: IpAddr) -> i64 {
    let network = match network_of(address, V4_BITS, V6_BITS) {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let bytes = [user_id.0.as_bytes().as_slice(), &network.octets()].concat();
    signer.short_hash(&bytes)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Signer, network_id};
    use crate::domain::UserId;

    #[test]
    fn a_network_has_an_id_for_each_user() {
        let signer = Signer::new(b"0123456789abcdef0123456789abcdef", "tests");
        let [ada, grace] = [(); 2].map(|()| UserId::new());
        let id = |user, text: &str| network_id(&signer, user, text.parse::<IpAddr>().expect("an address"));
        let known = id(ada, "192.0.2.1");
        assert_eq!(id(ada, "192.0.2.254"), known);
        assert_ne!(id(ada, "192.0.3.1"), known);
        assert_ne!(id(grace, "192.0.2.1"), known, "rows do not show that two users share a network");
        let known = id(ada, "2001:db8:1:2::3");
        assert_eq!(id(ada, "2001:db8:1:4::5"), known);
        assert_ne!(id(ada, "2001:db8:2:2::3"), known);
        let other_secret = Signer::new(b"another secret of 32 bytes or so", "tests");
        assert_ne!(network_id(&other_secret, ada, "2001:db8:1:2::3".parse().expect("an address")), known);
    }
}
