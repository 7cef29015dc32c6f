//! A bus between the nodes of this process, with faults that a test chooses. Each node has the cluster's side of the bus that it has in the
//! binary, and the test is its carrier: what arrives at a node was encoded, sealed, opened and decoded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chinwag::bus::cluster::{Cluster, Seal};
use chinwag::bus::{Bus, Envelope, Inbox, Others, PresenceNews};
use chinwag::domain::{Incarnation, SessionId};
use futures_util::FutureExt;
use uuid::Uuid;

use super::rng::Rng;

/// The secret and the id of the cluster that the nodes of a test form.
const SECRET: &[u8] = b"the secret of the nodes of a test";
const CLUSTER: Uuid = Uuid::from_u128(1);

/// The form in which envelopes travel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// Whole, as NATS carries them.
    Whole,
    /// Those that the store can repeat as hints, as NOTIFY carries them.
    Hints,
}

/// The treatment of envelopes on their way to other nodes.
#[derive(Clone, Debug)]
pub(crate) enum NetworkCondition {
    /// Each is delivered.
    Reliable,
    /// Each is lost.
    Disconnected,
    /// Each is lost, delayed, duplicated or delivered, at random.
    Unreliable(Rng),
}

/// The bus that the nodes of a test share.
pub(crate) struct TestBus {
    form: Form,
    nodes: Mutex<Vec<Node>>,
    condition: Mutex<NetworkCondition>,
    /// The side of each node in a partition. Envelopes to another side are lost.
    sides: Mutex<Vec<u64>>,
    /// Delayed packets, each with its node. They follow the next envelope to that node that is not delayed.
    delayed: Mutex<Vec<(usize, Bytes)>>,
    /// All envelopes that were published, each with the node that published it.
    log: Mutex<Vec<(usize, Envelope)>>,
    /// The nodes that hear and say nothing.
    silent: Mutex<HashMap<usize, Silence>>,
}

/// The reason why a node hears and says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It was killed: it holds no lease any more.
    Killed,
    /// It has lost its connection to the bus, and knows it.
    CutOff,
}

#[derive(Clone)]
struct Node {
    incarnation: Incarnation,
    cluster: Arc<Cluster>,
}

impl TestBus {
    pub(crate) fn new(form: Form, condition: NetworkCondition) -> Arc<Self> {
        let (nodes, sides, delayed, log) = (Mutex::default(), Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { form, nodes, condition: Mutex::new(condition), sides, delayed, log, silent: Mutex::default() })
    }

    /// Joins a node. From now on all nodes know that it is alive.
    pub(crate) fn join(self: &Arc<Self>, inbox: Arc<dyn Inbox>) -> Arc<dyn Bus> {
        let incarnation = Incarnation::new();
        let cluster = Cluster::new(inbox, Seal::new(SECRET, CLUSTER, incarnation), Arc::default());
        let mut nodes = self.nodes.lock().unwrap();
        nodes.push(Node { incarnation, cluster: Arc::clone(&cluster) });
        self.set_live(&nodes);
        Arc::new(TestNode { bus: Arc::clone(self), number: nodes.len() - 1, cluster })
    }

    /// Tells all nodes which of the others are alive, and lets them meet whatever the condition of the network is.
    fn set_live(&self, nodes: &[Node]) {
        let silent = self.silent.lock().unwrap();
        let live = |(number, node): (usize, &Node)| {
            (silent.get(&number) != Some(&Silence::Killed)).then_some(node.incarnation)
        };
        let live: Vec<Incarnation> = nodes.iter().enumerate().filter_map(live).collect();
        for node in nodes {
            node.cluster.set_live(live.iter().copied().filter(|other| *other != node.incarnation));
        }
        while nodes.iter().any(|node| {
            let waiting = node.cluster.outbound.take().now_or_never();
            for envelope in waiting.iter().flat_map(|batch| &batch.envelopes) {
                let packet = Bytes::from(node.cluster.packet(None, std::slice::from_ref(envelope)));
                for other in nodes {
                    other.cluster.receive(&packet);
                }
            }
            waiting.is_some()
        }) {}
    }

    /// Silences a node, or lets it hear and speak again.
    pub(crate) fn set_silent(&self, node: usize, silence: Option<Silence>) {
        let mut silent = self.silent.lock().unwrap();
        silent.remove(&node);
        silent.extend(silence.map(|silence| (node, silence)));
        drop(silent);
        let nodes = self.nodes();
        nodes[node].cluster.set_connected(silence.is_none());
        self.set_live(&nodes);
    }

    /// Returns the news about presence that were published, each with the node that published it.
    pub(crate) fn presence_news(&self) -> Vec<(usize, PresenceNews)> {
        let log = self.log.lock().unwrap();
        let news = log.iter().filter_map(|(node, envelope)| match envelope {
            Envelope::Presence(presence) => Some((*node, presence.news.clone())),
            _ => None,
        });
        news.collect()
    }

    pub(crate) fn set_condition(&self, condition: NetworkCondition) {
        *self.condition.lock().unwrap() = condition;
    }

    /// Cuts the nodes into sides, which hear nothing of each other: the side of each node by its number.
    pub(crate) fn partition(&self, sides: Vec<u64>) {
        *self.sides.lock().unwrap() = sides;
    }

    /// Ends a partition, and reports a reconnect to every node.
    pub(crate) fn heal(&self) {
        self.partition(Vec::new());
        self.nodes().iter().for_each(|node| node.cluster.reconnected());
    }

    /// Makes the bus reliable, and reports a reconnect to every node.
    pub(crate) fn reconnect(&self) {
        self.set_condition(NetworkCondition::Reliable);
        self.heal();
    }

    /// Delivers every envelope once more, in packets of their own, to the nodes that did not publish it.
    pub(crate) fn redeliver_all(&self) {
        let log = self.log.lock().unwrap().clone();
        let nodes = self.nodes();
        for (from, envelope) in log {
            for (_, to) in nodes.iter().enumerate().filter(|(number, _)| *number != from) {
                to.cluster.receive(&nodes[from].cluster.packet(None, std::slice::from_ref(&envelope)));
            }
        }
    }

    fn nodes(&self) -> Vec<Node> {
        self.nodes.lock().unwrap().clone()
    }

    /// Carries the envelopes that wait at a node to the others, and then what these answer.
    fn carry_from(&self, from: usize) {
        let nodes = self.nodes();
        while let Some(batch) = nodes[from].cluster.outbound.take().now_or_never() {
            for envelope in batch.envelopes {
                let envelope = match self.form {
                    Form::Whole => envelope,
                    Form::Hints => envelope.hints().map_or(envelope, Envelope::Hints),
                };
                self.log.lock().unwrap().push((from, envelope.clone()));
                for to in (0..nodes.len()).filter(|to| *to != from) {
                    self.carry(&nodes, &envelope, from, to);
                    self.carry_from(to);
                }
            }
        }
    }

    fn carry(&self, nodes: &[Node], envelope: &Envelope, from: usize, to: usize) {
        let packet = || Bytes::from(nodes[from].cluster.packet(None, std::slice::from_ref(envelope)));
        let receive = |packet: Bytes| _ = nodes[to].cluster.receive(&packet);
        match self.fate(from, to) {
            Fate::Lost => return,
            Fate::Delayed => return self.delayed.lock().unwrap().push((to, packet())),
            Fate::Delivered => receive(packet()),
            Fate::Duplicated => {
                let first = packet();
                // As a carrier that sends it again, and as a network that repeats it.
                [first.clone(), packet(), first].into_iter().for_each(receive);
            }
        }
        let due: Vec<(usize, Bytes)> = self.delayed.lock().unwrap().extract_if(.., |(node, _)| *node == to).collect();
        for (_, packet) in due {
            receive(packet);
        }
    }

    fn fate(&self, from: usize, to: usize) -> Fate {
        let (sides, silent) = (self.sides.lock().unwrap(), self.silent.lock().unwrap());
        if sides.get(from) != sides.get(to) || silent.contains_key(&from) || silent.contains_key(&to) {
            return Fate::Lost;
        }
        match &mut *self.condition.lock().unwrap() {
            NetworkCondition::Reliable => Fate::Delivered,
            NetworkCondition::Disconnected => Fate::Lost,
            NetworkCondition::Unreliable(rng) => [Fate::Lost, Fate::Delayed, Fate::Duplicated, Fate::Delivered]
                [usize::try_from(rng.in_range(0..4)).unwrap()],
        }
    }
}

#[derive(Clone, Copy)]
enum Fate {
    Delivered,
    Lost,
    Duplicated,
    Delayed,
}

/// The bus as one node sees it.
struct TestNode {
    bus: Arc<TestBus>,
    number: usize,
    cluster: Arc<Cluster>,
}

#[async_trait]
impl Bus for TestNode {
    fn publish(&self, envelope: Envelope) {
        self.cluster.publish(envelope);
        self.bus.carry_from(self.number);
    }

    fn others(&self) -> Others {
        self.cluster.others()
    }

    async fn end_sessions(&self, sessions: Vec<SessionId>) {
        let mut ending = self.cluster.end_sessions(sessions);
        let waits = (&mut ending).now_or_never().is_none();
        self.bus.carry_from(self.number);
        if waits {
            ending.await;
        }
    }
}
