//! Searches messages.

use std::collections::HashMap;
use std::time::Instant;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::message_index::{self, CURSOR, MOMENT};
use super::messages::message;
use super::rows::{Columns, value};
use super::search_moment::{Entry, Moment, ids_of, milli_of, milli_of_id, scope_key, time_of};
use super::sql::{all, one, run, sql};
use crate::domain::conversation::{GroupName, direct_key};
use crate::domain::event::Event;
use crate::domain::message_search::{
    FoundMessages, IndexPosition, IndexStep, IndexVersion, MessagePosition, Search, Term, sender_key,
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
const BY_WORDS: &str = "SELECT rowid FROM search_words \
     WHERE search_words MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC";
/// first millisecond, last millisecond
const BY_TIME: &str = "SELECT milli, entries FROM search_moments WHERE milli BETWEEN ?1 AND ?2 ORDER BY milli DESC";
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

/// Returns the query for the index of words. `None` if it would have none.
fn query(version: i64, search: &Search, scope: Option<&[ConversationId]>) -> Option<String> {
    let mut parts: Vec<String> = search.terms.iter().map(phrase).collect();
    parts.extend(search.sender_id.map(|id| quoted(&sender_key(id))));
    if let Some(scope) = scope {
        let keys: Vec<String> = scope.iter().map(|id| quoted(&scope_key(version, *id))).collect();
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
    let scope = scope(db, search)?;
    if scope.as_ref().is_some_and(Vec::is_empty) {
        return Ok((Vec::new(), None));
    }
    let query = query(version, search, scope.as_deref());
    let mut finder = Finder {
        version,
        memberships: Memberships { db, search, known: HashMap::new() },
        deadline: Instant::now() + limits::SEARCH_DEADLINE,
        milli: None,
        found: Vec::new(),
        rows_read: 0,
    };
    let next = match query {
        Some(query) => by_words(db, &query, &mut finder)?,
        None => by_time(db, &mut finder)?,
    };
    Ok(page(finder.found, search.limit, next))
}

/// Lets `finder` look at the entries that have the words of a query. Returns the position before which others follow.
fn by_words(db: &Connection, query: &str, finder: &mut Finder<'_>) -> Result<Option<MessagePosition>> {
    let (first, last) = finder.millis();
    let mut statement = db.prepare_cached(BY_WORDS)?;
    let mut rows = statement.query(params![query, ids_of(first).0, ids_of(last).1])?;
    let mut moment: Option<Moment> = None;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let milli = milli_of_id(id);
        if let next @ Some(_) = finder.begin(milli) {
            return Ok(next);
        }
        let moment = match &mut moment {
            Some(moment) if moment.milli() == milli => moment,
            moment => moment.insert(Moment::read(milli, one(db, MOMENT, params![milli], value)?.unwrap_or_default())?),
        };
        if let Some((_, entry)) = moment.entries()?.into_iter().find(|(found, _)| *found == id) {
            finder.look_at(&entry)?;
        }
    }
    Ok(None)
}

/// Lets `finder` look at all entries. Returns the position before which others follow.
fn by_time(db: &Connection, finder: &mut Finder<'_>) -> Result<Option<MessagePosition>> {
    let mut statement = db.prepare_cached(BY_TIME)?;
    let mut rows = statement.query(finder.millis())?;
    while let Some(row) = rows.next()? {
        let milli = row.get(0)?;
        if let next @ Some(_) = finder.begin(milli) {
            return Ok(next);
        }
        for (_, entry) in Moment::read(milli, row.get(1)?)?.entries()? {
            finder.look_at(&entry)?;
        }
    }
    Ok(None)
}

/// What a search has found so far.
struct Finder<'a> {
    version: i64,
    memberships: Memberships<'a>,
    deadline: Instant,
    /// The millisecond of the entries that it looks at.
    milli: Option<i64>,
    found: Vec<MessagePosition>,
    /// Entries since it looked at the clock.
    rows_read: usize,
}

impl Finder<'_> {
    /// Returns the first and the last millisecond of the search.
    fn millis(&self) -> (i64, i64) {
        let search = self.memberships.search;
        (milli_of(search.since), milli_of(search.before.timestamp))
    }

    /// Goes on with a millisecond. Returns the position before which others follow, if the page or the time for it is over. The entries of one
    /// millisecond are in no order, so a page ends between two.
    fn begin(&mut self, milli: i64) -> Option<MessagePosition> {
        if self.milli.replace(milli).is_none_or(|last| last == milli) {
            return None;
        }
        let is_full = self.found.len() > self.memberships.search.limit;
        if is_full || self.rows_read >= limits::SEARCH_CLOCK_ROWS && Instant::now() >= self.deadline {
            return Some(MessagePosition { timestamp: time_of(milli + 1), ..FIRST_OF_ITS_TIME });
        }
        self.rows_read %= limits::SEARCH_CLOCK_ROWS;
        None
    }

    fn look_at(&mut self, entry: &Entry<'_>) -> Result<()> {
        self.rows_read += 1;
        let Entry { timestamp, conversation_id, seq, .. } = *entry;
        let (position, search) = (MessagePosition { timestamp, conversation_id, seq }, self.memberships.search);
        let is_in_time = position < search.before && position.timestamp >= search.since;
        if entry.version == self.version && is_in_time && self.memberships.include(conversation_id)? {
            self.found.push(position);
        }
        Ok(())
    }
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

    async fn index_messages(&self, version: i64, steps: Vec<IndexStep>) -> Result<Vec<ConversationId>> {
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
