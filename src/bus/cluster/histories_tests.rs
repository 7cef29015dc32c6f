//! Two nodes whose databases have other histories, as during a failover. The test carries their packets.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use uuid::Uuid;

use super::handshake::tests::introduce;
use super::{Cluster, OutboundBatch, Seal};
use crate::bus::{Bus, Envelope, Hints, Inbox};
use crate::domain::{ConversationId, Incarnation};
use crate::registry::EncodedEvents;
use crate::store::{History, HistoryGate};

/// Records the bytes of events, and the numbers of hints.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Inbox for Recorder {
    fn deliver_local(&self, _: Envelope) {}

    fn deliver_remote(&self, envelope: Envelope) {
        let text = match envelope {
            Envelope::Events(events) => String::from_utf8_lossy(&events[0].frames).into_owned(),
            Envelope::Hints(Hints { heads, everything, .. }) if !everything => format!("up to {}", heads[0].1),
            _ => "everything".to_owned(),
        };
        self.0.lock().expect("not poisoned").push(text);
    }

    fn on_reconnect(&self) {}
}

struct Node {
    cluster: Arc<Cluster>,
    inbox: Arc<Recorder>,
    gate: Arc<HistoryGate>,
}

impl Node {
    /// Publishes the event of a message.
    fn publish(&self, text: &'static str) {
        let (conversation_id, frames) = (ConversationId::new(), Bytes::from_static(text.as_bytes()));
        let events = EncodedEvents { conversation_id, first_seq: 3, ends: vec![frames.len()], frames };
        self.cluster.publish(Envelope::Events(vec![events]));
    }

    /// Takes what waits, in the packets of both carriers: whole, and as hints.
    fn packets(&self) -> Vec<Bytes> {
        self.sealed(&self.cluster.outbound.take_now())
    }

    fn sealed(&self, OutboundBatch { history, envelopes, .. }: &OutboundBatch) -> Vec<Bytes> {
        let mut packets = self.cluster.small_packets(*history, envelopes, 1_000);
        packets.insert(0, self.cluster.packet(*history, envelopes));
        packets.into_iter().map(Bytes::from).collect()
    }

    fn receive(&self, packets: &[Bytes]) -> Vec<String> {
        for packet in packets {
            self.cluster.receive(packet);
        }
        std::mem::take(&mut *self.inbox.0.lock().expect("not poisoned"))
    }

    /// Reaches a server on this timeline, ends all connections of clients if it is another, and connects.
    fn reach(&self, timeline: u32) {
        let history = Some(History { cluster: 1, timeline });
        if self.gate.admit(history).is_err() {
            self.gate.open();
            self.gate.admit(history).expect("the gate is open");
        }
    }

    /// Returns the number of packets of other histories, and of those that it has not reached.
    fn refused(&self) -> (u64, u64) {
        let refused = &self.cluster.refused;
        (refused.other_history.count(), refused.unconfirmed_history.count())
    }
}

/// Returns two nodes that know each other, on the first timeline.
fn nodes() -> [Node; 2] {
    let nodes = [(); 2].map(|()| {
        let (inbox, gate) = (Arc::<Recorder>::default(), Arc::<HistoryGate>::default());
        let seal = Seal::new(b"0123456789abcdef0123456789abcdef", Uuid::nil(), Incarnation::new());
        let cluster = Cluster::new(Arc::clone(&inbox) as _, seal, Arc::clone(&gate));
        Node { cluster, inbox, gate }
    });
    introduce(&nodes[0].cluster, &nodes[1].cluster);
    for node in &nodes {
        node.reach(1);
    }
    nodes
}

#[test]
fn packets_of_a_history_that_was_replaced_are_refused() {
    let [one, other] = nodes();
    one.publish("three");
    assert_eq!(other.receive(&one.packets()), ["three", "up to 3"]);
    one.publish("lost");
    let late = one.packets();
    other.reach(2);
    assert_eq!((other.receive(&late).len(), other.refused()), (0, (2, 0)));
    one.reach(2);
    one.publish("new");
    assert_eq!(other.receive(&one.packets()), ["new", "up to 3"]);
}

#[test]
fn envelopes_that_were_taken_before_are_of_the_history_before() {
    let [one, other] = nodes();
    one.publish("lost");
    let taken = one.cluster.outbound.take_now();
    one.reach(2);
    other.reach(2);
    assert_eq!((other.receive(&one.sealed(&taken)).len(), other.refused()), (0, (2, 0)));
}

#[test]
fn envelopes_that_wait_when_the_history_is_replaced_never_leave() {
    let [one, other] = nodes();
    one.publish("lost");
    one.reach(2);
    other.reach(2);
    one.cluster.publish(Envelope::Hints(Hints { everything: true, ..Hints::default() }));
    assert_eq!(other.receive(&one.packets()), ["everything", "everything"]);
}

#[test]
fn packets_of_a_newer_history_come_once_the_node_has_reached_it() {
    let [one, other] = nodes();
    one.reach(2);
    one.publish("new");
    assert_eq!((other.receive(&one.packets()).len(), other.refused()), (0, (0, 2)));
    let primary_of_before = Some(History { cluster: 1, timeline: 1 });
    other.gate.open();
    assert!(other.gate.admit(primary_of_before).is_err(), "it may take writes that are lost");
    one.publish("newer");
    assert_eq!((other.receive(&one.packets()).len(), other.refused()), (0, (0, 4)));
    other.reach(2);
    one.publish("newest");
    assert_eq!(other.receive(&one.packets()), ["newest", "up to 3"]);
}

#[test]
fn a_node_that_knows_no_history_is_heard() {
    let [one, other] = nodes();
    one.publish("three");
    let batch = OutboundBatch { history: None, ..one.cluster.outbound.take_now() };
    other.reach(2);
    assert_eq!(other.receive(&one.sealed(&batch)), ["three", "up to 3"]);
}
