//! Outbound: the envelopes that wait for their way to other nodes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::bus::{Envelope, Hints};
use crate::limits;
use crate::store::{History, HistoryGate};

/// Envelopes that wait, in order, within [`limits::OUTBOUND_BYTES_MAX`]. All are of one generation of the database's history: those of a history
/// that was replaced tell of events that the database may lack, and are dropped.
pub struct Outbound {
    gate: Arc<HistoryGate>,
    waiting: Mutex<Waiting>,
    not_empty: Notify,
}

#[derive(Default)]
struct Waiting {
    generation: u64,
    envelopes: VecDeque<Envelope>,
    bytes: usize,
    /// Envelopes that were dropped and not told yet.
    lost: u64,
}

/// Envelopes that a carrier takes to other nodes, and their history.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct OutboundBatch {
    pub generation: u64,
    pub history: Option<History>,
    pub envelopes: Vec<Envelope>,
}

impl Outbound {
    /// Returns a queue for the histories of `gate`.
    pub fn new(gate: Arc<HistoryGate>) -> Self {
        Self { gate, waiting: Mutex::default(), not_empty: Notify::new() }
    }

    /// Adds an envelope. Drops it if the queue is full: then the next [`Outbound::take`] tells the other nodes to compare everything.
    pub fn push(&self, envelope: Envelope) {
        let generation = self.gate.generation();
        let mut waiting = self.waiting();
        if !waiting.enter(generation) {
            return;
        }
        let bytes = envelope.size();
        if waiting.bytes + bytes > limits::OUTBOUND_BYTES_MAX {
            waiting.lost += 1;
        } else {
            waiting.bytes += bytes;
            waiting.envelopes.push_back(envelope);
        }
        drop(waiting);
        self.not_empty.notify_one();
    }

    /// Waits for envelopes, and takes all of them.
    pub async fn take(&self) -> OutboundBatch {
        loop {
            let batch = self.take_now();
            if !batch.envelopes.is_empty() {
                return batch;
            }
            self.not_empty.notified().await;
        }
    }

    /// Takes all envelopes that wait. There may be none.
    pub fn take_now(&self) -> OutboundBatch {
        let (generation, history) = self.gate.current();
        let mut waiting = self.waiting();
        let taken = if waiting.enter(generation) { waiting.clear(generation) } else { Waiting::default() };
        drop(waiting);
        let mut envelopes = Vec::from(taken.envelopes);
        if taken.lost > 0 {
            let lost = taken.lost;
            tracing::warn!(lost, "the queue to the other nodes was full; they read from the store what they miss");
            envelopes.push(Envelope::Hints(Hints { everything: true, ..Hints::default() }));
        }
        OutboundBatch { generation, history, envelopes }
    }

    /// A panic under the lock leaves a valid queue.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Drops what is of a generation before this one. Returns false if this one is over.
    fn enter(&mut self, generation: u64) -> bool {
        if generation > self.generation {
            self.clear(generation);
        }
        generation == self.generation
    }

    /// Begins anew, and returns what waited.
    fn clear(&mut self, generation: u64) -> Self {
        std::mem::replace(self, Self { generation, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::Outbound;
    use crate::bus::{Audience, Envelope};
    use crate::domain::UserId;
    use crate::limits;
    use crate::store::{History, HistoryGate};

    fn envelope(bytes: usize) -> Envelope {
        let audience = Audience::Users { user_ids: vec![UserId::new()], conversation_id: None };
        Envelope::Ephemeral { audience, frame: Bytes::from(vec![b' '; bytes]) }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_told_once() {
        let outbound = Outbound::new(Arc::default());
        for _ in 0..4 {
            outbound.push(envelope(limits::OUTBOUND_BYTES_MAX / 3));
        }
        let taken = outbound.take().await.envelopes;
        assert_eq!(taken.len(), 3, "two that fit, and the hint");
        assert!(matches!(&taken[2], Envelope::Hints(hints) if hints.everything));
        outbound.push(envelope(1));
        let taken = outbound.take().await.envelopes;
        assert_eq!(taken.len(), 1, "what was taken takes no room, and the loss is told once");
    }

    #[test]
    fn what_waits_when_the_history_is_replaced_is_dropped() {
        let gate = Arc::<HistoryGate>::default();
        let histories = [1, 2, 3].map(|timeline| Some(History { cluster: 1, timeline }));
        gate.admit(histories[0]).expect("the first");
        let outbound = Outbound::new(Arc::clone(&gate));
        outbound.push(envelope(limits::OUTBOUND_BYTES_MAX / 2));
        outbound.push(envelope(limits::OUTBOUND_BYTES_MAX));
        gate.admit(histories[1]).expect_err("another");
        let taken = outbound.take_now();
        assert_eq!((taken.envelopes.len(), taken.generation, taken.history), (0, 1, histories[1]));
        outbound.push(envelope(limits::OUTBOUND_BYTES_MAX / 2));
        gate.admit(histories[2]).expect_err("another");
        outbound.push(envelope(limits::OUTBOUND_BYTES_MAX / 2));
        let taken = outbound.take_now();
        assert_eq!((taken.envelopes.len(), taken.generation, taken.history), (1, 2, histories[2]));
    }
}
