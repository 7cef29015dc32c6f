//! Outbound: the envelopes that wait for their way to other nodes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::bus::{Envelope, Hints};
use crate::limits;

/// Envelopes that wait, in order, within [`limits::OUTBOUND_BYTES_MAX`].
#[derive(Default)]
pub struct Outbound {
    waiting: Mutex<Waiting>,
    not_empty: Notify,
}

#[derive(Default)]
struct Waiting {
    envelopes: VecDeque<Envelope>,
    bytes: usize,
    /// Envelopes that were dropped and not told yet.
    lost: u64,
}

impl Outbound {
    /// Adds an envelope. Drops it if the queue is full: then the next [`Outbound::take`] tells the other nodes to compare everything.
    pub fn push(&self, envelope: Envelope) {
        let mut waiting = self.waiting();
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
    pub async fn take(&self) -> Vec<Envelope> {
        loop {
            let Waiting { envelopes, lost, .. } = std::mem::take(&mut *self.waiting());
            let mut envelopes = Vec::from(envelopes);
            if lost > 0 {
                tracing::warn!(lost, "the queue to the other nodes was full; they read from the store what they miss");
                envelopes.push(Envelope::Hints(Hints { everything: true, ..Hints::default() }));
            }
            if !envelopes.is_empty() {
                return envelopes;
            }
            self.not_empty.notified().await;
        }
    }

    /// A panic under the lock leaves a valid queue.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Outbound;
    use crate::bus::{Audience, Envelope};
    use crate::domain::UserId;
    use crate::limits;

    fn envelope(bytes: usize) -> Envelope {
        let audience = Audience::Users { user_ids: vec![UserId::new()], conversation_id: None };
        Envelope::Ephemeral { audience, frame: Bytes::from(vec![b' '; bytes]) }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_told_once() {
        let outbound = Outbound::default();
        for _ in 0..4 {
            outbound.push(envelope(limits::OUTBOUND_BYTES_MAX / 3));
        }
        let taken = outbound.take().await;
        assert_eq!(taken.len(), 3, "two that fit, and the hint");
        assert!(matches!(&taken[2], Envelope::Hints(hints) if hints.everything));
        outbound.push(envelope(1));
        assert_eq!(outbound.take().await.len(), 1, "what was taken takes no room, and the loss is told once");
    }
}
