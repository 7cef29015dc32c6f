//! Writes the index of messages by their words.
//!
//! An entry's id is its time in milliseconds and a slot within it. The index of words returns entries by their ids, so that the newest come
//! first without a sort. The entries of a millisecond share a row, because a busy server commits dozens in it. The index of words has no
//! content of its own: to delete an entry it is given the same words again.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use rusqlite::{Connection, params};

use super::rows::value;
use super::search_moment::{Entry, Indexed, Moment, milli_of, milli_of_id, scope_key, time_of};
use super::sql::{all, one, run, sql};
use crate::domain::message_search::{IndexEntry, IndexStep};
use crate::domain::{ConversationId, Result, Seq};
use crate::store::queries::message_search::DELETE_CURSOR;
use crate::store::queries::row_limit;

/// version, conversation
pub(super) const CURSOR: &str = "SELECT seq FROM search_cursors WHERE version = ?1 AND conversation_id = ?2";
/// version, conversation, seq
const SET_CURSOR: &str = "INSERT INTO search_cursors (version, conversation_id, seq) VALUES (?1, ?2, ?3) \
     ON CONFLICT (version, conversation_id) DO UPDATE SET seq = excluded.seq";
/// milli
pub(super) const MOMENT: &str = "SELECT entries FROM search_moments WHERE milli = ?1";
/// milli, entries
const SET_MOMENT: &str = "INSERT INTO search_moments (milli, entries) VALUES (?1, ?2) \
     ON CONFLICT (milli) DO UPDATE SET entries = excluded.entries";
/// milli
const DELETE_MOMENT: &str = "DELETE FROM search_moments WHERE milli = ?1";
/// id, words
const INSERT_WORDS: &str = "INSERT INTO search_words (rowid, words) VALUES (?1, ?2)";
/// id, words
const DELETE_WORDS: &str = "INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', ?1, ?2)";
/// query, limit
const IDS_OF_SCOPE: &str = "SELECT rowid FROM search_words WHERE search_words MATCH ?1 LIMIT ?2";

/// Indexes steps in the caller's transaction. Returns the conversations of the steps that it left out.
pub(super) fn index_messages(db: &Connection, version: i64, steps: Vec<IndexStep>) -> Result<Vec<ConversationId>> {
    let (mut index, mut left_out) = (Index::new(db), Vec::new());
    for IndexStep { conversation_id, after, up_to, entries } in steps {
        let at = one(db, CURSOR, params![version, conversation_id], value::<Seq>)?.unwrap_or(0);
        if at != after {
            left_out.push(conversation_id);
            continue;
        }
        for entry in entries {
            if entry.seq <= after {
                index.remove(version, conversation_id, &entry)?;
            }
            index.add(version, conversation_id, &entry)?;
        }
        run(db, SET_CURSOR, params![version, conversation_id, up_to])?;
    }
    index.finish()?;
    Ok(left_out)
}

/// Deletes entries of a conversation, and its position if there are no more. Returns true if there may be more.
pub(super) fn sweep(db: &Connection, version: i64, id: ConversationId, limit: usize) -> Result<bool> {
    let query = format!("\"{}\"", scope_key(version, id));
    let ids: Vec<i64> = all(db, IDS_OF_SCOPE, params![query, row_limit(limit)], value)?;
    let has_more = ids.len() == limit;
    let mut index = Index::new(db);
    for id in ids {
        let removed = index.moment(milli_of_id(id))?.remove(|found, _| found == id)?;
        index.deleted.extend(removed);
    }
    index.finish()?;
    if !has_more {
        run(db, sql!(DELETE_CURSOR), params![version, id])?;
    }
    Ok(has_more)
}

/// The index as a transaction changes it: the moments that it has read, and the entries that it deletes and inserts.
struct Index<'a> {
    db: &'a Connection,
    moments: HashMap<i64, Moment>,
    deleted: Vec<Indexed>,
    inserted: Vec<Indexed>,
}

impl<'a> Index<'a> {
    fn new(db: &'a Connection) -> Self {
        Self { db, moments: HashMap::new(), deleted: Vec::new(), inserted: Vec::new() }
    }

    fn moment(&mut self, milli: i64) -> Result<&mut Moment> {
        Ok(match self.moments.entry(milli) {
            Slot::Occupied(entry) => entry.into_mut(),
            Slot::Vacant(entry) => {
                let bytes = one(self.db, MOMENT, params![milli], value)?.unwrap_or_default();
                entry.insert(Moment::read(milli, bytes)?)
            }
        })
    }

    /// Adds a message that has words. If its millisecond has no room for it, it gets the next one, and is found as if it was that young.
    fn add(&mut self, version: i64, conversation_id: ConversationId, entry: &IndexEntry) -> Result<()> {
        let &IndexEntry { seq, sender_id, timestamp, ref words } = entry;
        let Some(words) = words else { return Ok(()) };
        let mut entry = Entry { version, conversation_id, seq, sender_id, timestamp, words: words.as_str() };
        let mut milli = milli_of(timestamp);
        let added = loop {
            if let Some(added) = self.moment(milli)?.add(&entry)? {
                break added;
            }
            milli += 1;
            entry.timestamp = time_of(milli);
        };
        self.inserted.push(added);
        Ok(())
    }

    /// Removes a message, if it is there.
    fn remove(&mut self, version: i64, conversation_id: ConversationId, entry: &IndexEntry) -> Result<()> {
        let is_it = |_, found: &Entry<'_>| {
            (found.version, found.conversation_id, found.seq) == (version, conversation_id, entry.seq)
        };
        let mut milli = milli_of(entry.timestamp);
        loop {
            let moment = self.moment(milli)?;
            if let Some(removed) = moment.remove(is_it)? {
                self.deleted.push(removed);
                return Ok(());
            }
            if !moment.is_full() {
                return Ok(());
            }
            milli += 1;
        }
    }

    fn finish(self) -> Result<()> {
        for (milli, moment) in self.moments {
            if moment.bytes().is_empty() {
                run(self.db, DELETE_MOMENT, params![milli])?;
            } else {
                run(self.db, SET_MOMENT, params![milli, moment.bytes()])?;
            }
        }
        write_words(self.db, DELETE_WORDS, self.deleted)?;
        write_words(self.db, INSERT_WORDS, self.inserted)
    }
}

/// Writes to the index of words in the order of the ids: it begins a segment anew whenever an id is less than the one before.
fn write_words(db: &Connection, sql: &'static str, mut entries: Vec<Indexed>) -> Result<()> {
    entries.sort_unstable();
    let mut statement = db.prepare_cached(sql)?;
    for (id, text) in entries {
        statement.execute(params![id, text])?;
    }
    Ok(())
}
