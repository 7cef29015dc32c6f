//! The queue of events that are not indexed yet.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::bus::{Bus, Envelope, Others};
use crate::domain::event::Event;
use crate::domain::message_search::IndexedEvent;
use crate::domain::{ConversationId, SessionId};
use crate::journal::CommitObserver;
use crate::limits;

/// The queue between the journal and the worker: events that this node has committed and the worker has not indexed.
#[derive(Default)]
pub struct IndexQueue {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

/// The events and conversations that the worker takes next.
#[derive(Default)]
pub(super) struct Waiting {
    /// Events, those of a conversation in the order of their numbers.
    pub events: Vec<IndexedEvent>,
    /// Bytes of the events.
    bytes: usize,
    /// Conversations of which the store is asked for what else is not indexed.
    pub conversations: HashSet<ConversationId>,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.conversations.is_empty()
    }

    /// Adds an event. Events beyond the bound are read from the store later.
    fn add(&mut self, event: &Event) {
        if self.conversations.contains(&event.conversation_id) {
            return;
        }
        let event = IndexedEvent::of(event);
        if self.bytes + event.bytes() > limits::INDEX_QUEUE_BYTES {
            self.ask_for(event.conversation_id);
        } else {
            self.bytes += event.bytes();
            self.events.push(event);
        }
    }

    /// Adds a conversation. Drops it if there are too many.
    fn ask_for(&mut self, id: ConversationId) {
        if self.conversations.len() < limits::INDEX_QUEUE_MAX {
            self.conversations.insert(id);
        }
    }
}

impl IndexQueue {
    /// Adds conversations of which the store is to be asked.
    pub(super) fn ask_for(&self, ids: impl IntoIterator<Item = ConversationId>) {
        let mut waiting = self.lock();
        for id in ids {
            waiting.ask_for(id);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Waits until something waits to be indexed.
    pub(super) async fn wait(&self) {
        while self.lock().is_empty() {
            self.wake.notified().await;
        }
    }

    /// Takes everything.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.lock())
    }

    /// A panic under the lock leaves a valid queue.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for IndexQueue {
    fn committed(&self, events: &[&Event]) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        for event in events {
            waiting.add(event);
        }
        drop(waiting);
        if was_empty {
            self.wake.notify_one();
        }
    }
}

/// A bus that adds deleted conversations to the queue, so that their words leave the index soon.
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

#[async_trait]
impl Bus for QueueingBus {
    fn publish(&self, envelope: Envelope) {
        if let Envelope::Deleted { conversation_id, .. } = &envelope {
            self.queue.ask_for([*conversation_id]);
        }
        self.bus.publish(envelope);
    }

    fn others(&self) -> Others {
        self.bus.others()
    }

    async fn end_sessions(&self, sessions: Vec<SessionId>) {
        self.bus.end_sessions(sessions).await;
    }
}

#[cfg(test)]
mod tests {
    use super::IndexQueue;
    use crate::domain::event::Event;
    use crate::domain::message::Message;
    use crate::domain::{ConversationId, MessageId, Seq, Timestamp, UserId};
    use crate::journal::CommitObserver;
    use crate::limits;

    fn event(conversation_id: ConversationId, seq: Seq, bytes: usize) -> Event {
        Event::created(Message::new(
            MessageId::new(),
            conversation_id,
            seq,
            UserId::new(),
            "x".repeat(bytes),
            Timestamp(0),
        ))
    }

    #[test]
    fn a_full_queue_leaves_the_rest_of_a_conversation_to_the_store() {
        let (queue, full, other) = (IndexQueue::default(), ConversationId::new(), ConversationId::new());
        let half = limits::INDEX_QUEUE_BYTES / 2;
        queue.committed(&[&event(full, 1, half), &event(full, 2, half), &event(full, 3, 1), &event(other, 1, 1)]);
        let waiting = queue.take();
        let events: Vec<_> = waiting.events.iter().map(|event| (event.conversation_id, event.seq)).collect();
        assert_eq!(events, [(full, 1), (other, 1)], "no event after one that is missing");
        assert!(waiting.conversations.iter().eq([&full]));
        queue.committed(&[&event(full, 4, half)]);
        assert_eq!(queue.take().events.len(), 1, "what was taken takes no room");
    }
}
