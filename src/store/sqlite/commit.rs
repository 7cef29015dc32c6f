//! Sends, a batch at a time. The transaction is the lock of every counter.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{CachedStatement, Connection, params};

use super::messages::message;
use super::rows::{pair, value};
use super::sql::{one, run, sql};
use crate::domain::command::{NewMessage, Outcome};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::{ConversationId, Error, Result, Seq, Timestamp, UserId};
use crate::store::queries;

const COUNTER: &str = "SELECT last_seq, active_at FROM counters WHERE conversation_id = ?1";
const IS_MEMBER: &str = "SELECT EXISTS (SELECT 1 FROM members WHERE conversation_id = ?1 AND user_id = ?2)";
const IS_MESSAGE: &str = "SELECT EXISTS (SELECT 1 FROM messages WHERE conversation_id = ?1 AND id = ?2)";
/// A message's columns but those of a note; nothing if its id is there.
const INSERT: &str = "INSERT INTO messages (id, conversation_id, seq, sender_id, content, reply_to, timestamp) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (conversation_id, id) DO NOTHING";
/// conversation, user, seq
pub(super) const ADVANCE_RECEIPTS: &str = "UPDATE members SET delivered_seq = max(delivered_seq, ?3), \
     read_seq = max(read_seq, ?3) WHERE conversation_id = ?1 AND user_id = ?2";

/// Commits `batch` in its order; one result for each.
pub(super) fn commit(db: &Connection, batch: &[NewMessage]) -> Result<Vec<Result<Outcome>>> {
    let mut under_way =
        Batch { db, insert: db.prepare_cached(INSERT)?, counters: HashMap::new(), senders: HashMap::new() };
    let outcomes = batch.iter().map(|send| under_way.send(send)).collect::<Result<_>>()?;
    under_way.finish()?;
    Ok(outcomes)
}

/// What a batch has learned and changed: each counter and each sender is read and written once, however many they send.
struct Batch<'a> {
    db: &'a Connection,
    insert: CachedStatement<'a>,
    /// `None` if there is no such conversation.
    counters: HashMap<ConversationId, Option<Counter>>,
    /// `None` if they are not a member; else the newest number that they sent here, 0 if none.
    senders: HashMap<(ConversationId, UserId), Option<Seq>>,
}

#[derive(Clone, Copy)]
struct Counter {
    last_seq: Seq,
    active_at: Timestamp,
    advanced: bool,
}

impl Batch<'_> {
    /// The result of one send, and outside it what makes the whole batch fail.
    ///
    /// A retry is rare, so that it is found by the conflict of its id, and looked up before anybody is refused.
    fn send(&mut self, send: &NewMessage) -> Result<Result<Outcome>> {
        let refusal = self.refusal(send)?;
        if refusal.is_none()
            && let Some(message) = self.insert(send)?
        {
            return Ok(Ok(Outcome::Committed(Event::created(message))));
        }
        match one(self.db, sql!(queries::messages::MESSAGE), params![send.conversation_id, send.id], message)? {
            Some(stored) => Ok(Outcome::duplicate(stored, send.sender_id, self.is_member(send)?)),
            None => Ok(Err(refusal.unwrap_or_else(|| Error::internal("SQLite: an id conflicts, and is not there")))),
        }
    }

    /// Why a send that is new may not be.
    fn refusal(&mut self, send: &NewMessage) -> Result<Option<Error>> {
        if self.counter(send.conversation_id)?.is_none() || !self.is_member(send)? {
            return Ok(Some(Error::not_found("conversation")));
        }
        if let Some(id) = send.reply_to
            && one(self.db, IS_MESSAGE, params![send.conversation_id, id], value)? != Some(true)
        {
            return Ok(Some(Error::field("reply_to", "there is no such message in this conversation")));
        }
        Ok(None)
    }

    fn counter(&mut self, id: ConversationId) -> Result<Option<Counter>> {
        Ok(match self.counters.entry(id) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                let row = one(self.db, COUNTER, params![id], pair)?;
                *unknown.insert(row.map(|(last_seq, active_at)| Counter { last_seq, active_at, advanced: false }))
            }
        })
    }

    fn is_member(&mut self, send: &NewMessage) -> Result<bool> {
        Ok(match self.senders.entry((send.conversation_id, send.sender_id)) {
            Entry::Occupied(known) => known.get().is_some(),
            Entry::Vacant(unknown) => {
                let is_member = one(self.db, IS_MEMBER, params![send.conversation_id, send.sender_id], value)?;
                unknown.insert((is_member == Some(true)).then_some(0)).is_some()
            }
        })
    }

    /// Numbers and keeps a send that may be; `None`, and no number is used, if its id is there.
    fn insert(&mut self, send: &NewMessage) -> Result<Option<Message>> {
        let Some(counter) = self.counters.get_mut(&send.conversation_id).and_then(Option::as_mut) else {
            return Ok(None);
        };
        let seq = counter.last_seq + 1;
        let inserted = self.insert.execute(params![
            send.id,
            send.conversation_id,
            seq,
            send.sender_id,
            send.content.as_str(),
            send.reply_to,
            send.timestamp
        ])?;
        if inserted == 0 {
            return Ok(None);
        }
        let active_at = counter.active_at.max(send.timestamp);
        *counter = Counter { last_seq: seq, active_at, advanced: true };
        self.senders.insert((send.conversation_id, send.sender_id), Some(seq));
        Ok(Some(send.with_seq(seq)))
    }

    /// Writes back what advanced.
    fn finish(self) -> Result<()> {
        for (id, counter) in self.counters {
            if let Some(Counter { last_seq, active_at, advanced: true }) = counter {
                run(self.db, sql!(queries::heads::ADVANCE_COUNTER), params![id, last_seq, 0, active_at])?;
            }
        }
        for ((conversation_id, user_id), newest) in self.senders {
            if let Some(seq @ 1..) = newest {
                run(self.db, ADVANCE_RECEIPTS, params![conversation_id, user_id, seq])?;
            }
        }
        Ok(())
    }
}
