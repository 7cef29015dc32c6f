//! DeliveryGuards: who delivers a conversation's events, one at a time.
//!
//! A lane of the journal, the bus, and whoever fills a hole may all have something for one conversation at the same moment. Each takes
//! the conversation's turn, and in it sees up to where the others came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use bytes::Bytes;

use super::{EncodedEvents, EnqueueResult, Registry, Room, SendQueue, Subscription};
use crate::domain::{ConversationId, Seq};

/// Enough that those who deliver different conversations seldom meet.
const GUARDS: usize = 64;

/// The turns of all conversations.
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

/// Where a run comes in what this node has delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeqCheck {
    /// It has something new, and nothing before that is missing.
    InOrder,
    /// All of it was delivered.
    AlreadyDelivered,
    /// Something before it was not delivered: it must not be either.
    Gap,
}

/// The right to deliver a conversation's events. It is held over no await; no other lock is held when it is taken.
pub struct DeliveryGuard<'a> {
    registry: &'a Registry,
    conversation_id: ConversationId,
    _held: MutexGuard<'a, ()>,
}

impl Registry {
    /// Waits for a conversation's turn.
    pub fn delivery_guard(&self, conversation_id: ConversationId) -> DeliveryGuard<'_> {
        let held = self.delivery_guards.of(conversation_id).lock().unwrap_or_else(PoisonError::into_inner);
        DeliveryGuard { registry: self, conversation_id, _held: held }
    }

    /// A conversation's turn, if nobody has it.
    pub(super) fn try_delivery_guard(&self, conversation_id: ConversationId) -> Option<DeliveryGuard<'_>> {
        let held = match self.delivery_guards.of(conversation_id).try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(DeliveryGuard { registry: self, conversation_id, _held: held })
    }
}

impl Registry {
    /// What is missing up to this number will never come: whoever listens goes on behind it.
    pub fn skip_gap(&self, conversation_id: ConversationId, seq: Seq) {
        let _guard = self.delivery_guard(conversation_id);
        self.rooms.with(&conversation_id, |shard| {
            if let Some(watermark) = shard.get_mut(&conversation_id).and_then(|room| room.watermark.as_mut()) {
                *watermark = seq.max(*watermark);
            }
        });
    }
}

impl DeliveryGuard<'_> {
    /// The number up to which this node has delivered, if anybody here listens.
    pub fn watermark(&self) -> Option<Seq> {
        self.registry.watermark(self.conversation_id)
    }

    /// Where a run of this conversation comes.
    pub fn check(&self, run: &EncodedEvents) -> SeqCheck {
        check(self.watermark(), run)
    }

    /// Delivers a run of this conversation to whoever has not heard it: each gets it in one write.
    pub fn deliver(&self, run: &EncodedEvents) -> SeqCheck {
        self.fan_out(run, |subscription, frames| subscription.send_queue.write_or_enqueue(frames))
    }

    /// Like [`DeliveryGuard::deliver`], but leaves the writing to whoever flushes those who are `due`.
    pub(super) fn enqueue(&self, run: &EncodedEvents, due: &mut Vec<Arc<SendQueue>>) -> SeqCheck {
        self.fan_out(run, |subscription, frames| {
            if subscription.send_queue.enqueue(frames.clone()) == EnqueueResult::FlushDue {
                due.push(Arc::clone(&subscription.send_queue));
            }
        })
    }

    fn fan_out(&self, run: &EncodedEvents, mut give: impl FnMut(&Subscription, &Bytes)) -> SeqCheck {
        let advanced = self.registry.rooms.with(&self.conversation_id, |shard| {
            let Some(room) = shard.get_mut(&self.conversation_id) else { return Err(SeqCheck::InOrder) };
            advance(room, run)
        });
        match advanced {
            Ok((subscriptions, delivered)) => {
                for subscription in subscriptions.iter() {
                    let from = subscription.from.max(delivered);
                    // Nearly always all of it is new to all of them.
                    if from < run.first_seq {
                        give(subscription, &run.frames);
                    } else if let Some(frames) = run.after(from) {
                        give(subscription, &frames);
                    }
                }
                SeqCheck::InOrder
            }
            Err(place) => place,
        }
    }
}

fn check(watermark: Option<Seq>, run: &EncodedEvents) -> SeqCheck {
    match watermark {
        Some(watermark) if run.last_seq() <= watermark => SeqCheck::AlreadyDelivered,
        Some(watermark) if run.first_seq > watermark + 1 => SeqCheck::Gap,
        _ => SeqCheck::InOrder,
    }
}

/// Raises the watermark; returns who is there at that moment, and the watermark before, up to which all who are live have
/// everything.
fn advance(room: &mut Room, run: &EncodedEvents) -> Result<(Arc<Vec<Subscription>>, Seq), SeqCheck> {
    match check(room.watermark, run) {
        SeqCheck::InOrder => {
            let delivered = room.watermark.replace(run.last_seq()).unwrap_or(0);
            Ok((Arc::clone(&room.subscriptions), delivered))
        }
        elsewhere => Err(elsewhere),
    }
}
