//! HistoryGate: the store is closed between the moment when its database turns out to have another history and the moment when the node has
//! ended all that it knew of the one before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The history of a database that is replicated: its events up to the newest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Primaries and their standbys share it.
    pub cluster: String,
    /// Grows with each standby that takes over.
    pub timeline: u32,
}

/// Open while the database has the history that the node knows.
///
/// A standby that takes over may lack the newest events, and gives their numbers to others. A node that delivered one of those behind the
/// events that it has delivered before would leave its clients without the others of those numbers, for good. So the adapter closes the gate when
/// it first reaches such a database, and answers every call with `unavailable` until the node has opened it again.
pub struct HistoryGate {
    known: Mutex<Option<History>>,
    is_closed: watch::Sender<bool>,
    generation: AtomicU64,
}

impl Default for HistoryGate {
    fn default() -> Self {
        Self { known: Mutex::default(), is_closed: watch::Sender::new(false), generation: AtomicU64::new(0) }
    }
}

impl HistoryGate {
    /// The number of histories that were replaced.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Admits a connection to a server with this history, if it says which it has. Returns the generation to which the connection belongs. Closes the
    /// gate if the history is a new one.
    pub(super) fn admit(&self, seen: Option<History>) -> Result<u64, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, seen) {
            (_, None) => {}
            (None, seen) => *known = seen,
            (Some(known), Some(seen)) if *known == seen => {}
            (Some(known), Some(seen)) if known.cluster == seen.cluster && seen.timeline < known.timeline => {
                let (old, new) = (seen.timeline, known.timeline);
                return Err(format!("a primary of before, on timeline {old}; the database is on {new} by now"));
            }
            (Some(_), seen) => {
                *known = seen;
                self.generation.fetch_add(1, Ordering::Release);
                self.is_closed.send_replace(true);
            }
        }
        if *self.is_closed.borrow() {
            return Err("another server has taken over; the connections of the clients end first".to_owned());
        }
        Ok(self.generation())
    }

    /// Waits until the gate is closed.
    pub async fn closed(&self) {
        // The sender lives as long as this borrow, so the wait cannot fail.
        let _ = self.is_closed.subscribe().wait_for(|is_closed| *is_closed).await;
    }

    /// Opens the gate again.
    pub fn open(&self) {
        self.is_closed.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use super::{History, HistoryGate};

    fn history(cluster: &str, timeline: u32) -> Option<History> {
        Some(History { cluster: cluster.to_owned(), timeline })
    }

    #[test]
    fn another_timeline_closes_the_gate_until_it_is_opened() {
        let gate = HistoryGate::default();
        assert_eq!(gate.admit(history("a", 9)), Ok(0));
        assert_eq!(gate.admit(history("a", 9)), Ok(0));
        assert_eq!(gate.admit(None), Ok(0), "a server that does not say");
        assert!(gate.admit(history("a", 10)).is_err());
        assert!(gate.admit(history("a", 10)).is_err(), "closed");
        gate.open();
        assert_eq!(gate.admit(history("a", 10)), Ok(1));
        assert!(gate.admit(history("a", 9)).is_err(), "the primary of before");
        assert_eq!(gate.admit(history("a", 10)), Ok(1), "which closes nothing");
        assert!(gate.admit(history("b", 1)).is_err(), "another cluster");
        gate.open();
        assert_eq!(gate.admit(history("b", 1)), Ok(2));
    }
}
