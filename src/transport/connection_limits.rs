//! How many sockets there may be, at all and of one address, and whose turn it is to begin.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::client_address::network;
use crate::domain::{Code, Error, Result};
use crate::limits;

/// When those come back for whom there is no place now.
const COME_BACK: Duration = Duration::from_secs(1);

/// The limits_ at a site's doors.
pub struct ConnectionLimits {
    /// Open sockets. (How many there are at all, the server sees to by not accepting more.)
    sockets: Limit,
    /// WebSockets that came without a token, until they have said who they are and their connection has begun.
    unauthenticated: Limit,
    /// WebSockets that came with a token, until their connection has begun.
    pending: Limit,
    /// Whose connections are just being begun.
    connecting: Semaphore,
}

impl ConnectionLimits {
    /// Nobody is there yet. `unlimited` lifts the bounds of each address, and not those of the node.
    pub fn new(unlimited: bool) -> Self {
        let limit = |at_all, of_one| Limit::new(at_all, if unlimited { usize::MAX } else { of_one });
        Self {
            sockets: limit(limits::SOCKETS_MAX, limits::SOCKETS_PER_ADDRESS_MAX),
            unauthenticated: limit(
                limits::UNAUTHENTICATED_SOCKETS_MAX,
                limits::UNAUTHENTICATED_SOCKETS_PER_ADDRESS_MAX,
            ),
            pending: limit(limits::PENDING_CONNECTIONS_MAX, limits::PENDING_CONNECTIONS_PER_ADDRESS_MAX),
            connecting: Semaphore::new(limits::CONNECTS_CONCURRENT_MAX),
        }
    }

    /// A place for a socket that was accepted. One from a trusted proxy may be anybody's, and counts for nobody.
    pub fn accepted(&self, among_all: OwnedSemaphorePermit, peer: Option<IpAddr>) -> Option<SocketPermit> {
        let of_one = match peer {
            Some(address) => Some(self.sockets.take(address)?),
            None => None,
        };
        Some(SocketPermit { _among_all: among_all, of_one })
    }

    /// Counts a WebSocket for the address that it comes from through a proxy, for as long as it is open.
    pub fn count_through_proxy(&self, permit: &SocketPermit, address: IpAddr) -> Result<Option<CountedPermit>> {
        if permit.of_one.is_some() {
            return Ok(None);
        }
        let full = || Error::new(Code::RateLimited, "Too many connections of this address are open.").after(COME_BACK);
        self.sockets.take(address).map(Some).ok_or_else(full)
    }

    /// A place among those whose connection has not begun.
    pub fn pending_permit(&self, has_token: bool, address: IpAddr) -> Result<CountedPermit> {
        let limit = if has_token { &self.pending } else { &self.unauthenticated };
        let full = || Error::new(Code::Busy, "Too many connections are being opened at the moment.").after(COME_BACK);
        limit.take(address).ok_or_else(full)
    }

    /// Waits for the turn to begin a connection: in order, and not for ever.
    pub async fn connect_permit(&self) -> Option<SemaphorePermit<'_>> {
        timeout(limits::CONNECT_QUEUE_TIMEOUT, self.connecting.acquire()).await.ok()?.ok()
    }
}

/// What an open socket holds.
pub struct SocketPermit {
    _among_all: OwnedSemaphorePermit,
    /// Among those of its address, unless it comes from a trusted proxy.
    of_one: Option<CountedPermit>,
}

/// A bounded number of something, at all and of one address.
struct Limit {
    at_all: usize,
    of_one: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// One of a crowd, until it is dropped.
pub struct CountedPermit {
    counts: Arc<Mutex<Counts>>,
    network: IpAddr,
}

impl Limit {
    fn new(at_all: usize, of_one: usize) -> Self {
        Self { at_all, of_one, counts: Arc::default() }
    }

    fn take(&self, address: IpAddr) -> Option<CountedPermit> {
        let network = network(address.to_canonical());
        let mut counts = lock(&self.counts);
        let of_one = counts.of.get(&network).copied().unwrap_or(0);
        if counts.all >= self.at_all || of_one >= self.of_one {
            return None;
        }
        counts.all += 1;
        counts.of.insert(network, of_one + 1);
        Some(CountedPermit { counts: Arc::clone(&self.counts), network })
    }
}

impl Drop for CountedPermit {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.all -= 1;
        if let Some(of_one) = counts.of.get_mut(&self.network) {
            *of_one -= 1;
            if *of_one == 0 {
                counts.of.remove(&self.network);
            }
        }
    }
}

/// A panic under the lock leaves counts that are at worst one too high.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{ConnectionLimits, Limit, lock};
    use crate::limits;

    fn at(address: &str) -> IpAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn a_crowd_is_bounded_at_all_and_of_one_address() {
        let limit = Limit::new(4, 2);
        let first = limit.take(at("192.0.2.1")).expect("the first");
        let second = limit.take(at("::ffff:192.0.2.1")).expect("the same in other words");
        assert!(limit.take(at("192.0.2.1")).is_none(), "enough of this one");
        let others = [limit.take(at("2001:db8::1")), limit.take(at("2001:db8::2:1"))];
        assert!(others.iter().all(Option::is_some));
        drop(first);
        assert!(limit.take(at("2001:db8::3:1")).is_none(), "one network is one party");
        let third = limit.take(at("2001:db8:0:1::1"));
        assert!(third.is_some() && limit.take(at("192.0.2.9")).is_none(), "enough at all");
        drop((second, others, third));
        let counts = lock(&limit.counts);
        assert!(counts.all == 0 && counts.of.is_empty(), "nothing is kept of those who left");
    }

    #[tokio::test(start_paused = true)]
    async fn connecting_are_waited_for_but_not_for_ever() {
        let all = ConnectionLimits::new(false);
        let mut connecting = Vec::new();
        for _ in 0..limits::CONNECTS_CONCURRENT_MAX {
            connecting.push(all.connect_permit().await.expect("there is one"));
        }
        assert!(all.connect_permit().await.is_none());
        connecting.pop();
        assert!(all.connect_permit().await.is_some());
    }
}
