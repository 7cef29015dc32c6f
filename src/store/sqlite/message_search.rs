//! Searches messages.

use std::collections::HashMap;
use std::time::Instant;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::message_index::{self, CURSOR, first_id, last_id, time_of};
use super::messages::message;
use super::rows::{Columns, value};
use super::sql::{all, one, run, sql};
use crate::domain::conversation::{GroupName, direct_key};
use crate::domain::event::Event;
use crate::domain::message_search::{
    FoundMessages, IndexPosition, IndexStep, IndexVersion, MessagePosition, Search, Term, conversation_key, sender_key,
};
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::limits;
use crate::store::queries::heads::HEAD;
use crate::store::queries::message_search::{
    DIRECT_CONVERSATION, FORGET_INDEX_VERSION, GROUP_NAMES, INDEX_POSITIONS, INDEX_VERSIONS, SET_INDEX_VERSION,
    SOME_CONVERSATIONS,
};
use crate::store::queries::messages::message_columns;
use crate::store::queries::row_limit;
use crate::store::{MessageSearch, Messages};

/// query, first id, last id. The index of words returns its entries by their ids.
const BY_WORDS: &str = "SELECT e.id, e.version, e.timestamp, e.conversation_id, e.seq \
     FROM search_words w CROSS JOIN search_entries e ON e.id = w.rowid \
     WHERE w.search_words MATCH ?1 AND w.rowid BETWEEN ?2 AND ?3 ORDER BY w.rowid DESC";
/// NULL, first id, last id
const BY_TIME: &str = "SELECT e.id, e.version, e.timestamp, e.conversation_id, e.seq FROM search_entries e \
     WHERE ?1 IS NULL AND e.id BETWEEN ?2 AND ?3 ORDER BY e.id DESC";
/// conversation, user
const IS_MEMBER: &str = "SELECT 1 FROM members WHERE conversation_id = ?1 AND user_id = ?2";
/// conversation, seq
const MESSAGE_AT: &str =
    concat!("SELECT ", message_columns!(), " FROM messages m WHERE m.conversation_id = ?1 AND m.seq = ?2");

fn index_version(columns: &mut Columns<'_>) -> rusqlite::Result<IndexVersion> {
    Ok(IndexVersion { version: columns.next()?, is_complete: columns.next()?, used_at: columns.next()? })
}

/// Reads the columns of [`INDEX_POSITIONS`].
fn index_position(columns: &mut Columns<'_>) -> rusqlite::Result<IndexPosition> {
    Ok(IndexPosition { conversation_id: columns.next()?, head: columns.next()?, indexed: columns.next()? })
}

fn group_name(columns: &mut Columns<'_>) -> rusqlite::Result<(ConversationId, GroupName)> {
    Ok((columns.next()?, GroupName::from_trusted(columns.next()?)))
}

/// An entry that an index returns.
struct Entry {
    id: i64,
    version: i64,
    position: MessagePosition,
}

fn entry(columns: &mut Columns<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: columns.next()?,
        version: columns.next()?,
        position: MessagePosition {
            timestamp: columns.next()?,
            conversation_id: columns.next()?,
            seq: columns.next()?,
        },
    })
}

/// Returns the query for the index of words. `None` if it would have none.
fn query(search: &Search, scope: Option<&[ConversationId]>) -> Option<String> {
    let mut parts: Vec<String> = search.terms.iter().map(phrase).collect();
    parts.extend(search.sender_id.map(|id| quoted(&sender_key(id))));
    if let Some(scope) = scope {
        let keys: Vec<String> = scope.iter().map(|id| quoted(&conversation_key(*id))).collect();
        parts.push(format!("({})", keys.join(" OR ")));
    }
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

fn phrase(term: &Term) -> String {
    quoted(&term.words.join(" ")) + if term.is_prefix { " *" } else { "" }
}

/// Words have only letters and digits, so that nothing needs to be escaped.
fn quoted(words: &str) -> String {
    format!("\"{words}\"")
}

/// Returns the conversations in which to search, if they are few.
fn scope(db: &Connection, search: &Search) -> Result<Option<Vec<ConversationId>>> {
    let named = if let Some(named) = &search.conversation_ids {
        named.clone()
    } else {
        let limit = row_limit(limits::SEARCH_SCOPE_MAX + 1);
        all(db, sql!(SOME_CONVERSATIONS), params![search.reader_id, limit], value)?
    };
    Ok(Some(named).filter(|named| named.len() <= limits::SEARCH_SCOPE_MAX))
}

/// The memberships of a reader that a search has looked up.
struct Memberships<'a> {
    db: &'a Connection,
    search: &'a Search,
    known: HashMap<ConversationId, bool>,
}

impl Memberships<'_> {
    /// Returns true if the reader is in the conversation, and the search is not about others.
    fn include(&mut self, id: ConversationId) -> Result<bool> {
        if let Some(is_included) = self.known.get(&id) {
            return Ok(*is_included);
        }
        let is_named = self.search.conversation_ids.as_ref().is_none_or(|ids| ids.contains(&id));
        let params = params![id, self.search.reader_id];
        let is_included = is_named && one(self.db, IS_MEMBER, params, value::<i64>)?.is_some();
        self.known.insert(id, is_included);
        Ok(is_included)
    }
}

/// Returns the positions of at most `limit` entries, newest first, and the one before which others follow.
fn find(db: &Connection, version: i64, search: &Search) -> Result<(Vec<MessagePosition>, Option<MessagePosition>)> {
    let deadline = Instant::now() + limits::SEARCH_DEADLINE;
    let scope = scope(db, search)?;
    if scope.as_ref().is_some_and(Vec::is_empty) {
        return Ok((Vec::new(), None));
    }
    let query = query(search, scope.as_deref());
    let mut memberships = Memberships { db, search, known: HashMap::new() };
    let (mut found, mut group, mut rows_read): (Vec<MessagePosition>, Option<i64>, usize) = (Vec::new(), None, 0);
    let mut statement = db.prepare_cached(if query.is_some() { BY_WORDS } else { BY_TIME })?;
    let mut rows = statement.query(params![query, first_id(search.since), last_id(search.before.timestamp)])?;
    while let Some(row) = rows.next()? {
        let entry = entry(&mut Columns::of(row))?;
        rows_read += 1;
        // The entries of one millisecond are in no order. A page and the time for it end between two milliseconds.
        let group_of_entry = first_id(time_of(entry.id));
        if group.replace(group_of_entry).is_some_and(|group| group != group_of_entry) {
            let is_full = found.len() > search.limit;
            if is_full || rows_read >= limits::SEARCH_CLOCK_ROWS && Instant::now() >= deadline {
                let next = MessagePosition { timestamp: time_of(last_id(time_of(entry.id)) + 1), ..FIRST_OF_ITS_TIME };
                return Ok(page(found, search.limit, Some(next)));
            }
            rows_read %= limits::SEARCH_CLOCK_ROWS;
        }
        let position = entry.position;
        let is_in_time = position < search.before && position.timestamp >= search.since;
        if entry.version == version && is_in_time && memberships.include(position.conversation_id)? {
            found.push(position);
        }
    }
    Ok(page(found, search.limit, None))
}

/// Before every message of its time.
const FIRST_OF_ITS_TIME: MessagePosition =
    MessagePosition { conversation_id: ConversationId::FIRST, seq: 0, timestamp: MessagePosition::LAST.timestamp };

/// Sorts what was found. Cuts it to `limit`; then the rest follows the last one that is left.
fn page(
    mut found: Vec<MessagePosition>,
    limit: usize,
    next: Option<MessagePosition>,
) -> (Vec<MessagePosition>, Option<MessagePosition>) {
    found.sort_unstable_by(|one, other| other.cmp(one));
    if found.len() > limit {
        found.truncate(limit);
        let next = found.last().copied();
        return (found, next);
    }
    (found, next)
}

#[async_trait]
impl MessageSearch for Sqlite {
    async fn index_versions(&self) -> Result<Vec<IndexVersion>> {
        self.read(|db| all(db, INDEX_VERSIONS, [], index_version)).await
    }

    async fn set_index_version(&self, index: IndexVersion) -> Result<()> {
        let IndexVersion { version, is_complete, used_at } = index;
        self.write(move |db| run(db, sql!(SET_INDEX_VERSION), params![version, is_complete, used_at]).map(drop)).await
    }

    async fn forget_index_version(&self, version: i64) -> Result<()> {
        self.write(move |db| run(db, sql!(FORGET_INDEX_VERSION), params![version]).map(drop)).await
    }

    async fn index_positions_of(&self, version: i64, ids: &[ConversationId]) -> Result<Vec<IndexPosition>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let position = |conversation_id| {
                Ok(IndexPosition {
                    conversation_id,
                    head: one(db, sql!(HEAD), params![conversation_id], value)?,
                    indexed: one(db, CURSOR, params![version, conversation_id], value)?,
                })
            };
            ids.into_iter().map(position).collect()
        })
        .await
    }

    async fn index_positions(&self, version: i64, first: ConversationId, limit: usize) -> Result<Vec<IndexPosition>> {
        let params = (version, first, row_limit(limit));
        self.read(move |db| all(db, sql!(INDEX_POSITIONS), params, index_position)).await
    }

    async fn events_to_index(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.events(id, after, limit).await
    }

    async fn index_messages(&self, version: i64, steps: Vec<IndexStep>) -> Result<()> {
        self.write(move |db| message_index::index_messages(db, version, steps)).await
    }

    async fn sweep_index(&self, version: i64, id: ConversationId, limit: usize) -> Result<bool> {
        self.write(move |db| message_index::sweep(db, version, id, limit)).await
    }

    async fn search_messages(&self, version: i64, search: &Search) -> Result<FoundMessages> {
        let search = search.clone();
        self.read(move |db| {
            let (positions, next) = find(db, version, &search)?;
            let mut messages = Vec::with_capacity(positions.len());
            for MessagePosition { conversation_id, seq, .. } in positions {
                messages.extend(one(db, MESSAGE_AT, params![conversation_id, seq], message)?);
            }
            Ok(FoundMessages { messages, next })
        })
        .await
    }

    async fn group_names(&self, user_id: UserId, limit: usize) -> Result<Vec<(ConversationId, GroupName)>> {
        self.read(move |db| all(db, sql!(GROUP_NAMES), params![user_id, row_limit(limit)], group_name)).await
    }

    async fn direct_conversation(&self, one_id: UserId, other_id: UserId) -> Result<Option<ConversationId>> {
        let key = direct_key(one_id, other_id);
        self.read(move |db| one(db, sql!(DIRECT_CONVERSATION), params![key], value)).await
    }
}

#[cfg(test)]
mod tests {
    use super::{first_id, last_id, time_of};
    use crate::domain::Timestamp;

    #[test]
    fn ids_are_in_the_order_of_time() {
        let now = Timestamp(1_700_000_000_123_456);
        assert_eq!(time_of(first_id(now)), Timestamp(1_700_000_000_123_000));
        assert_eq!(time_of(last_id(now)), Timestamp(1_700_000_000_123_000));
        assert_eq!(last_id(now) + 1, first_id(Timestamp(1_700_000_000_124_000)));
        assert_eq!((first_id(Timestamp(-1)), first_id(Timestamp(0))), (0, 0));
        assert_eq!(last_id(Timestamp(i64::MAX)), i64::MAX);
    }
}
