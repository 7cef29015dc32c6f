//! The bus of several nodes. A carrier takes packets of envelopes to the other nodes, and brings theirs.
//!
//! ```text
//! publish → this node's inbox
//!         → Outbound → the carrier's task: Cluster::packet → NOTIFY or NATS
//!                      the carrier's task: Cluster::receive → Seal → Peers → codec → HistoryGate → this node's inbox
//! ```
//!
//! Each packet names the history of the database in which its events were committed: after a failover their numbers may be those of others. A node
//! delivers the packets of its own history alone.
//!
//! The path of a send only pushes to [`Outbound`], which drops when it is full. A node that is alone publishes to nobody.

mod acknowledgements;
mod bytes;
mod codec;
mod codec_history;
mod codec_presence;
mod fragments;
mod handshake;
mod keys;
pub mod nats;
pub mod notify;
mod outbound;
mod packing;
mod peers;
mod refused;
mod replay_window;
mod seal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use acknowledgements::Acknowledgements;
use async_trait::async_trait;
pub use bytes::Malformed;
use fragments::{FRAGMENT, Fragments};
pub use outbound::{Outbound, OutboundBatch};
pub use peers::{Admission, Peers};
pub use refused::{Refused, RefusedPackets};
pub use seal::{Opened, Refusal, SEAL_BYTES, Seal};

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Bus, Envelope, Hints, Inbox, Others};
use crate::domain::{Incarnation, SessionId};
use crate::limits;
use crate::store::{History, HistoryGate, Mismatch};

/// This node's side of the bus that joins it to others.
pub struct Cluster {
    inbox: Arc<dyn Inbox>,
    seal: Seal,
    gate: Arc<HistoryGate>,
    /// The other nodes that are alive.
    pub peers: Peers,
    /// The envelopes that wait for the carrier.
    pub outbound: Outbound,
    /// Counts the packets that were not delivered.
    pub refused: Refused,
    /// Wakes who looks for the leases of nodes, after a packet of a node that has none as far as this node knows.
    pub newcomer: Notify,
    fragments: Fragments,
    /// The carrier has lost its connection.
    is_cut_off: AtomicBool,
    /// The carrier has a connection.
    is_connected: AtomicBool,
    acknowledgements: Acknowledgements,
}

impl Cluster {
    /// Joins a node to others. `gate` is that of its store.
    pub fn new(inbox: Arc<dyn Inbox>, seal: Seal, gate: Arc<HistoryGate>) -> Arc<Self> {
        let (peers, outbound, refused) = (Peers::default(), Outbound::new(Arc::clone(&gate)), Refused::default());
        let (newcomer, fragments, is_cut_off) = (Notify::new(), Fragments::default(), AtomicBool::new(false));
        let (is_connected, acknowledgements) = (AtomicBool::new(false), Acknowledgements::default());
        Arc::new(Self {
            inbox,
            seal,
            gate,
            peers,
            outbound,
            refused,
            newcomer,
            fragments,
            is_cut_off,
            is_connected,
            acknowledgements,
        })
    }

    /// Returns a packet for other nodes.
    pub fn packet(&self, history: Option<History>, envelopes: &[Envelope]) -> Vec<u8> {
        let bytes = envelopes.iter().map(Envelope::size).sum();
        self.seal.seal_written(bytes, |packet| codec::encode_after(packet, history, envelopes))
    }

    /// Returns packets of at most `bytes_max` bytes for other nodes, at least one. Envelopes that the store can repeat become hints in them.
    pub fn small_packets(&self, history: Option<History>, envelopes: &[Envelope], bytes_max: usize) -> Vec<Vec<u8>> {
        let bodies = packing::pack(history, envelopes, bytes_max.saturating_sub(SEAL_BYTES));
        bodies.iter().map(|body| self.seal.seal(body)).collect()
    }

    /// Makes other nodes look for this one, if any are alive.
    pub fn say_hello(&self) {
        if !self.peers.is_alone() {
            self.outbound.push(Envelope::Hints(Hints::default()));
        }
    }

    /// Delivers a packet that a carrier brought. Ignores packets of others, and counts them. Returns true for a packet of this node itself.
    pub fn receive(&self, packet: &[u8]) -> bool {
        let refused = &self.refused;
        match self.seal.open(packet) {
            Ok(opened) => self.deliver(opened),
            Err(Refusal::Own) => return true,
            Err(Refusal::Foreign) => {
                refused.foreign.add("it was not sealed with the CHINWAG_JWT_SECRET of this node");
            }
            Err(Refusal::OtherCluster) => refused.other_cluster.add("it is of a cluster on another database"),
        }
        false
    }

    fn deliver(&self, Opened { from, counter, body }: Opened) {
        let refused = &self.refused;
        match self.peers.admit(from, counter) {
            Admission::New => {}
            Admission::Early => return self.deliver_early(from, counter, body),
            Admission::Stale => return refused.stale.add("it came before, or is too old"),
            Admission::Unknown => {
                self.newcomer.notify_one();
                return refused.unknown.add_quietly("their nodes hold no lease in this database");
            }
        }
        let whole = if body.first() == Some(&FRAGMENT) { self.fragments.add(from, body) } else { Ok(Some(body)) };
        match whole.and_then(|body| body.map(codec::decode).transpose()) {
            Ok(None) => {}
            Ok(Some((history, envelopes))) => self.deliver_of(history, from, envelopes),
            Err(Malformed) => refused.malformed.add("its version is not this node's"),
        }
    }

    /// Delivers envelopes that another node has sealed in a history of the database.
    fn deliver_of(&self, history: Option<History>, from: Incarnation, envelopes: Vec<Envelope>) {
        let refused = &self.refused;
        let deliver = || envelopes.into_iter().for_each(|envelope| self.deliver_envelope(from, envelope));
        match self.gate.deliver_of(history, deliver) {
            Ok(()) => {}
            Err(Mismatch::Other) => {
                refused.other_history.add("it is of a history of the database that is not this node's");
            }
            Err(Mismatch::Unconfirmed) => {
                refused.unconfirmed_history.add("it is of a history of the database that this node has not reached");
            }
        }
    }

    /// Delivers an envelope of another node, or acknowledges it, or records its acknowledgement.
    fn deliver_envelope(&self, from: Incarnation, envelope: Envelope) {
        match envelope {
            Envelope::EndSessions { request, sessions } if sessions.is_empty() => self.respond(from, request),
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

    /// Records that the carrier has lost its connection, or has it again. Carriers call it. While this node is cut off, it keeps the presence of
    /// other nodes as it was: it cannot know better. A node counts as connected before its carrier begins.
    pub fn set_connected(&self, is_connected: bool) {
        self.is_cut_off.store(!is_connected, Ordering::Relaxed);
        self.is_connected.store(is_connected, Ordering::Relaxed);
    }

    /// Returns true if the carrier has a connection. It has none before its first one.
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
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

    fn others(&self) -> Others {
        Others {
            own: Some(self.seal.incarnation()),
            live: Some(self.peers.live()),
            is_cut_off: self.is_cut_off.load(Ordering::Relaxed),
        }
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

#[cfg(test)]
#[path = "histories_tests.rs"]
mod histories_tests;

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
