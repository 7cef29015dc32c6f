//! Nodes that meet, and copies of their packets. The test is their carrier.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::advance;
use uuid::Uuid;

use crate::bus::cluster::{Cluster, Seal};
use crate::bus::{Audience, Bus, Envelope, Hints, Inbox};
use crate::domain::{ConversationId, Incarnation, SessionId, UserId};
use crate::limits;
use crate::registry::EncodedEvents;

/// Makes nodes of one cluster know each other, and carries their challenges and responses.
pub(in crate::bus::cluster) fn introduce(one: &Cluster, other: &Cluster) {
    one.set_live([other.seal.incarnation()]);
    other.set_live([one.seal.incarnation()]);
    while carry(one, other) + carry(other, one) > 0 {}
    assert!(one.peers.have_responded() && other.peers.have_responded());
}

/// Carries what waits at one node to the other. Returns the number of packets.
fn carry(from: &Cluster, to: &Cluster) -> usize {
    let packets = packets_of(from);
    for packet in &packets {
        to.receive(packet);
    }
    packets.len()
}

/// Returns what waits at a node, in a packet if there is something.
fn packets_of(node: &Cluster) -> Vec<Bytes> {
    let waiting = node.outbound.take().now_or_never();
    waiting.into_iter().map(|batch| Bytes::from(node.packet(batch.history, &batch.envelopes))).collect()
}

/// Keeps what other nodes said.
#[derive(Default)]
pub(in crate::bus::cluster) struct Recorder(pub(in crate::bus::cluster) Mutex<Vec<Envelope>>);

impl Inbox for Recorder {
    fn deliver_local(&self, _: Envelope) {}

    fn deliver_remote(&self, envelope: Envelope) {
        self.0.lock().expect("not poisoned").push(envelope);
    }

    fn on_reconnect(&self) {}
}

struct Node {
    cluster: Arc<Cluster>,
    inbox: Arc<Recorder>,
}

impl Node {
    fn new() -> Self {
        let inbox = Arc::<Recorder>::default();
        let seal = Seal::new(b"0123456789abcdef0123456789abcdef", Uuid::nil(), Incarnation::new());
        Self { cluster: Cluster::new(Arc::clone(&inbox) as _, seal, Arc::default()), inbox }
    }

    fn id(&self) -> Incarnation {
        self.cluster.seal.incarnation()
    }

    /// Returns the envelopes that came since the last call.
    fn heard(&self) -> Vec<Envelope> {
        std::mem::take(&mut self.inbox.0.lock().expect("not poisoned"))
    }

    /// Returns the number of packets that were refused because they are old, or may be.
    fn stale(&self) -> u64 {
        let refused = &self.cluster.refused;
        refused.stale.count() + refused.early.count()
    }

    /// Publishes an envelope, and returns the packet.
    fn says(&self, envelope: Envelope) -> Bytes {
        self.cluster.publish(envelope);
        packets_of(&self.cluster).remove(0)
    }
}

fn frame() -> Envelope {
    let audience = Audience::Users { user_ids: vec![UserId::new()], conversation_id: None };
    Envelope::Ephemeral { audience, frame: Bytes::from_static(b"{}") }
}

#[test]
fn copies_from_before_a_meeting_are_not_delivered_after_it_either() {
    let [one, other, newcomer] = [Node::new(), Node::new(), Node::new()];
    introduce(&one.cluster, &other.cluster);
    let copies =
        [one.says(frame()), one.says(Envelope::ReceiptsSwitched { user_id: UserId::new(), send_receipts: false })];
    newcomer.cluster.set_live([one.id()]);
    newcomer.cluster.receive(&copies[0]);
    assert!(newcomer.heard().is_empty() && newcomer.stale() == 1, "not before");
    introduce(&one.cluster, &newcomer.cluster);
    newcomer.heard();
    for copy in &copies {
        newcomer.cluster.receive(copy);
    }
    assert!(newcomer.heard().is_empty() && newcomer.stale() == 3, "and not after");
    newcomer.cluster.receive(&one.says(frame()));
    assert!(matches!(newcomer.heard()[..], [Envelope::Ephemeral { .. }]));
}

#[test]
fn a_peer_that_was_taken_for_dead_is_met_anew() {
    let [one, other] = [Node::new(), Node::new()];
    introduce(&one.cluster, &other.cluster);
    let heard = one.says(frame());
    other.cluster.receive(&heard);
    assert_eq!(other.heard().len(), 1);
    other.cluster.set_live([]);
    let unheard = one.says(frame());
    other.cluster.set_live([one.id()]);
    for copy in [&heard, &unheard] {
        other.cluster.receive(copy);
    }
    assert!(other.heard().is_empty() && other.stale() == 2);
    while carry(&other.cluster, &one.cluster) + carry(&one.cluster, &other.cluster) > 0 {}
    other.cluster.receive(&one.says(frame()));
    assert_eq!(other.heard().len(), 1);
}

#[test]
fn the_key_of_a_node_is_kept_while_the_node_is_alive() {
    let [one, other, third] = [Node::new(), Node::new(), Node::new()];
    introduce(&one.cluster, &other.cluster);
    let keys = |node: &Node| node.cluster.seal.known_count();
    other.cluster.receive(&third.cluster.packet(None, &[frame()]));
    assert_eq!(keys(&other), 2, "a lease that this node does not know of yet");
    other.cluster.set_live([one.id()]);
    assert_eq!(keys(&other), 1);
    other.cluster.set_live([]);
    assert_eq!(keys(&other), 0);
}

#[test]
fn a_node_that_waits_for_a_response_delivers_what_may_come_twice() {
    let [one, other] = [Node::new(), Node::new()];
    one.cluster.set_live([other.id()]);
    other.cluster.set_live([one.id()]);
    drop(packets_of(&one.cluster));
    let conversation_id = ConversationId::new();
    let frames = Bytes::from_static(b"{}");
    let events = EncodedEvents { conversation_id, first_seq: 7, ends: vec![frames.len()], frames };
    other.cluster.receive(&one.says(Envelope::Events(vec![events])));
    other.cluster.receive(&one.says(Envelope::SessionsEnded(vec![SessionId::new()])));
    let heard = other.heard();
    let [Envelope::Hints(Hints { heads, .. }), Envelope::SessionsEnded(_)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(heads, &[(conversation_id, 7)]);
    assert_eq!(other.stale(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_repeated_when_packets_come_without_a_response() {
    let [one, other] = [Node::new(), Node::new()];
    one.cluster.set_live([other.id()]);
    other.cluster.set_live([one.id()]);
    for node in [&one, &other] {
        assert_eq!(packets_of(&node.cluster).len(), 1, "a challenge, which is lost");
    }
    other.cluster.receive(&one.says(frame()));
    assert!(packets_of(&other.cluster).is_empty(), "it has just sent one");
    advance(limits::NODE_CHALLENGE_PAUSE).await;
    other.cluster.receive(&one.says(frame()));
    // The one repeats its own at once, because the other knows it now.
    while carry(&other.cluster, &one.cluster) + carry(&one.cluster, &other.cluster) > 0 {}
    assert!(one.cluster.peers.have_responded() && other.cluster.peers.have_responded());
    other.cluster.receive(&one.says(frame()));
    assert_eq!(other.heard().len(), 1);
}

#[test]
fn a_node_responds_to_its_own_challenges_alone_and_other_responses_do_not_count() {
    let [one, other, third] = [Node::new(), Node::new(), Node::new()];
    introduce(&one.cluster, &other.cluster);
    one.cluster.set_live([other.id(), third.id()]);
    let challenge = packets_of(&one.cluster).remove(0);
    other.cluster.receive(&challenge);
    assert!(packets_of(&other.cluster).is_empty(), "the third is challenged");
    // A response to another node.
    other.cluster.set_live([one.id(), third.id()]);
    let theirs = packets_of(&other.cluster).remove(0);
    third.cluster.set_live([one.id(), other.id()]);
    drop(packets_of(&third.cluster));
    third.cluster.receive(&theirs);
    one.cluster.receive(&packets_of(&third.cluster).remove(0));
    assert!(!one.cluster.peers.have_responded());
}
