//! Limits of open sockets and of connections that are being established: in total, and per client network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::client_address::network;
use crate::domain::{Code, Error, Result, UserId};
use crate::limits;
use crate::sync::{UserPermit, UserPermits};

/// The time after which a refused client should try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The connection limits of a node.
pub struct ConnectionLimits {
    /// Open sockets. (The total is already bounded by the listener, which stops accepting.)
    sockets: Limit,
    /// WebSockets whose handshake had no token, until they are authenticated and connected.
    unauthenticated: Limit,
    /// WebSockets whose handshake had a token, until they are connected.
    pending: Limit,
    /// Tickets that are redeemed now.
    redeeming: Semaphore,
    /// Connections that load their state from the store now.
    connecting: UserPermits,
}

impl ConnectionLimits {
    /// Creates the limits. `unlimited` removes the limits per network, and keeps those of the node.
    pub fn new(unlimited: bool) -> Self {
        let connects_per_user =
            if unlimited { limits::CONNECTS_CONCURRENT_MAX } else { limits::CONNECTS_CONCURRENT_PER_USER_MAX };
        let limit = |total, per_network| Limit::new(total, if unlimited { usize::MAX } else { per_network });
        Self {
            sockets: limit(limits::SOCKETS_MAX, limits::SOCKETS_PER_ADDRESS_MAX),
            unauthenticated: limit(
                limits::UNAUTHENTICATED_SOCKETS_MAX,
                limits::UNAUTHENTICATED_SOCKETS_PER_ADDRESS_MAX,
            ),
            pending: limit(limits::PENDING_CONNECTIONS_MAX, limits::PENDING_CONNECTIONS_PER_ADDRESS_MAX),
            redeeming: Semaphore::new(limits::CONNECTS_CONCURRENT_MAX),
            connecting: UserPermits::new(limits::CONNECTS_CONCURRENT_MAX, connects_per_user),
        }
    }

    /// Returns the permit of an accepted socket, or `None` when its network has too many. `peer` is `None` for a socket from a trusted
    /// proxy, which can serve any client and so counts for no network.
    pub fn socket_permit(&self, total: OwnedSemaphorePermit, peer: Option<IpAddr>) -> Option<SocketPermit> {
        let per_network = match peer {
            Some(address) => Some(self.sockets.acquire(address)?),
            None => None,
        };
        Some(SocketPermit { _total: total, per_network })
    }

    /// Returns the permit of a WebSocket from a trusted proxy, which counts for the network of its client. Returns `None` for a
    /// WebSocket without a proxy, because its socket is already counted.
    pub fn proxied_permit(&self, permit: &SocketPermit, address: IpAddr) -> Result<Option<CountedPermit>> {
        if permit.per_network.is_some() {
            return Ok(None);
        }
        let full =
            || Error::new(Code::RateLimited, "Too many connections from this address are open.").after(RETRY_AFTER);
        self.sockets.acquire(address).map(Some).ok_or_else(full)
    }

    /// Returns the permit of a WebSocket until it is connected.
    pub fn pending_permit(&self, has_token: bool, address: IpAddr) -> Result<CountedPermit> {
        let limit = if has_token { &self.pending } else { &self.unauthenticated };
        let full = || Error::new(Code::Busy, "Too many connections are being opened at the moment.").after(RETRY_AFTER);
        limit.acquire(address).ok_or_else(full)
    }

    /// Waits for a permit to redeem a ticket, in order of arrival. Returns `None` after [`limits::CONNECT_QUEUE_TIMEOUT`].
    pub async fn redeem_permit(&self) -> Option<SemaphorePermit<'_>> {
        timeout(limits::CONNECT_QUEUE_TIMEOUT, self.redeeming.acquire()).await.ok()?.ok()
    }

    /// Waits for a permit to connect a user, in order of arrival. Returns `None` after [`limits::CONNECT_QUEUE_TIMEOUT`].
    pub async fn connect_permit(&self, user_id: UserId) -> Option<UserPermit<'_>> {
        timeout(limits::CONNECT_QUEUE_TIMEOUT, self.connecting.acquire(user_id)).await.ok()?.ok()
    }
}

/// The permit of an open socket.
pub struct SocketPermit {
    _total: OwnedSemaphorePermit,
    /// `None` for a socket from a trusted proxy.
    per_network: Option<CountedPermit>,
}

/// A limit in total and per client network.
struct Limit {
    total: usize,
    per_network: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    total: usize,
    per_network: HashMap<IpAddr, usize>,
}

/// A permit that is counted for a client's network until it is dropped.
pub struct CountedPermit {
    counts: Arc<Mutex<Counts>>,
    network: IpAddr,
}

impl Limit {
    fn new(total: usize, per_network: usize) -> Self {
        Self { total, per_network, counts: Arc::default() }
    }

    fn acquire(&self, address: IpAddr) -> Option<CountedPermit> {
        let network = network(address.to_canonical());
        let mut counts = lock(&self.counts);
        let of_network = counts.per_network.get(&network).copied().unwrap_or(0);
        if counts.total >= self.total || of_network >= self.per_network {
            return None;
        }
        counts.total += 1;
        counts.per_network.insert(network, of_network + 1);
        Some(CountedPermit { counts: Arc::clone(&self.counts), network })
    }
}

impl Drop for CountedPermit {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.total -= 1;
        if let Some(of_network) = counts.per_network.get_mut(&self.network) {
            *of_network -= 1;
            if *of_network == 0 {
                counts.per_network.remove(&self.network);
            }
        }
    }
}

/// Ignores poisoning: a panic under the lock leaves counts that are at most one too high.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{ConnectionLimits, Limit, lock};
    use crate::domain::UserId;
    use crate::limits;

    fn at(address: &str) -> IpAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn permits_are_limited_in_total_and_per_network() {
        let limit = Limit::new(4, 2);
        let first = limit.acquire(at("192.0.2.1")).expect("the first");
        let second = limit.acquire(at("::ffff:192.0.2.1")).expect("the same address, mapped to IPv6");
        assert!(limit.acquire(at("192.0.2.1")).is_none(), "the limit of this network");
        let others = [limit.acquire(at("2001:db8::1")), limit.acquire(at("2001:db8::2:1"))];
        assert!(others.iter().all(Option::is_some));
        drop(first);
        assert!(limit.acquire(at("2001:db8::3:1")).is_none(), "one /64 counts as one network");
        let third = limit.acquire(at("2001:db8:0:1::1"));
        assert!(third.is_some() && limit.acquire(at("192.0.2.9")).is_none(), "the limit in total");
        drop((second, others, third));
        let counts = lock(&limit.counts);
        assert!(counts.total == 0 && counts.per_network.is_empty(), "dropped permits leave no counts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connect_permit_is_waited_for_with_a_timeout() {
        let all = ConnectionLimits::new(false);
        let mut connecting = Vec::new();
        for _ in 0..limits::CONNECTS_CONCURRENT_MAX {
            connecting.push(all.connect_permit(UserId::new()).await.expect("a free permit"));
        }
        assert!(all.connect_permit(UserId::new()).await.is_none());
        connecting.pop();
        assert!(all.connect_permit(UserId::new()).await.is_some());
    }
}
