//! DeliveryGuard: one task at a time delivers a conversation's events.
//!
//! A lane of the journal, the bus and gap repair may all have events of one conversation at the same moment. Each takes the
//! conversation's guard, and while it holds the guard it sees up to which number the others have delivered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use bytes::Bytes;

use super::{EncodedEvents, EnqueueResult, Registry, Room, SendQueue, Subscription};
use crate::domain::{ConversationId, Seq};

/// The number of locks. With this many, deliveries of different conversations seldom wait for each other.
const GUARDS: usize = 64;

/// The locks behind the guards. A conversation always uses the same one.
pub(super) struct DeliveryGuards([Mutex<()>; GUARDS]);

impl Default for DeliveryGuards {
    fn default() -> Self {
        Self([const { Mutex::new(()) }; GUARDS])
    }
}

impl DeliveryGuards {
    fn of(&self, id: ConversationId) -> &Mutex<()> {
        &self.0[usize::try_from(id.0.as_u128() % GUARDS as u128).unwrap_or(0)]
    }
}

/// The position of events relative to what this node has delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeqCheck {
    /// At least one event is new, and no event before the first is missing.
    InOrder,
    /// All of the events were delivered.
    AlreadyDelivered,
    /// An event before the first was not delivered. These events must not be delivered before it.
    Gap,
}

/// The right to deliver a conversation's events. It is held over no await. No other lock is held when it is taken.
pub struct DeliveryGuard<'a> {
    registry: &'a Registry,
    conversation_id: ConversationId,
    _mutex_guard: MutexGuard<'a, ()>,
}

impl Registry {
    /// Waits for a conversation's guard.
    pub fn delivery_guard(&self, conversation_id: ConversationId) -> DeliveryGuard<'_> {
        let mutex_guard = self.delivery_guards.of(conversation_id).lock().unwrap_or_else(PoisonError::into_inner);
        DeliveryGuard { registry: self, conversation_id, _mutex_guard: mutex_guard }
    }

    /// Returns a conversation's guard, if no other task holds it.
    pub(super) fn try_delivery_guard(&self, conversation_id: ConversationId) -> Option<DeliveryGuard<'_>> {
        let mutex_guard = match self.delivery_guards.of(conversation_id).try_lock() {
            Ok(mutex_guard) => mutex_guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(DeliveryGuard { registry: self, conversation_id, _mutex_guard: mutex_guard })
    }
}

impl Registry {
    /// Raises a conversation's watermark to `seq`, because the missing events up to there can never be read. Its subscriptions go on
    /// after `seq`.
    pub fn skip_gap(&self, conversation_id: ConversationId, seq: Seq) {
        let _delivery_guard = self.delivery_guard(conversation_id);
        self.rooms.with(&conversation_id, |shard| {
            if let Some(watermark) = shard.get_mut(&conversation_id).and_then(|room| room.watermark.as_mut()) {
                *watermark = seq.max(*watermark);
            }
        });
    }
}

impl DeliveryGuard<'_> {
    /// The number up to which this node has delivered. `None` if the conversation has no subscription on this node, or if its
    /// watermark is not known yet.
    pub fn watermark(&self) -> Option<Seq> {
        self.registry.watermark(self.conversation_id)
    }

    /// Compares events of this conversation with its watermark.
    pub fn check(&self, events: &EncodedEvents) -> SeqCheck {
        check(self.watermark(), events)
    }

    /// Delivers events of this conversation to each live subscription that has not received them, in one write.
    pub fn deliver(&self, events: &EncodedEvents) -> SeqCheck {
        self.fan_out(events, |subscription, frames| subscription.send_queue.write_or_enqueue(frames))
    }

    /// Like [`DeliveryGuard::deliver`], but only enqueues. Adds the send queues that the caller must flush to `to_flush`.
    pub(super) fn enqueue(&self, events: &EncodedEvents, to_flush: &mut Vec<Arc<SendQueue>>) -> SeqCheck {
        self.fan_out(events, |subscription, frames| {
            if subscription.send_queue.enqueue(frames.clone()) == EnqueueResult::FlushDue {
                to_flush.push(Arc::clone(&subscription.send_queue));
            }
        })
    }

    fn fan_out(&self, events: &EncodedEvents, mut send: impl FnMut(&Subscription, &Bytes)) -> SeqCheck {
        let advanced = self.registry.rooms.with(&self.conversation_id, |shard| {
            let Some(room) = shard.get_mut(&self.conversation_id) else { return Err(SeqCheck::InOrder) };
            advance(room, events)
        });
        match advanced {
            Ok((subscriptions, delivered)) => {
                for subscription in subscriptions.iter() {
                    let cursor = subscription.cursor.max(delivered);
                    // Nearly always all events are new to all subscriptions.
                    if cursor < events.first_seq {
                        send(subscription, &events.frames);
                    } else if let Some(frames) = events.after(cursor) {
                        send(subscription, &frames);
                    }
                }
                SeqCheck::InOrder
            }
            Err(seq_check) => seq_check,
        }
    }
}

fn check(watermark: Option<Seq>, events: &EncodedEvents) -> SeqCheck {
    match watermark {
        Some(watermark) if events.last_seq() <= watermark => SeqCheck::AlreadyDelivered,
        Some(watermark) if events.first_seq > watermark + 1 => SeqCheck::Gap,
        _ => SeqCheck::InOrder,
    }
}

/// Raises the watermark. Returns the subscriptions of that moment, and the watermark before, up to which every live subscription has
/// received everything.
fn advance(room: &mut Room, events: &EncodedEvents) -> Result<(Arc<Vec<Subscription>>, Seq), SeqCheck> {
    match check(room.watermark, events) {
        SeqCheck::InOrder => {
            let delivered = room.watermark.replace(events.last_seq()).unwrap_or(0);
            Ok((Arc::clone(&room.subscriptions), delivered))
        }
        other => Err(other),
    }
}
