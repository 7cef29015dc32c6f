//! Peers: the other nodes of the cluster that are alive, and the packets that came from each.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::Incarnation;
use crate::limits;

/// The words of a replay window.
#[expect(clippy::cast_possible_truncation, reason = "they are few")]
const WORDS: usize = (limits::REPLAY_WINDOW / u64::BITS as u64) as usize;

/// The other nodes that hold a lease in the store. Bounded by the leases there.
#[derive(Default)]
pub struct Peers(Mutex<HashMap<Incarnation, ReplayWindow>>);

/// The result of a look at a packet's sender and counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The packet is new.
    New,
    /// The packet came before, or is older than [`limits::REPLAY_WINDOW`] packets.
    Stale,
    /// The sender holds no lease that this node knows of.
    Unknown,
}

impl Peers {
    /// Replaces the nodes that are alive. Returns true if one was added.
    pub fn set_live(&self, live: impl IntoIterator<Item = Incarnation>) -> bool {
        let mut peers = self.peers();
        let mut before = std::mem::take(&mut *peers);
        let mut is_added = false;
        for incarnation in live {
            let window = before.remove(&incarnation);
            is_added |= window.is_none();
            peers.insert(incarnation, window.unwrap_or_default());
        }
        is_added
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

    /// Records a packet.
    pub fn admit(&self, from: Incarnation, counter: u64) -> Admission {
        match self.peers().get_mut(&from).map(|window| window.admit(counter)) {
            None => Admission::Unknown,
            Some(true) => Admission::New,
            Some(false) => Admission::Stale,
        }
    }

    /// A panic under the lock leaves a valid map.
    fn peers(&self) -> MutexGuard<'_, HashMap<Incarnation, ReplayWindow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest counters of one sender, as the anti-replay window of IPsec has them (RFC 4303, section 3.4.3).
struct ReplayWindow {
    newest: u64,
    /// The bit of a counter is set if its packet came. Only those of the last [`limits::REPLAY_WINDOW`] counters count.
    seen: Box<[u64]>,
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { newest: 0, seen: vec![0; WORDS].into() }
    }
}

impl ReplayWindow {
    /// Records a counter. Returns false if it came before, or is too old to tell.
    fn admit(&mut self, counter: u64) -> bool {
        if counter == 0 || counter.saturating_add(limits::REPLAY_WINDOW) <= self.newest {
            return false;
        }
        if counter > self.newest {
            let passed = (counter - self.newest).min(limits::REPLAY_WINDOW);
            for skipped in counter - passed + 1..=counter {
                let (word, bit) = Self::place(skipped);
                self.seen[word] &= !bit;
            }
            self.newest = counter;
        }
        let (word, bit) = Self::place(counter);
        let is_new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        is_new
    }

    fn place(counter: u64) -> (usize, u64) {
        let at = counter % limits::REPLAY_WINDOW;
        (usize::try_from(at / u64::from(u64::BITS)).unwrap_or(0), 1 << (at % u64::from(u64::BITS)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Peers, ReplayWindow};
    use crate::domain::Incarnation;
    use crate::limits::REPLAY_WINDOW;

    #[test]
    fn each_counter_is_admitted_once_within_the_window() {
        let mut window = ReplayWindow::default();
        for counter in [1, 3, 2, REPLAY_WINDOW + 1, 5 * REPLAY_WINDOW, 5 * REPLAY_WINDOW - 1, 4 * REPLAY_WINDOW + 1] {
            assert!(window.admit(counter), "{counter}");
            assert!(!window.admit(counter), "{counter} again");
        }
        assert!(!window.admit(4 * REPLAY_WINDOW), "too old to tell");
        assert!(!window.admit(0));
        assert!(window.admit(u64::MAX), "a counter far ahead costs little");
        assert!(!window.admit(5 * REPLAY_WINDOW));
    }

    #[test]
    fn only_nodes_that_are_alive_are_heard() {
        let (peers, one, other) = (Peers::default(), Incarnation::new(), Incarnation::new());
        assert!(peers.is_alone());
        assert_eq!(peers.admit(one, 1), Admission::Unknown);
        assert!(peers.set_live([one]));
        assert_eq!(peers.admit(one, 1), Admission::New);
        assert!(peers.set_live([other, one]));
        assert_eq!(peers.admit(one, 1), Admission::Stale, "a node that stays keeps its window");
        assert!(!peers.set_live([other]));
        assert_eq!(peers.admit(one, 2), Admission::Unknown);
    }
}
