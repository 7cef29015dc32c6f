//! HistoryGate: the store is closed between the moment when its database turns out to be another one and the moment when the node has ended
//! all that it knew of the one before.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Open while the database is the one that the node knows.
///
/// A standby that takes over may lack the newest events, and gives their numbers to others. A node that delivered one of those behind the
/// events that it has delivered before would leave its clients without the others of that number, for good. So the adapter closes the gate when
/// it first reaches such a database, and answers every call with `unavailable` until the node has opened it again.
pub struct HistoryGate {
    is_closed: watch::Sender<bool>,
    generation: AtomicU64,
}

impl Default for HistoryGate {
    fn default() -> Self {
        Self { is_closed: watch::Sender::new(false), generation: AtomicU64::new(0) }
    }
}

impl HistoryGate {
    /// The number of histories that were replaced.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns true while the gate is closed.
    pub fn is_closed(&self) -> bool {
        *self.is_closed.borrow()
    }

    /// Closes the gate: the history is another one from now on.
    pub fn close(&self) {
        self.generation.fetch_add(1, Ordering::Release);
        self.is_closed.send_replace(true);
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
