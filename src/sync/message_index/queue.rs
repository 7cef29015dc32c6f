//! The queue of conversations with events that are not indexed yet.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::bus::{Bus, Envelope};
use crate::domain::ConversationId;
use crate::limits;

/// Conversations in which this node has committed events since they were indexed.
#[derive(Default)]
pub struct IndexQueue {
    conversations: Mutex<HashSet<ConversationId>>,
    wake: Notify,
}

impl IndexQueue {
    /// Adds conversations. Drops them if the queue is full.
    pub(super) fn extend(&self, ids: impl IntoIterator<Item = ConversationId>) {
        let mut conversations = self.lock();
        let was_empty = conversations.is_empty();
        for id in ids {
            if conversations.len() < limits::INDEX_QUEUE_MAX {
                conversations.insert(id);
            }
        }
        if was_empty && !conversations.is_empty() {
            self.wake.notify_one();
        }
    }

    /// Waits until the queue has conversations.
    pub(super) async fn wait(&self) {
        while self.lock().is_empty() {
            self.wake.notified().await;
        }
    }

    /// Takes all conversations.
    pub(super) fn take(&self) -> Vec<ConversationId> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    /// A panic under the lock leaves a valid set.
    fn lock(&self) -> MutexGuard<'_, HashSet<ConversationId>> {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bus that adds the conversations of this node's events to the queue: every event that a node commits is published.
pub struct QueueingBus {
    bus: Arc<dyn Bus>,
    queue: Arc<IndexQueue>,
}

impl QueueingBus {
    /// Publishes on `bus`.
    pub fn new(bus: Arc<dyn Bus>, queue: &Arc<IndexQueue>) -> Self {
        Self { bus, queue: Arc::clone(queue) }
    }
}

impl Bus for QueueingBus {
    fn publish(&self, envelope: Envelope) {
        match &envelope {
            Envelope::Events(events) => self.queue.extend(events.iter().map(|events| events.conversation_id)),
            Envelope::MembershipEvent { event, .. } => self.queue.extend([event.conversation_id]),
            Envelope::Deleted { conversation_id, .. } => self.queue.extend([*conversation_id]),
            Envelope::Created { .. }
            | Envelope::BlockChanged(..)
            | Envelope::SessionsEnded(_)
            | Envelope::ReceiptsSwitched { .. }
            | Envelope::Ephemeral { .. } => {}
        }
        self.bus.publish(envelope);
    }
}

#[cfg(test)]
mod tests {
    use super::IndexQueue;
    use crate::domain::ConversationId;
    use crate::limits;

    #[tokio::test]
    async fn a_queue_is_bounded_and_has_a_conversation_once() {
        let (queue, id) = (IndexQueue::default(), ConversationId::new());
        queue.extend([id, id]);
        queue.wait().await;
        assert_eq!(queue.take(), [id]);
        assert!(queue.take().is_empty());
        queue.extend((0..=limits::INDEX_QUEUE_MAX).map(|_| ConversationId::new()));
        queue.wait().await;
        assert_eq!(queue.take().len(), limits::INDEX_QUEUE_MAX);
    }
}
