//! A bus between the nodes of this process, as unreliable as it is told to be.

use std::mem;
use std::sync::{Arc, Mutex};

use chinwag::bus::{Bus, Envelope, Inbox};

/// What becomes of envelopes on their way to other nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NetworkCondition {
    /// They arrive.
    Fair,
    /// They are lost.
    Silence,
    /// Each is lost, comes late, comes twice or arrives, as chance (with this seed) will have it.
    Storm(u64),
}

/// What nodes speak through.
pub(crate) struct TestBus {
    inboxes: Mutex<Vec<Arc<dyn Inbox>>>,
    weather: Mutex<NetworkCondition>,
    /// What comes late: with the next envelope to the same node that does not.
    late: Mutex<Vec<(usize, Envelope)>>,
    /// All that ever went out, and from whom.
    log: Mutex<Vec<(usize, Envelope)>>,
}

impl TestBus {
    pub(crate) fn new(weather: NetworkCondition) -> Arc<Self> {
        let (inboxes, late, log) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { inboxes, weather: Mutex::new(weather), late, log })
    }

    pub(crate) fn join(self: &Arc<Self>, inbox: Arc<dyn Inbox>) -> Arc<dyn Bus> {
        let mut inboxes = self.inboxes.lock().unwrap();
        inboxes.push(Arc::clone(&inbox));
        Arc::new(TestNode { ether: Arc::clone(self), number: inboxes.len() - 1, inbox })
    }

    pub(crate) fn turns(&self, weather: NetworkCondition) {
        *self.weather.lock().unwrap() = weather;
    }

    /// Says to every node that the bus was away.
    pub(crate) fn returns(&self) {
        self.turns(NetworkCondition::Fair);
        self.inboxes.lock().unwrap().iter().for_each(|inbox| inbox.on_reconnect());
    }

    /// Brings everything once more to those who heard it.
    pub(crate) fn echo(&self) {
        for (from, envelope) in self.log.lock().unwrap().iter() {
            for (number, inbox) in self.inboxes.lock().unwrap().iter().enumerate() {
                if number != *from {
                    inbox.deliver_remote(envelope.clone());
                }
            }
        }
    }

    fn carry(&self, from: usize, envelope: &Envelope) {
        self.log.lock().unwrap().push((from, envelope.clone()));
        let inboxes = self.inboxes.lock().unwrap().clone();
        for (number, inbox) in inboxes.iter().enumerate().filter(|(number, _)| *number != from) {
            match self.fate() {
                Fate::Arrives => inbox.deliver_remote(envelope.clone()),
                Fate::Lost => continue,
                Fate::Twice => {
                    inbox.deliver_remote(envelope.clone());
                    inbox.deliver_remote(envelope.clone());
                }
                Fate::Late => {
                    self.late.lock().unwrap().push((number, envelope.clone()));
                    continue;
                }
            }
            let mut late = self.late.lock().unwrap();
            let (now, later) = mem::take(&mut *late).into_iter().partition(|(to, _)| *to == number);
            *late = later;
            drop(late);
            let now: Vec<(usize, Envelope)> = now;
            for (_, envelope) in now {
                inbox.deliver_remote(envelope);
            }
        }
    }

    fn fate(&self) -> Fate {
        match &mut *self.weather.lock().unwrap() {
            NetworkCondition::Fair => Fate::Arrives,
            NetworkCondition::Silence => Fate::Lost,
            NetworkCondition::Storm(state) => {
                // Xorshift (Marsaglia, 2003): enough of chance, and the same each time.
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                [Fate::Lost, Fate::Late, Fate::Twice, Fate::Arrives][usize::try_from(*state >> 62).unwrap()]
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    Late,
}

/// One node's end.
struct TestNode {
    ether: Arc<TestBus>,
    number: usize,
    inbox: Arc<dyn Inbox>,
}

impl Bus for TestNode {
    fn publish(&self, envelope: Envelope) {
        self.inbox.deliver_local(envelope.clone());
        self.ether.carry(self.number, &envelope);
    }
}
