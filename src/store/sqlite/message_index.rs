//! Writes the index of messages by their words.
//!
//! An entry's id is its time in milliseconds and a number within it. The index of words returns entries by their ids, so that the newest come
//! first without a sort. The index has no content of its own: to delete an entry it is given the same words again.

use rusqlite::{Connection, params};

use super::rows::{Columns, value};
use super::sql::{all, one, run, sql};
use crate::domain::message_search::{Document, IndexStep, conversation_key, sender_key};
use crate::domain::{ConversationId, Result, Seq, Timestamp, UserId};
use crate::store::queries::message_search::DELETE_CURSOR;
use crate::store::queries::row_limit;

/// Bits of an id for the entries of one millisecond: 1,024, more than a server commits in it. Together with the milliseconds of the next
/// thousand years they are fewer than 63 bits.
const SLOT_BITS: u32 = 10;
const MICROS_OF_MILLI: i64 = 1_000;

/// version, conversation
pub(super) const CURSOR: &str = "SELECT seq FROM search_cursors WHERE version = ?1 AND conversation_id = ?2";
/// version, conversation, seq
const SET_CURSOR: &str = "INSERT INTO search_cursors (version, conversation_id, seq) VALUES (?1, ?2, ?3) \
     ON CONFLICT (version, conversation_id) DO UPDATE SET seq = excluded.seq";
/// first, last
const LAST_ID: &str = "SELECT max(id) FROM search_entries WHERE id BETWEEN ?1 AND ?2";
/// id, version, conversation, seq, sender, timestamp, words
const INSERT_ENTRY: &str = "INSERT INTO search_entries (id, version, conversation_id, seq, sender_id, timestamp, words) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
/// id, words
const INSERT_WORDS: &str = "INSERT INTO search_words (rowid, words) VALUES (?1, ?2)";
/// id, words
const DELETE_WORDS: &str = "INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', ?1, ?2)";
/// version, conversation, seq
const DELETE_ENTRY: &str = "DELETE FROM search_entries WHERE version = ?1 AND conversation_id = ?2 AND seq = ?3 \
     RETURNING id, conversation_id, sender_id, words";
/// version, conversation, limit
const DELETE_ENTRIES: &str = "DELETE FROM search_entries WHERE id IN (SELECT id FROM search_entries \
         WHERE version = ?1 AND conversation_id = ?2 LIMIT ?3) \
     RETURNING id, conversation_id, sender_id, words";

/// An entry's id, and what the index of words was given.
type Indexed = (i64, String);

/// Returns the least id of a time, and of all later ones.
pub(super) fn first_id(at: Timestamp) -> i64 {
    let last_milli = i64::MAX >> SLOT_BITS;
    at.0.div_euclid(MICROS_OF_MILLI).clamp(0, last_milli) << SLOT_BITS
}

/// Returns the greatest id of the millisecond of a time.
pub(super) fn last_id(at: Timestamp) -> i64 {
    first_id(at) | ((1 << SLOT_BITS) - 1)
}

/// Returns the time at which the millisecond of an id begins.
pub(super) fn time_of(id: i64) -> Timestamp {
    Timestamp((id >> SLOT_BITS).saturating_mul(MICROS_OF_MILLI))
}

/// Returns the text of an entry for the index of words.
fn indexed_text(words: &str, conversation_id: ConversationId, sender_id: UserId) -> String {
    format!("{words} {} {}", conversation_key(conversation_id), sender_key(sender_id))
}

fn indexed(columns: &mut Columns<'_>) -> rusqlite::Result<Indexed> {
    let (id, conversation_id, sender_id) = (columns.next()?, columns.next()?, columns.next()?);
    Ok((id, indexed_text(columns.text()?.unwrap_or_default(), conversation_id, sender_id)))
}

/// Indexes steps in the caller's transaction.
pub(super) fn index_messages(db: &Connection, version: i64, steps: Vec<IndexStep>) -> Result<()> {
    let (mut deleted, mut inserted) = (Vec::new(), Vec::new());
    for step in steps {
        let id = step.conversation_id;
        let at = one(db, CURSOR, params![version, id], value::<Seq>)?.unwrap_or(0);
        if at != step.after {
            continue;
        }
        for entry in step.entries {
            if entry.seq <= step.after {
                deleted.extend(one(db, DELETE_ENTRY, params![version, id, entry.seq], indexed)?);
            }
            if let Some(document) = &entry.document {
                inserted.push(insert_entry(db, version, id, entry.seq, document)?);
            }
        }
        run(db, SET_CURSOR, params![version, id, step.up_to])?;
    }
    write_words(db, DELETE_WORDS, deleted)?;
    write_words(db, INSERT_WORDS, inserted)
}

/// Writes to the index of words in the order of the ids: it begins a segment anew whenever an id is less than the one before.
fn write_words(db: &Connection, sql: &'static str, mut entries: Vec<Indexed>) -> Result<()> {
    entries.sort_unstable();
    for (id, text) in entries {
        run(db, sql, params![id, text])?;
    }
    Ok(())
}

/// Inserts an entry under a free id of its time. If its millisecond has none, the entry gets the next one, and is found as if it was that old.
fn insert_entry(
    db: &Connection,
    version: i64,
    conversation_id: ConversationId,
    seq: Seq,
    document: &Document,
) -> Result<Indexed> {
    let Document { sender_id, mut timestamp, ref words } = *document;
    let id = loop {
        let (first, last) = (first_id(timestamp), last_id(timestamp));
        match one(db, LAST_ID, params![first, last], value::<Option<i64>>)?.flatten() {
            None => break first,
            Some(used) if used < last => break used + 1,
            Some(_) => timestamp = time_of(last + 1),
        }
    };
    run(db, INSERT_ENTRY, params![id, version, conversation_id, seq, sender_id, timestamp, words])?;
    Ok((id, indexed_text(words, conversation_id, sender_id)))
}

/// Deletes entries of a conversation, and its position if there are no more. Returns true if there may be more.
pub(super) fn sweep(db: &Connection, version: i64, id: ConversationId, limit: usize) -> Result<bool> {
    let deleted = all(db, DELETE_ENTRIES, params![version, id, row_limit(limit)], indexed)?;
    let has_more = deleted.len() == limit;
    write_words(db, DELETE_WORDS, deleted)?;
    if !has_more {
        run(db, sql!(DELETE_CURSOR), params![version, id])?;
    }
    Ok(has_more)
}
