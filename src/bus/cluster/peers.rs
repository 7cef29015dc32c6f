//! Peers: the other nodes of the cluster that are alive, and the packets that came from each.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::handshake::challenge_for;
use super::replay_window::ReplayWindow;
use crate::bus::RequestId;
use crate::domain::Incarnation;

/// The other nodes that hold a lease in the store. Bounded by the leases there.
#[derive(Default)]
pub struct Peers(Mutex<HashMap<Incarnation, Peer>>);

struct Peer {
    window: ReplayWindow,
    /// The counter of the response to `challenge`. Packets with lower ones may be copies from before this node met the peer. `None` before the response.
    responded_at: Option<u64>,
    challenge: RequestId,
    challenged_at: Instant,
    /// A packet came since the last call of [`Peers::take_heard`].
    is_heard: bool,
}

/// The result of a look at a packet's sender and counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The packet is new.
    New,
    /// The packet has not come before, but may be a copy of one that is older than the handshake with its sender.
    Early,
    /// The packet came before, or is older than [`crate::limits::REPLAY_WINDOW`] packets.
    Stale,
    /// The sender holds no lease that this node knows of.
    Unknown,
}

impl Peers {
    /// Replaces the nodes that are alive. Returns a challenge to each that is new.
    pub(super) fn set_live(&self, live: impl IntoIterator<Item = Incarnation>) -> Vec<RequestId> {
        let mut peers = self.peers();
        let mut before = std::mem::take(&mut *peers);
        let mut challenges = Vec::new();
        for incarnation in live {
            let peer = before.remove(&incarnation).unwrap_or_else(|| {
                let challenge = challenge_for(incarnation);
                challenges.push(challenge);
                let (window, challenged_at) = (ReplayWindow::default(), Instant::now());
                Peer { window, responded_at: None, challenge, challenged_at, is_heard: false }
            });
            peers.insert(incarnation, peer);
        }
        challenges
    }

    /// Returns the nodes that are alive.
    pub fn live(&self) -> Vec<Incarnation> {
        self.peers().keys().copied().collect()
    }

    /// Returns how many other nodes are alive.
    pub fn count(&self) -> usize {
        self.peers().len()
    }

    /// Returns true if no other node is alive.
    pub fn is_alone(&self) -> bool {
        self.peers().is_empty()
    }

    /// Returns true if all nodes that are alive have responded to this one.
    pub fn have_responded(&self) -> bool {
        self.peers().values().all(|peer| peer.responded_at.is_some())
    }

    /// Records a packet.
    pub fn admit(&self, from: Incarnation, counter: u64) -> Admission {
        let mut peers = self.peers();
        let Some(peer) = peers.get_mut(&from) else { return Admission::Unknown };
        if !peer.window.admit(counter) {
            return Admission::Stale;
        }
        peer.is_heard = true;
        match peer.responded_at {
            Some(first) if first <= counter => Admission::New,
            _ => Admission::Early,
        }
    }

    /// Returns the peers of which packets came since the last call.
    pub fn take_heard(&self) -> HashSet<Incarnation> {
        let mut peers = self.peers();
        let heard = peers.iter_mut().filter_map(|(node, peer)| std::mem::take(&mut peer.is_heard).then_some(*node));
        heard.collect()
    }

    /// Records a response with this counter. Returns false if the sender got another challenge, or had responded before.
    pub(super) fn record_response(&self, from: Incarnation, challenge: RequestId, counter: u64) -> bool {
        let mut peers = self.peers();
        let Some(peer) = peers.get_mut(&from) else { return false };
        let is_response = peer.challenge == challenge && peer.responded_at.is_none();
        if is_response {
            peer.responded_at = Some(counter);
        }
        is_response
    }

    /// Returns the challenge to a node that has not responded, if it was last sent `pause` ago or earlier. The caller sends it again.
    pub(super) fn unanswered(&self, node: Incarnation, pause: Duration) -> Option<RequestId> {
        let mut peers = self.peers();
        let peer = peers.get_mut(&node).filter(|peer| peer.responded_at.is_none())?;
        let now = Instant::now();
        let is_due = now - peer.challenged_at >= pause;
        is_due.then(|| {
            peer.challenged_at = now;
            peer.challenge
        })
    }

    /// A panic under the lock leaves a valid map.
    fn peers(&self) -> MutexGuard<'_, HashMap<Incarnation, Peer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Peers};
    use crate::domain::Incarnation;

    #[test]
    fn only_nodes_that_are_alive_are_heard() {
        let (peers, one, other) = (Peers::default(), Incarnation::new(), Incarnation::new());
        assert!(peers.is_alone());
        assert_eq!(peers.admit(one, 1), Admission::Unknown);
        assert_eq!(peers.set_live([one]).len(), 1);
        assert_eq!(peers.admit(one, 1), Admission::Early);
        assert_eq!(peers.take_heard(), [one].into());
        assert_eq!(peers.set_live([other, one]).len(), 1);
        assert_eq!(peers.admit(one, 1), Admission::Stale, "a node that stays keeps its window");
        assert!(peers.take_heard().is_empty(), "a copy says nothing of its sender");
        assert!(peers.set_live([other]).is_empty());
        assert_eq!(peers.admit(one, 2), Admission::Unknown);
    }

    #[test]
    fn a_packet_is_new_from_the_response_on() {
        let (peers, node) = (Peers::default(), Incarnation::new());
        let challenge = peers.set_live([node])[0];
        assert!(!peers.have_responded());
        assert!(peers.record_response(node, challenge, 7));
        assert!(peers.have_responded());
        let admitted = [6, 7, 8].map(|counter| peers.admit(node, counter));
        assert_eq!(admitted, [Admission::Early, Admission::New, Admission::New]);
        assert!(!peers.record_response(node, challenge, 3), "a later response changes nothing");
        assert_eq!(peers.admit(node, 5), Admission::Early);
    }

    #[test]
    fn a_node_that_returns_gets_another_challenge() {
        let (peers, node) = (Peers::default(), Incarnation::new());
        let first = peers.set_live([node])[0];
        assert!(peers.record_response(node, first, 7));
        peers.set_live([]);
        let second = peers.set_live([node])[0];
        assert!(first != second && !peers.record_response(node, first, 7));
        assert_eq!(peers.admit(node, 8), Admission::Early);
    }
}
