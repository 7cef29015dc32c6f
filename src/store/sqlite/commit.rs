//! Commits new messages, a batch in each transaction. SQLite has one write transaction at a time, which is the lock of every counter.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{CachedStatement, Connection, params};

use super::mentions;
use super::messages::message;
use super::quotes::{add_quotes, quote};
use super::rows::{pair, value};
use super::sql::{one, run, sql};
use crate::domain::command::{NewMessage, Outcome};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::rules::contact::declined;
use crate::domain::{ConversationId, Error, Result, Seq, Timestamp, UserId};
use crate::store::queries;

/// conversation
const COUNTER: &str = "SELECT last_seq, active_at FROM counters WHERE conversation_id = ?1";
/// conversation, user
const SENDER: &str = "SELECT is_blocked FROM members WHERE conversation_id = ?1 AND user_id = ?2";
/// id, conversation, seq, sender, content, reply_to, timestamp, mentions. Inserts nothing if the conversation has a message with this id.
const INSERT: &str = "INSERT INTO messages (id, conversation_id, seq, sender_id, content, reply_to, timestamp, mentions) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (conversation_id, id) DO NOTHING";
/// conversation, user, seq
pub(super) const ADVANCE_RECEIPTS: &str = "UPDATE members SET delivered_seq = max(delivered_seq, ?3), \
     read_seq = max(read_seq, ?3), unread_from_seq = NULL WHERE conversation_id = ?1 AND user_id = ?2";

/// Commits `batch` in its order. Returns one result for each message.
pub(super) fn commit(db: &Connection, batch: &[NewMessage]) -> Result<Vec<Result<Outcome>>> {
    let mut state =
        BatchState { db, insert: db.prepare_cached(INSERT)?, counters: HashMap::new(), senders: HashMap::new() };
    let outcomes = batch.iter().map(|new| state.commit_one(new)).collect::<Result<_>>()?;
    state.finish()?;
    Ok(outcomes)
}

/// The counters and senders that a batch has read and changed. Each is read once and written once, however many messages it has.
struct BatchState<'a> {
    db: &'a Connection,
    insert: CachedStatement<'a>,
    /// `None` if there is no such conversation.
    counters: HashMap<ConversationId, Option<CounterRow>>,
    /// `None` if the sender is not a member.
    senders: HashMap<(ConversationId, UserId), Option<Sender>>,
}

#[derive(Clone, Copy)]
struct Sender {
    is_blocked: bool,
    /// The newest number that the batch gave to the sender's messages, 0 if none.
    newest_seq: Seq,
}

#[derive(Clone, Copy)]
struct CounterRow {
    last_seq: Seq,
    active_at: Timestamp,
    advanced: bool,
}

impl BatchState<'_> {
    /// Commits one message. The inner result is the message's own, and an outer error fails the whole batch.
    ///
    /// Duplicates are rare: an id is looked up only if its insert conflicts, or before the message is refused.
    fn commit_one(&mut self, new: &NewMessage) -> Result<Result<Outcome>> {
        let answered = match new.reply_to {
            Some(id) => quote(self.db, new.conversation_id, id)?.map(Box::new),
            None => None,
        };
        let refusal = self.refusal(new, answered.is_some())?;
        if refusal.is_none()
            && let Some(mut message) = self.insert(new)?
        {
            message.quote = answered;
            return Ok(Ok(Outcome::Committed(Event::created(message))));
        }
        match one(self.db, sql!(queries::messages::MESSAGE), params![new.conversation_id, new.id], message)? {
            Some(mut stored) => {
                add_quotes(self.db, [&mut stored])?;
                Ok(Outcome::duplicate_send(stored, new.sender_id, self.sender(new)?.is_some()))
            }
            None => {
                Ok(Err(refusal
                    .unwrap_or_else(|| Error::internal("SQLite: an id conflicts, but there is no message with it"))))
            }
        }
    }

    /// Returns the reason to refuse a message that is no duplicate, if there is one. `is_answered`: the message that it answers is there.
    fn refusal(&mut self, new: &NewMessage, is_answered: bool) -> Result<Option<Error>> {
        let (counter, sender) = (self.counter(new.conversation_id)?, self.sender(new)?);
        let (Some(_), Some(sender)) = (counter, sender) else { return Ok(Some(Error::not_found("conversation"))) };
        if sender.is_blocked {
            return Ok(Some(declined()));
        }
        if new.reply_to.is_some() && !is_answered {
            return Ok(Some(Error::field("reply_to", "there is no such message in this conversation")));
        }
        Ok(None)
    }

    fn counter(&mut self, id: ConversationId) -> Result<Option<CounterRow>> {
        Ok(match self.counters.entry(id) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let row = one(self.db, COUNTER, params![id], pair)?;
                *entry.insert(row.map(|(last_seq, active_at)| CounterRow { last_seq, active_at, advanced: false }))
            }
        })
    }

    fn sender(&mut self, new: &NewMessage) -> Result<Option<Sender>> {
        Ok(match self.senders.entry((new.conversation_id, new.sender_id)) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let is_blocked = one(self.db, SENDER, params![new.conversation_id, new.sender_id], value)?;
                *entry.insert(is_blocked.map(|is_blocked| Sender { is_blocked, newest_seq: 0 }))
            }
        })
    }

    /// Numbers and inserts a message. Returns `None`, and uses no number, if the conversation has a message with its id.
    fn insert(&mut self, new: &NewMessage) -> Result<Option<Message>> {
        let Some(counter) = self.counters.get_mut(&new.conversation_id).and_then(Option::as_mut) else {
            return Ok(None);
        };
        let seq = counter.last_seq + 1;
        let mentions = mentions::resolve(self.db, new.conversation_id, new.sender_id, new.content.as_str())?;
        let inserted = self.insert.execute(params![
            new.id,
            new.conversation_id,
            seq,
            new.sender_id,
            new.content.as_str(),
            new.reply_to,
            new.timestamp,
            mentions.stored()
        ])?;
        if inserted == 0 {
            return Ok(None);
        }
        let active_at = counter.active_at.max(new.timestamp);
        *counter = CounterRow { last_seq: seq, active_at, advanced: true };
        let sender = Sender { is_blocked: false, newest_seq: seq };
        self.senders.insert((new.conversation_id, new.sender_id), Some(sender));
        mentions::insert(self.db, new.conversation_id, seq, new.sender_id, &mentions)?;
        Ok(Some(Message { mentions, ..new.with_seq(seq) }))
    }

    /// Writes the counters and receipts that advanced.
    fn finish(self) -> Result<()> {
        for (id, counter) in self.counters {
            if let Some(CounterRow { last_seq, active_at, advanced: true }) = counter {
                run(self.db, sql!(queries::heads::ADVANCE_COUNTER), params![id, last_seq, 0, active_at])?;
            }
        }
        for ((conversation_id, user_id), sender) in self.senders {
            if let Some(Sender { newest_seq: seq @ 1.., .. }) = sender {
                run(self.db, ADVANCE_RECEIPTS, params![conversation_id, user_id, seq])?;
            }
        }
        Ok(())
    }
}
