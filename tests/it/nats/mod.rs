//! Nodes that exchange packets over a real NATS.

mod apart;
mod carrier;
mod credentials;
mod logins;
pub(crate) mod nodes;
mod outages;
mod reasons;
mod strangers;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chinwag::bus::cluster::nats::{Servers, TlsFiles, connect};
use chinwag::bus::cluster::{Cluster, Seal};
use chinwag::bus::{Bus, Envelope, Hints, Inbox};
use chinwag::domain::{ConversationId, Incarnation, Shards};
use chinwag::limits::NATS_UNDIVIDED_PEERS_MAX;
use chinwag::registry::{EncodedEvents, Interest};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::support::socket::TEST_TIMEOUT;

const SECRET: &[u8] = b"one secret for all the nodes there are";
const SHARDS: Shards = Shards(NonZeroU32::new(4_096).unwrap());

/// A node of one process, with an inbox that keeps what it gets.
struct TestNode {
    cluster_id: Uuid,
    cluster: Arc<Cluster>,
    inbox: Arc<RecordingInbox>,
    incarnation: Incarnation,
    interest: Arc<Interest>,
    heard: mpsc::UnboundedReceiver<Heard>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

/// A call that an inbox gets from the bus.
#[derive(Debug)]
enum Heard {
    Envelope(Envelope),
    /// The node compares itself with the store.
    Compare,
}

struct RecordingInbox {
    heard: mpsc::UnboundedSender<Heard>,
    /// Holds up the next envelope until its sender is dropped.
    gate: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

impl Inbox for RecordingInbox {
    fn deliver_local(&self, _: Envelope) {}

    fn deliver_remote(&self, envelope: Envelope) {
        let gate = self.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            let _ = gate.recv();
        }
        let _ = self.heard.send(Heard::Envelope(envelope));
    }

    fn on_reconnect(&self) {
        let _ = self.heard.send(Heard::Compare);
    }
}

impl TestNode {
    /// Starts a node of a cluster. It does not wait for NATS.
    async fn start(url: &str, tls: &TlsFiles, cluster_id: Uuid, secret: &[u8]) -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        let incarnation = Incarnation::new();
        let inbox = Arc::new(RecordingInbox { heard: sender, gate: Mutex::default() });
        let seal = Seal::new(secret, cluster_id, incarnation);
        let cluster = Cluster::new(Arc::clone(&inbox) as _, seal, Arc::default());
        let interest = Arc::new(Interest::new(SHARDS));
        let servers = Servers::parse(url).unwrap();
        let (publisher, receiver, deliverer) =
            connect(&cluster, cluster_id, Arc::clone(&interest), &servers, tls).await.unwrap();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(publisher.run(stop.clone()));
        tasks.spawn(receiver.run(stop.clone()));
        tasks.spawn(deliverer.run(stop.clone()));
        tasks.close();
        let stop_on_drop = stop.clone().drop_guard();
        Self { cluster_id, cluster, inbox, incarnation, interest, heard, tasks, stop, _stop_on_drop: stop_on_drop }
    }

    /// Starts nodes of one cluster that know each other, and waits until their subscriptions have begun.
    async fn several<const N: usize>(url: &str) -> [Self; N] {
        let cluster_id = Uuid::now_v7();
        let mut nodes = Vec::new();
        for _ in 0..N {
            nodes.push(Self::start(url, &TlsFiles::default(), cluster_id, SECRET).await);
        }
        introduce(&mut nodes).await;
        nodes.try_into().unwrap_or_else(|_| panic!("{N} nodes"))
    }

    async fn next(&mut self) -> Heard {
        timeout(TEST_TIMEOUT, self.heard.recv()).await.expect("something is heard").expect("the node runs")
    }

    /// Waits until the node compares itself with the store.
    async fn compares(&mut self) {
        while !matches!(self.next().await, Heard::Compare) {}
    }

    /// Waits for events of a conversation, and returns their bytes.
    async fn events_of(&mut self, id: ConversationId) -> Bytes {
        loop {
            if let Heard::Envelope(Envelope::Events(all)) = self.next().await
                && let Some(events) = all.into_iter().find(|events| events.conversation_id == id)
            {
                return events.frames;
            }
        }
    }

    /// Waits until the node compares itself with the store, or another node tells it to. If NATS closed its connection, it misses what it is told, and
    /// compares because it is back.
    async fn compares_or_is_told_to(&mut self) {
        while !matches!(
            self.next().await,
            Heard::Compare | Heard::Envelope(Envelope::Hints(Hints { everything: true, .. }))
        ) {}
    }

    /// Waits for hints, and returns them.
    async fn hints(&mut self) -> Hints {
        loop {
            if let Heard::Envelope(Envelope::Hints(hints)) = self.next().await {
                return hints;
            }
        }
    }

    /// Returns true if an envelope has come.
    fn has_envelope(&mut self) -> bool {
        std::iter::from_fn(|| self.heard.try_recv().ok()).any(|heard| matches!(heard, Heard::Envelope(_)))
    }

    /// Publishes an event.
    fn publish(&self, id: ConversationId, text: &str) {
        self.cluster.publish(Envelope::Events(vec![events(id, text)]));
    }

    /// Makes the node need what happens in a conversation or to a user, and waits until it does.
    async fn joins(&mut self, id: Uuid) {
        // The first comparison may be one that was due before.
        for id in [id, beside(id)] {
            self.interest.add(id);
            self.compares().await;
        }
    }
}

/// Waits until the subscriptions of nodes of one cluster have begun, and lets them meet.
async fn introduce(nodes: &mut [TestNode]) {
    for node in &mut *nodes {
        node.compares().await;
    }
    tell_of_each_other(nodes);
    until(|| nodes.iter().all(|node| node.cluster.peers.have_responded())).await;
}

/// Tells nodes of each other, as their leases do.
fn tell_of_each_other(nodes: &[TestNode]) {
    for node in nodes {
        let others = nodes.iter().map(|other| other.incarnation).filter(|other| *other != node.incarnation);
        node.cluster.set_live(others);
    }
}

/// Makes nodes know of further ones, which do not run, so that they send packets only to those that need them.
fn crowd<const N: usize>(nodes: [&TestNode; N]) {
    let absent: Vec<Incarnation> = (0..NATS_UNDIVIDED_PEERS_MAX).map(|_| Incarnation::new()).collect();
    for node in nodes {
        node.cluster.set_live(node.cluster.peers.live().into_iter().chain(absent.clone()));
    }
}

fn events(conversation_id: ConversationId, text: &str) -> EncodedEvents {
    let frames = Bytes::copy_from_slice(text.as_bytes());
    EncodedEvents { conversation_id, first_seq: 1, ends: vec![frames.len()], frames }
}

/// Returns an id of the next shard.
fn beside(id: Uuid) -> Uuid {
    let next = (SHARDS.of(id) + 1) % SHARDS.0;
    std::iter::repeat_with(Uuid::now_v7).find(|other| SHARDS.of(*other) == next).unwrap()
}

/// Waits for a condition that no signal announces.
async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, waiting).await.expect("the condition comes true");
}
