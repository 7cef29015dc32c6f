//! Turns: who delivers a conversation's events, one at a time.
//!
//! A lane of the journal, the bus, and whoever fills a hole may all have something for one conversation at the same moment. Each takes
//! the conversation's turn, and in it sees up to where the others came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use bytes::Bytes;

use super::{Outbox, Put, Registry, Room, Run, Seat};
use crate::domain::{ConversationId, Seq};

/// Enough that those who deliver different conversations seldom meet.
const TURNS: usize = 64;

/// The turns of all conversations.
pub(super) struct Turns([Mutex<()>; TURNS]);

impl Default for Turns {
    fn default() -> Self {
        Self([const { Mutex::new(()) }; TURNS])
    }
}

impl Turns {
    fn of(&self, id: ConversationId) -> &Mutex<()> {
        &self.0[usize::try_from(id.0.as_u128() % TURNS as u128).unwrap_or(0)]
    }
}

/// Where a run comes in what this node has delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It has something new, and nothing before that is missing.
    Next,
    /// All of it was delivered.
    Past,
    /// Something before it was not delivered: it must not be either.
    BehindHole,
}

/// The right to deliver a conversation's events. It is held over no await; no other lock is held when it is taken.
pub struct Turn<'a> {
    registry: &'a Registry,
    conversation_id: ConversationId,
    _held: MutexGuard<'a, ()>,
}

impl Registry {
    /// Waits for a conversation's turn.
    pub fn turn(&self, conversation_id: ConversationId) -> Turn<'_> {
        let held = self.turns.of(conversation_id).lock().unwrap_or_else(PoisonError::into_inner);
        Turn { registry: self, conversation_id, _held: held }
    }

    /// A conversation's turn, if nobody has it.
    pub(super) fn free_turn(&self, conversation_id: ConversationId) -> Option<Turn<'_>> {
        let held = match self.turns.of(conversation_id).try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Turn { registry: self, conversation_id, _held: held })
    }
}

impl Registry {
    /// What is missing up to this number will never come: whoever listens goes on behind it.
    pub fn step_over(&self, conversation_id: ConversationId, seq: Seq) {
        let _turn = self.turn(conversation_id);
        self.rooms.with(&conversation_id, |shard| {
            if let Some(watermark) = shard.get_mut(&conversation_id).and_then(|room| room.watermark.as_mut()) {
                *watermark = seq.max(*watermark);
            }
        });
    }
}

impl Turn<'_> {
    /// The number up to which this node has delivered, if anybody here listens.
    pub fn watermark(&self) -> Option<Seq> {
        self.registry.watermark(self.conversation_id)
    }

    /// Where a run of this conversation comes.
    pub fn place_of(&self, run: &Run) -> Place {
        place(self.watermark(), run)
    }

    /// Delivers a run of this conversation to whoever has not heard it: each gets it in one write.
    pub fn deliver(&self, run: &Run) -> Place {
        self.hand_out(run, |seat, frames| seat.outbox.pass(frames))
    }

    /// Like [`Turn::deliver`], but leaves the writing to whoever flushes those who are `due`.
    pub(super) fn put(&self, run: &Run, due: &mut Vec<Arc<Outbox>>) -> Place {
        self.hand_out(run, |seat, frames| {
            if seat.outbox.put(frames.clone()) == Put::First {
                due.push(Arc::clone(&seat.outbox));
            }
        })
    }

    fn hand_out(&self, run: &Run, mut give: impl FnMut(&Seat, &Bytes)) -> Place {
        let advanced = self.registry.rooms.with(&self.conversation_id, |shard| {
            let Some(room) = shard.get_mut(&self.conversation_id) else { return Err(Place::Next) };
            advance(room, run)
        });
        match advanced {
            Ok((seats, delivered)) => {
                for seat in seats.iter() {
                    let from = seat.from.max(delivered);
                    // Nearly always all of it is new to all of them.
                    if from < run.first_seq {
                        give(seat, &run.frames);
                    } else if let Some(frames) = run.after(from) {
                        give(seat, &frames);
                    }
                }
                Place::Next
            }
            Err(place) => place,
        }
    }
}

fn place(watermark: Option<Seq>, run: &Run) -> Place {
    match watermark {
        Some(watermark) if run.last_seq() <= watermark => Place::Past,
        Some(watermark) if run.first_seq > watermark + 1 => Place::BehindHole,
        _ => Place::Next,
    }
}

/// Raises the watermark; returns who is there at that moment, and the watermark before, up to which all who are live have
/// everything.
fn advance(room: &mut Room, run: &Run) -> Result<(Arc<Vec<Seat>>, Seq), Place> {
    match place(room.watermark, run) {
        Place::Next => {
            let delivered = room.watermark.replace(run.last_seq()).unwrap_or(0);
            Ok((Arc::clone(&room.seats), delivered))
        }
        elsewhere => Err(elsewhere),
    }
}
