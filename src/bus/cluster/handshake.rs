//! The handshake of two nodes, by which each tells the packets of the other from copies of older ones.
//!
//! A stranger who can publish on the bus can send a packet of a node once more. A node ignores packets that it had. But one that has just started, or
//! that had taken a peer for dead, has had none. So a node that sees the lease of a peer sends it a challenge that was never sent before. The response bears the
//! peer's seal and counter: packets with higher counters were sealed later, and so after the two met.
//!
//! A challenge is a request to end no sessions, which nodes of schema 28 acknowledge too. It is repeated when packets come without a response. Before
//! the response a node delivers of a packet what may come twice: what is compared with the store, and the ends of sessions, which stay ended.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::fragments::FRAGMENT;
use super::{Cluster, codec};
use crate::bus::{Envelope, RequestId};
use crate::domain::Incarnation;
use crate::limits;

/// Bytes of a challenge that are unique: the time and the counter of a UUID. Those behind them are the last bytes of the challenged node's id, which are
/// random.
const UNIQUE_BYTES: usize = 12;

/// Returns a new challenge to a node.
pub(super) fn challenge_for(node: Incarnation) -> RequestId {
    let mut bytes = *Uuid::now_v7().as_bytes();
    bytes[UNIQUE_BYTES..].copy_from_slice(&node.0.as_bytes()[UNIQUE_BYTES..]);
    RequestId(Uuid::from_bytes(bytes))
}

/// Returns true if the node is challenged. If two nodes have the same last bytes, both respond, and the challenger ignores the other's response.
fn is_challenge_to(challenge: RequestId, node: Incarnation) -> bool {
    challenge.0.as_bytes()[UNIQUE_BYTES..] == node.0.as_bytes()[UNIQUE_BYTES..]
}

impl Cluster {
    /// Replaces the peers, and challenges those that are new. Drops the keys of all others.
    pub fn set_live(&self, live: impl IntoIterator<Item = Incarnation>) {
        let live: HashSet<Incarnation> = live.into_iter().collect();
        self.seal.retain(&live);
        for challenge in self.peers.set_live(live) {
            self.challenge(challenge);
        }
    }

    fn challenge(&self, challenge: RequestId) {
        self.outbound.push(Envelope::EndSessions { request: challenge, sessions: Vec::new() });
    }

    /// Responds to a challenge. Repeats this node's own if the sender has not responded: it did not know this node when that came.
    pub(super) fn respond(&self, from: Incarnation, challenge: RequestId) {
        if is_challenge_to(challenge, self.seal.incarnation()) {
            self.outbound.push(Envelope::Acknowledged(challenge));
            self.challenge_again(from, Duration::ZERO);
        }
    }

    fn challenge_again(&self, node: Incarnation, pause: Duration) {
        if let Some(challenge) = self.peers.unanswered(node, pause) {
            self.challenge(challenge);
        }
    }

    /// Delivers a packet that may be a copy: all of it if it has the response to this node's challenge, and otherwise what may come twice.
    pub(super) fn deliver_early(&self, from: Incarnation, counter: u64, body: Bytes) {
        const REASON: &str = "they may be copies from before this node met their senders";
        if body.first() == Some(&FRAGMENT) {
            return self.refused.early.add_quietly(REASON);
        }
        let Ok((history, envelopes)) = codec::decode(body) else {
            return self.refused.malformed.add("its version is not this node's");
        };
        let is_response = envelopes.iter().any(
            |envelope| matches!(envelope, Envelope::Acknowledged(id) if self.peers.record_response(from, *id, counter)),
        );
        let all = envelopes.len();
        let deliverable = |envelope| if is_response { Some(envelope) } else { repeatable(envelope) };
        let envelopes: Vec<Envelope> = envelopes.into_iter().filter_map(deliverable).collect();
        let is_whole = envelopes.len() == all;
        self.deliver_of(history, from, envelopes);
        if !is_whole {
            self.refused.early.add_quietly(REASON);
        }
        self.challenge_again(from, limits::NODE_CHALLENGE_PAUSE);
    }
}

/// Returns the form of an envelope that does no harm if it comes twice. `None` if it has none.
fn repeatable(envelope: Envelope) -> Option<Envelope> {
    match envelope.hints() {
        Some(hints) => Some(Envelope::Hints(hints)),
        None => {
            matches!(envelope, Envelope::SessionsEnded(_) | Envelope::EndSessions { .. } | Envelope::Acknowledged(_))
                .then_some(envelope)
        }
    }
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
pub(super) mod tests;
