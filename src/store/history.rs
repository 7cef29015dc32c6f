//! HistoryGate: the store is closed between the moment when its database turns out to have another history and the moment when the node has
//! ended all that it knew of the one before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::Store;

/// The history of a database that is replicated: its events up to the newest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Primaries and their standbys share it.
    pub cluster: i64,
    /// Grows with each standby that takes over.
    pub timeline: u32,
}

impl History {
    /// Returns true if a standby that took over began this history after the other one.
    fn follows(self, other: Self) -> bool {
        self.cluster == other.cluster && self.timeline > other.timeline
    }
}

/// Open while the database has the history that the node knows.
///
/// A standby that takes over may lack the newest events, and gives their numbers to others. A node that delivered one of those behind the
/// events that it has delivered before would leave its clients without the others of those numbers, for good. So the adapter closes the gate when
/// it first reaches such a database, and answers every call with `unavailable` until the node has opened it again. A packet of another node that
/// has reached such a database closes the gate too, and then only a connection to that database is admitted.
#[derive(Default)]
pub struct HistoryGate {
    /// Deliveries hold it for reading, so that none is under way when the history is replaced.
    state: RwLock<State>,
    /// The number of histories that were replaced. It changes under the lock for writing.
    generation: AtomicU64,
    is_closed: watch::Sender<bool>,
}

#[derive(Clone, Copy, Default)]
struct State {
    known: Option<History>,
    /// Another node has named the history, and no connection of this node has reached it yet.
    is_awaited: bool,
}

/// The reason for which a packet of another node is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The packet is of a history that was replaced, or of another cluster.
    Other,
    /// The packet is of a history that this node has not reached, or for which it has not ended its connections yet.
    Unconfirmed,
}

impl HistoryGate {
    /// The number of histories that were replaced.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns the generation, and its history.
    pub fn current(&self) -> (u64, Option<History>) {
        let state = self.state();
        (self.generation(), state.known)
    }

    /// Admits a connection to a server with this history, if it says which it has. Returns the generation to which the connection belongs. Closes the
    /// gate if the history is a new one.
    pub fn admit(&self, seen: Option<History>) -> Result<u64, String> {
        let state = self.state();
        if !state.is_awaited && (seen.is_none() || seen == state.known) {
            return self.admitted();
        }
        drop(state);
        let mut state = self.changing_state();
        match (state.known, seen) {
            (_, None) if state.is_awaited => {
                return Err("another node has reached a newer server, and this one does not say which it is".to_owned());
            }
            (_, None) => {}
            (Some(known), Some(seen)) if known.follows(seen) => {
                let (old, new) = (seen.timeline, known.timeline);
                return Err(format!("a primary of before, on timeline {old}; the database is on {new} by now"));
            }
            (known, Some(seen)) => {
                if known.is_some_and(|known| known != seen) {
                    self.end_generation();
                }
                *state = State { known: Some(seen), is_awaited: false };
            }
        }
        self.admitted()
    }

    /// Returns the generation if the gate is open. The caller holds the lock.
    fn admitted(&self) -> Result<u64, String> {
        if *self.is_closed.borrow() {
            return Err("another server has taken over; the connections of the clients end first".to_owned());
        }
        Ok(self.generation())
    }

    /// Runs `work`, which delivers a packet of another node, if the packet's history is the one of this node. Closes the gate if the history follows
    /// it. A history that either node does not know is not compared.
    pub fn deliver_of(&self, seen: Option<History>, work: impl FnOnce()) -> Result<(), Mismatch> {
        let state = self.state();
        let (Some(known), Some(seen)) = (state.known, seen) else {
            work();
            return Ok(());
        };
        if seen == known {
            if state.is_awaited || *self.is_closed.borrow() {
                return Err(Mismatch::Unconfirmed);
            }
            work();
            return Ok(());
        }
        drop(state);
        if !seen.follows(known) {
            return Err(Mismatch::Other);
        }
        self.wait_for(seen);
        Err(Mismatch::Unconfirmed)
    }

    /// Closes the gate, and admits only connections to servers with this history or a newer one from now on.
    fn wait_for(&self, newer: History) {
        let mut state = self.changing_state();
        if state.known.is_some_and(|known| newer.follows(known)) {
            *state = State { known: Some(newer), is_awaited: true };
            self.end_generation();
        }
    }

    /// Begins the next generation. The caller holds the lock for writing.
    fn end_generation(&self) {
        self.generation.fetch_add(1, Ordering::Release);
        self.is_closed.send_replace(true);
    }

    /// Waits until the gate is closed.
    pub async fn closed(&self) {
        // The sender lives as long as this borrow, so the wait cannot fail.
        let _ = self.is_closed.subscribe().wait_for(|is_closed| *is_closed).await;
    }

    /// Waits until the history of this generation is replaced.
    pub async fn replaced(&self, generation: u64) {
        // As above. Each generation ends before the gate closes.
        let _ = self.is_closed.subscribe().wait_for(|_| self.generation() != generation).await;
    }

    /// Opens the gate again. The lock lets whoever closed it see that it is closed.
    pub fn open(&self) {
        let _state = self.changing_state();
        self.is_closed.send_replace(false);
    }

    /// A panic under the lock leaves a valid state.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The generation of the store's history in which a caller reads or writes events that it delivers.
pub struct Generation {
    gate: Option<Arc<HistoryGate>>,
    number: u64,
}

impl Generation {
    /// Returns the generation of now. It is taken before the store is asked.
    pub fn of(store: &dyn Store) -> Self {
        let gate = store.history_gate();
        let number = gate.as_ref().map_or(0, |gate| gate.generation());
        Self { gate, number }
    }

    /// Runs `work`, which delivers events of this generation, unless their history has been replaced: then clients may have resumed on another.
    pub fn deliver(&self, work: impl FnOnce()) {
        // The lock is held meanwhile.
        let state = self.gate.as_ref().map(|gate| gate.state());
        if self.is_current() {
            work();
        }
        drop(state);
    }

    /// Returns false if the history has been replaced, so that it may lack what was read or written.
    pub fn is_current(&self) -> bool {
        self.gate.as_ref().is_none_or(|gate| gate.generation() == self.number)
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
