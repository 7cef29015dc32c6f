//! A bus between the nodes of this process, with faults that a test chooses.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex};

use chinwag::bus::{Bus, Envelope, Inbox, Others, PresenceNews};
use chinwag::domain::Incarnation;

/// The treatment of envelopes on their way to other nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NetworkCondition {
    /// Each is delivered.
    Reliable,
    /// Each is lost.
    Disconnected,
    /// Each is lost, delayed, duplicated or delivered, at random with this seed.
    Unreliable(u64),
}

/// The bus that the nodes of a test share.
pub(crate) struct TestBus {
    inboxes: Mutex<Vec<Arc<dyn Inbox>>>,
    condition: Mutex<NetworkCondition>,
    /// Delayed envelopes, each with its node. They follow the next envelope to that node that is not delayed.
    delayed: Mutex<Vec<(usize, Envelope)>>,
    /// All envelopes that were published, each with the node that published it.
    log: Mutex<Vec<(usize, Envelope)>>,
    /// The ids of the nodes, in the order in which they joined.
    ids: Mutex<Vec<Incarnation>>,
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

impl TestBus {
    pub(crate) fn new(condition: NetworkCondition) -> Arc<Self> {
        let (inboxes, delayed, log) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (ids, silent) = (Mutex::default(), Mutex::default());
        Arc::new(Self { inboxes, condition: Mutex::new(condition), delayed, log, ids, silent })
    }

    pub(crate) fn join(self: &Arc<Self>, inbox: Arc<dyn Inbox>) -> Arc<dyn Bus> {
        let mut inboxes = self.inboxes.lock().unwrap();
        inboxes.push(Arc::clone(&inbox));
        self.ids.lock().unwrap().push(Incarnation::new());
        Arc::new(TestNode { bus: Arc::clone(self), number: inboxes.len() - 1, inbox })
    }

    pub(crate) fn set_condition(&self, condition: NetworkCondition) {
        *self.condition.lock().unwrap() = condition;
    }

    /// Makes the bus reliable, and reports a reconnect to every node.
    pub(crate) fn reconnect(&self) {
        self.set_condition(NetworkCondition::Reliable);
        self.inboxes.lock().unwrap().iter().for_each(|inbox| inbox.on_reconnect());
    }

    /// Silences a node, or lets it hear and speak again.
    pub(crate) fn set_silent(&self, node: usize, silence: Option<Silence>) {
        let mut silent = self.silent.lock().unwrap();
        silent.remove(&node);
        silent.extend(silence.map(|silence| (node, silence)));
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

    fn is_silent(&self, node: usize) -> bool {
        self.silent.lock().unwrap().contains_key(&node)
    }

    /// Returns what a node knows of the others.
    fn others(&self, node: usize) -> Others {
        let (ids, silent) = (self.ids.lock().unwrap(), self.silent.lock().unwrap());
        let is_live = |other: &usize| *other != node && silent.get(other) != Some(&Silence::Killed);
        Others {
            own: ids.get(node).copied(),
            live: Some((0..ids.len()).filter(is_live).map(|other| ids[other]).collect()),
            is_cut_off: silent.get(&node) == Some(&Silence::CutOff),
        }
    }

    /// Delivers every envelope once more to the nodes that did not publish it.
    pub(crate) fn redeliver_all(&self) {
        for (from, envelope) in self.log.lock().unwrap().iter() {
            for (number, inbox) in self.inboxes.lock().unwrap().iter().enumerate() {
                if number != *from {
                    inbox.deliver_remote(envelope.clone());
                }
            }
        }
    }

    fn carry(&self, from: usize, envelope: &Envelope) {
        if self.is_silent(from) {
            return;
        }
        self.log.lock().unwrap().push((from, envelope.clone()));
        let inboxes = self.inboxes.lock().unwrap().clone();
        for (number, inbox) in inboxes.iter().enumerate().filter(|(number, _)| *number != from) {
            if self.is_silent(number) {
                continue;
            }
            match self.fate() {
                Fate::Delivered => inbox.deliver_remote(envelope.clone()),
                Fate::Lost => continue,
                Fate::Duplicated => {
                    inbox.deliver_remote(envelope.clone());
                    inbox.deliver_remote(envelope.clone());
                }
                Fate::Delayed => {
                    self.delayed.lock().unwrap().push((number, envelope.clone()));
                    continue;
                }
            }
            let mut delayed = self.delayed.lock().unwrap();
            let (now, later) = mem::take(&mut *delayed).into_iter().partition(|(to, _)| *to == number);
            *delayed = later;
            drop(delayed);
            let now: Vec<(usize, Envelope)> = now;
            for (_, envelope) in now {
                inbox.deliver_remote(envelope);
            }
        }
    }

    fn fate(&self) -> Fate {
        match &mut *self.condition.lock().unwrap() {
            NetworkCondition::Reliable => Fate::Delivered,
            NetworkCondition::Disconnected => Fate::Lost,
            NetworkCondition::Unreliable(state) => {
                // Xorshift (Marsaglia, 2003): random enough, and repeatable.
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                [Fate::Lost, Fate::Delayed, Fate::Duplicated, Fate::Delivered][usize::try_from(*state >> 62).unwrap()]
            }
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
    inbox: Arc<dyn Inbox>,
}

impl Bus for TestNode {
    fn publish(&self, envelope: Envelope) {
        self.inbox.deliver_local(envelope.clone());
        self.bus.carry(self.number, &envelope);
    }

    fn others(&self) -> Others {
        self.bus.others(self.number)
    }
}
