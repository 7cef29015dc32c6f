//! The bus of several nodes. A carrier takes packets of envelopes to the other nodes, and brings theirs.
//!
//! ```text
//! publish → this node's inbox
//!         → Outbound → the carrier's task: Cluster::seal → NOTIFY or NATS
//!                      the carrier's task: Cluster::receive → Seal → Peers → codec → this node's inbox
//! ```
//!
//! The path of a send only pushes to [`Outbound`], which drops when it is full. A node that is alone publishes to nobody.

mod acknowledgements;
mod bytes;
mod codec;
mod outbound;
mod peers;
mod seal;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use acknowledgements::Acknowledgements;
use async_trait::async_trait;
pub use bytes::Malformed;
pub use outbound::Outbound;
pub use peers::{Admission, Peers};
pub use seal::{Opened, Refusal, SEAL_BYTES, Seal};

use ::bytes::Bytes;
use futures_util::future::join_all;

use tokio::time::timeout;

use super::{Bus, Envelope, Inbox};
use crate::domain::{Incarnation, SessionId};
use crate::limits;

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
    acknowledgements: Acknowledgements,
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
        Arc::new(Self { inbox, seal, peers, outbound, refused, acknowledgements: Acknowledgements::default() })
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
            Ok(envelopes) => envelopes.into_iter().for_each(|envelope| self.deliver(opened.from, envelope)),
            Err(Malformed) => count(&refused.malformed, "its version is not this node's"),
        }
    }

    /// Delivers an envelope of another node, or acknowledges it, or records its acknowledgement.
    fn deliver(&self, from: Incarnation, envelope: Envelope) {
        match envelope {
            Envelope::EndSessions { request, sessions } => {
                self.inbox.deliver_remote(Envelope::SessionsEnded(sessions));
                self.outbound.push(Envelope::Acknowledged(request));
            }
            Envelope::Acknowledged(request) => self.acknowledgements.record(request, from),
            other => self.inbox.deliver_remote(other),
        }
    }

    /// Compares this node with the store, after a time in which the carrier may have lost packets.
    pub fn reconnected(&self) {
        self.inbox.on_reconnect();
    }
}

#[async_trait]
impl Bus for Cluster {
    fn publish(&self, envelope: Envelope) {
        if !self.peers.is_alone() {
            self.outbound.push(envelope.clone());
        }
        self.inbox.deliver_local(envelope);
    }

    async fn end_sessions(&self, sessions: Vec<SessionId>) {
        let (nodes, mut requests) = (self.peers.live(), Vec::new());
        for sessions in sessions.chunks(limits::SESSIONS_PER_ENVELOPE_MAX).map(<[_]>::to_vec) {
            // A request beyond the bound is made as well, and nobody waits for it.
            let request = self.acknowledgements.request(&nodes);
            if !nodes.is_empty() {
                self.outbound.push(match &request {
                    Some(request) => Envelope::EndSessions { request: request.id, sessions },
                    None => Envelope::SessionsEnded(sessions),
                });
            }
            requests.extend(request);
        }
        self.inbox.deliver_local(Envelope::SessionsEnded(sessions));
        let acknowledged = join_all(requests.iter().map(acknowledgements::Request::acknowledged));
        if timeout(limits::SESSIONS_END_WAIT, acknowledged).await.is_err() {
            tracing::debug!("a node has not acknowledged the end of sessions; it reads them from the store");
        }
    }
}

/// Counts a packet that is not delivered. Logs the first of its kind, and then every thousandth.
fn count(counter: &AtomicU64, reason: &str) {
    let before = counter.fetch_add(1, Ordering::Relaxed);
    if before.is_multiple_of(1_000) {
        tracing::warn!(packets = before + 1, reason, "a packet of the bus is ignored");
    }
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
