//! The bus of several nodes. A carrier takes packets of envelopes to the other nodes, and brings theirs.
//!
//! ```text
//! publish → this node's inbox
//!         → Outbound → the carrier's task: Cluster::seal → NOTIFY or NATS
//!                      the carrier's task: Cluster::receive → Seal → Peers → codec → this node's inbox
//! ```
//!
//! The path of a send only pushes to [`Outbound`], which drops when it is full. A node that is alone publishes to nobody.

mod bytes;
mod codec;
mod fragments;
pub mod notify;
mod outbound;
mod packing;
mod peers;
mod seal;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use bytes::Malformed;
use fragments::{FRAGMENT, Fragments};
pub use outbound::Outbound;
pub use peers::{Admission, Peers};
pub use seal::{Opened, Refusal, SEAL_BYTES, Seal};

use ::bytes::Bytes;
use tokio::sync::Notify;

use super::{Bus, Envelope, Hints, Inbox};

/// This node's side of the bus that joins it to others.
pub struct Cluster {
    inbox: Arc<dyn Inbox>,
    seal: Seal,
    /// The other nodes that are alive.
    pub peers: Peers,
    /// The envelopes that wait for the carrier.
    pub outbound: Outbound,
    /// Counts the packets that were not delivered.
    pub refused: Refused,
    /// Wakes who looks for the leases of nodes, after a packet of a node that has none as far as this node knows.
    pub newcomer: Notify,
    fragments: Fragments,
}

/// Counts the packets that were not delivered, by reason.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Refused {
    pub foreign: AtomicU64,
    pub other_cluster: AtomicU64,
    pub stale: AtomicU64,
    pub unknown: AtomicU64,
    pub malformed: AtomicU64,
}

impl Cluster {
    /// Joins a node to others.
    pub fn new(inbox: Arc<dyn Inbox>, seal: Seal) -> Arc<Self> {
        let (peers, outbound, refused) = (Peers::default(), Outbound::default(), Refused::default());
        let (newcomer, fragments) = (Notify::new(), Fragments::default());
        Arc::new(Self { inbox, seal, peers, outbound, refused, newcomer, fragments })
    }

    /// Returns a packet for other nodes.
    pub fn packet<'a>(&self, envelopes: impl IntoIterator<Item = &'a Envelope>) -> Vec<u8> {
        self.seal.seal(&codec::encode(envelopes))
    }

    /// Returns packets of at most `bytes_max` bytes for other nodes, at least one. Envelopes that the store can repeat become hints in them.
    pub fn small_packets(&self, envelopes: &[Envelope], bytes_max: usize) -> Vec<Vec<u8>> {
        let bodies = packing::pack(envelopes, bytes_max.saturating_sub(SEAL_BYTES));
        bodies.iter().map(|body| self.seal.seal(body)).collect()
    }

    /// Makes other nodes look for this one, if any are alive.
    pub fn say_hello(&self) {
        if !self.peers.is_alone() {
            self.outbound.push(Envelope::Hints(Hints::default()));
        }
    }

    /// Delivers a packet that a carrier brought. Ignores packets of others, and counts them. Returns true for a packet of this node itself.
    pub fn receive(&self, packet: &Bytes) -> bool {
        let refused = &self.refused;
        match self.seal.open(packet) {
            Ok(opened) => self.deliver(opened),
            Err(Refusal::Own) => return true,
            Err(Refusal::Foreign) => {
                count(&refused.foreign, "it was not sealed with the CHINWAG_JWT_SECRET of this node");
            }
            Err(Refusal::OtherCluster) => count(&refused.other_cluster, "it is of a cluster on another database"),
        }
        false
    }

    fn deliver(&self, Opened { from, counter, body }: Opened) {
        let refused = &self.refused;
        match self.peers.admit(from, counter) {
            Admission::New => {}
            Admission::Stale => return count(&refused.stale, "it came before, or is too old"),
            Admission::Unknown => {
                self.newcomer.notify_one();
                return count_unknown(&refused.unknown);
            }
        }
        let whole = if body.first() == Some(&FRAGMENT) { self.fragments.add(from, body) } else { Ok(Some(body)) };
        match whole.and_then(|body| body.map(codec::decode).transpose()) {
            Ok(envelopes) => envelopes.into_iter().flatten().for_each(|envelope| self.inbox.deliver_remote(envelope)),
            Err(Malformed) => count(&refused.malformed, "its version is not this node's"),
        }
    }

    /// Compares this node with the store, after a time in which the carrier may have lost packets.
    pub fn reconnected(&self) {
        self.inbox.on_reconnect();
    }
}

impl Bus for Cluster {
    fn publish(&self, envelope: Envelope) {
        if !self.peers.is_alone() {
            self.outbound.push(envelope.clone());
        }
        self.inbox.deliver_local(envelope);
    }
}

/// Counts a packet of a node that is not known. Every node that joins sends some. Logs every thousandth.
fn count_unknown(counter: &AtomicU64) {
    let packets = counter.fetch_add(1, Ordering::Relaxed) + 1;
    if packets.is_multiple_of(1_000) {
        tracing::warn!(packets, "packets of nodes that hold no lease in this database are ignored");
    }
}

/// Counts a packet that is not delivered. Logs the first of its kind, and then every thousandth.
fn count(counter: &AtomicU64, reason: &str) {
    let before = counter.fetch_add(1, Ordering::Relaxed);
    if before.is_multiple_of(1_000) {
        tracing::warn!(packets = before + 1, reason, "a packet of the bus is ignored");
    }
}
