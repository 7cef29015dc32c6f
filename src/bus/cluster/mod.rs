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
mod outbound;
mod peers;
mod seal;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use bytes::Malformed;
pub use outbound::Outbound;
pub use peers::{Admission, Peers};
pub use seal::{Opened, Refusal, SEAL_BYTES, Seal};

use ::bytes::Bytes;

use super::{Bus, Envelope, Inbox};

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
        Arc::new(Self { inbox, seal, peers, outbound, refused })
    }

    /// Returns a packet for other nodes.
    pub fn packet<'a>(&self, envelopes: impl IntoIterator<Item = &'a Envelope>) -> Vec<u8> {
        self.seal.seal(&codec::encode(envelopes))
    }

    /// Delivers a packet that a carrier brought. Ignores packets of others, and counts them.
    pub fn receive(&self, packet: &Bytes) {
        let refused = &self.refused;
        let opened = match self.seal.open(packet) {
            Ok(opened) => opened,
            Err(Refusal::Own) => return,
            Err(Refusal::Foreign) => return count(&refused.foreign, "it was not sealed with this cluster's secret"),
            Err(Refusal::OtherCluster) => {
                return count(&refused.other_cluster, "it is of a cluster on another database");
            }
        };
        match self.peers.admit(opened.from, opened.counter) {
            Admission::New => {}
            Admission::Stale => return count(&refused.stale, "it came before, or is too old"),
            Admission::Unknown => return count(&refused.unknown, "its sender holds no lease"),
        }
        match codec::decode(opened.body) {
            Ok(envelopes) => envelopes.into_iter().for_each(|envelope| self.inbox.deliver_remote(envelope)),
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

/// Counts a packet that is not delivered. Logs the first of its kind, and then every thousandth.
fn count(counter: &AtomicU64, reason: &str) {
    let before = counter.fetch_add(1, Ordering::Relaxed);
    if before.is_multiple_of(1_000) {
        tracing::warn!(packets = before + 1, reason, "a packet of the bus is ignored");
    }
}
