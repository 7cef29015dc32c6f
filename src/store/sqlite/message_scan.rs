//! Looks through the index of messages, newest first, until a page is full or the time is over.
//!
//! The index of words returns the matches of whole words one by one, in the order of their ids. For the beginning of a word it first
//! collects all of them. So it is asked for a beginning only if there are few, and otherwise the entries are compared with it here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rusqlite::{Connection, params};

use super::message_index::MOMENT;
use super::rows::value;
use super::search_moment::{Entry, Moment, ids_of, milli_of, milli_of_id, scope_key, time_of};
use super::sql::{all, one, sql};
use crate::domain::message_search::{MessagePosition, Search, Term, sender_key};
use crate::domain::{Code, ConversationId, Result};
use crate::limits;
use crate::store::queries::message_search::SOME_CONVERSATIONS;
use crate::store::queries::row_limit;

/// Shows a connection the places of all words in the index, for [`PLACES`].
pub(super) const CREATE_PLACES: &str =
    "CREATE VIRTUAL TABLE temp.search_places USING fts5vocab('main', 'search_words', 'instance')";
/// first word, last word, limit
const PLACES: &str = "SELECT count(*) FROM (SELECT 1 FROM temp.search_places WHERE term BETWEEN ?1 AND ?2 LIMIT ?3)";
/// After every character that a word has.
const AFTER_CHARACTERS: char = '\u{10FFFF}';

/// query, first id, last id. The index of words returns its entries by their ids.
const BY_WORDS: &str = "SELECT rowid FROM search_words \
     WHERE search_words MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC";
/// first millisecond, last millisecond
const BY_TIME: &str = "SELECT milli, entries FROM search_moments WHERE milli BETWEEN ?1 AND ?2 ORDER BY milli DESC";
/// conversation, user
const IS_MEMBER: &str = "SELECT 1 FROM members WHERE conversation_id = ?1 AND user_id = ?2";

/// Positions of messages, newest first, and the one before which others follow.
type Page = (Vec<MessagePosition>, Option<MessagePosition>);

/// Before every message of its time.
const FIRST_OF_ITS_TIME: MessagePosition =
    MessagePosition { conversation_id: ConversationId::FIRST, seq: 0, timestamp: MessagePosition::LAST.timestamp };

/// Finds a page. If the time is over before the index returns anything, it compares the newest entries instead, so that each page gets on.
pub(super) fn find(db: &mut Connection, version: i64, search: &Search, deadline: Instant) -> Result<Page> {
    let scope = scope(db, search)?;
    if scope.as_ref().is_some_and(Vec::is_empty) {
        return Ok((Vec::new(), None));
    }
    let mut scan = Scan::new(version, search);
    let in_time = run_until(db, deadline, |db| {
        let query = query(version, search, scope.as_deref(), are_beginnings_few(db, search)?);
        scan.run(db, query.as_deref(), usize::MAX)
    })?;
    if in_time.is_none() && !scan.has_moved() {
        scan.run(db, None, limits::SEARCH_WALKED_AT_ONCE)?;
    }
    Ok(scan.page())
}

/// Runs `work` until the deadline. Then SQLite ends its statement, and this returns `None`. Later statements of the connection have no
/// deadline.
fn run_until<T>(
    db: &mut Connection,
    deadline: Instant,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<Option<T>> {
    let is_over = Arc::new(AtomicBool::new(false));
    let clock = Arc::clone(&is_over);
    let check = move || {
        clock.store(Instant::now() >= deadline, Ordering::Relaxed);
        clock.load(Ordering::Relaxed)
    };
    db.progress_handler(limits::SEARCH_CLOCK_STEPS, Some(check))?;
    let result = work(db);
    db.progress_handler(0, None::<fn() -> bool>)?;
    match result {
        Err(error) if error.code == Code::Unavailable && is_over.load(Ordering::Relaxed) => Ok(None),
        result => result.map(Some),
    }
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

/// Returns true if the words that the query's beginnings begin have few places in the index.
fn are_beginnings_few(db: &Connection, search: &Search) -> Result<bool> {
    for beginning in search.terms.iter().filter(|term| term.is_prefix).filter_map(|term| term.words.last()) {
        let params =
            params![beginning, format!("{beginning}{AFTER_CHARACTERS}"), row_limit(limits::SEARCH_COLLECTED_MAX + 1)];
        let places: i64 = one(db, PLACES, params, value)?.unwrap_or(0);
        if places >= row_limit(limits::SEARCH_COLLECTED_MAX + 1) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the query for the index of words, with or without the beginnings of words. `None` if it would have nothing.
fn query(version: i64, search: &Search, scope: Option<&[ConversationId]>, has_beginnings: bool) -> Option<String> {
    let mut parts: Vec<String> = search.terms.iter().filter_map(|term| phrase(term, has_beginnings)).collect();
    parts.extend(search.sender_id.map(|id| quoted(&sender_key(id))));
    if let Some(scope) = scope {
        let keys: Vec<String> = scope.iter().map(|id| quoted(&scope_key(version, *id))).collect();
        parts.push(format!("({})", keys.join(" OR ")));
    }
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

/// Without beginnings, a phrase is the words before its last one.
fn phrase(term: &Term, has_beginnings: bool) -> Option<String> {
    if !term.is_prefix {
        return Some(quoted(&term.words.join(" ")));
    }
    if has_beginnings {
        return Some(quoted(&term.words.join(" ")) + " *");
    }
    let (_, whole) = term.words.split_last()?;
    (!whole.is_empty()).then(|| quoted(&whole.join(" ")))
}

/// Words have only letters and digits, so that nothing needs to be escaped.
fn quoted(words: &str) -> String {
    format!("\"{words}\"")
}

fn has_all(words: &str, terms: &[Term]) -> bool {
    let words: Vec<&str> = words.split(' ').collect();
    terms.iter().all(|term| term.is_in(&words))
}

/// A walk through entries, newest first. The entries of one millisecond are in no order, so that it ends between two milliseconds.
struct Scan<'a> {
    version: i64,
    search: &'a Search,
    /// The greatest millisecond of those that were not looked at. `None` after the last one.
    rest: Option<i64>,
    /// The matches, each with its millisecond.
    found: Vec<(i64, MessagePosition)>,
    /// The millisecond that is looked at.
    milli: Option<i64>,
    /// Entries that were looked at in this run.
    entries_read: usize,
    /// The reader's memberships that were looked up.
    memberships: HashMap<ConversationId, bool>,
}

impl<'a> Scan<'a> {
    fn new(version: i64, search: &'a Search) -> Self {
        let rest = Some(milli_of(search.before.timestamp));
        Self { version, search, rest, found: Vec::new(), milli: None, entries_read: 0, memberships: HashMap::new() }
    }

    /// Looks through the rest of the entries that match a query, or of all entries without one, until a page is full or it has looked at
    /// `entries_max`. If it fails, the millisecond in which it failed belongs to the rest.
    fn run(&mut self, db: &Connection, query: Option<&str>, entries_max: usize) -> Result<()> {
        let Some(last) = self.rest else { return Ok(()) };
        self.entries_read = 0;
        let millis = (milli_of(self.search.since), last);
        let result = match query {
            Some(query) => self.by_words(db, query, millis, entries_max),
            None => self.by_time(db, millis, entries_max),
        };
        if let Some(milli) = self.milli.take().filter(|_| result.is_err()) {
            self.found.retain(|(found, _)| *found != milli);
            self.rest = Some(milli);
        }
        result
    }

    fn by_words(&mut self, db: &Connection, query: &str, (first, last): (i64, i64), entries_max: usize) -> Result<()> {
        let mut statement = db.prepare_cached(BY_WORDS)?;
        let mut rows = statement.query(params![query, ids_of(first).0, ids_of(last).1])?;
        // Those of the millisecond that is looked at, the greatest first.
        let mut ids: Vec<i64> = Vec::new();
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let milli = milli_of_id(id);
            if self.milli.is_some_and(|last| last != milli) {
                self.look_at_all(db, &std::mem::take(&mut ids))?;
            }
            if self.ends_before(milli, entries_max) {
                return Ok(());
            }
            ids.push(id);
        }
        self.look_at_all(db, &ids)?;
        self.rest = None;
        Ok(())
    }

    /// Looks at entries of one millisecond, which share a row: it is read and decoded once for all of them.
    fn look_at_all(&mut self, db: &Connection, ids: &[i64]) -> Result<()> {
        let Some(milli) = ids.first().copied().map(milli_of_id) else { return Ok(()) };
        let moment = Moment::read(milli, one(db, MOMENT, params![milli], value)?.unwrap_or_default())?;
        for (id, entry) in moment.entries()? {
            if ids.binary_search_by(|other| id.cmp(other)).is_ok() {
                self.look_at(db, milli, &entry)?;
            }
        }
        Ok(())
    }

    fn by_time(&mut self, db: &Connection, millis: (i64, i64), entries_max: usize) -> Result<()> {
        let mut statement = db.prepare_cached(BY_TIME)?;
        let mut rows = statement.query(millis)?;
        while let Some(row) = rows.next()? {
            let milli = row.get(0)?;
            if self.ends_before(milli, entries_max) {
                return Ok(());
            }
            for (_, entry) in Moment::read(milli, row.get(1)?)?.entries()? {
                self.look_at(db, milli, &entry)?;
            }
        }
        self.rest = None;
        Ok(())
    }

    /// Returns true if the run ends before a millisecond, which the rest begins with then.
    fn ends_before(&mut self, milli: i64, entries_max: usize) -> bool {
        let is_over = self.found.len() > self.search.limit || self.entries_read >= entries_max;
        if is_over && self.milli.is_some_and(|last| last != milli) {
            self.rest = Some(milli);
            return true;
        }
        self.milli = Some(milli);
        false
    }

    fn look_at(&mut self, db: &Connection, milli: i64, entry: &Entry<'_>) -> Result<()> {
        self.entries_read += 1;
        let Entry { timestamp, conversation_id, seq, .. } = *entry;
        let position = MessagePosition { timestamp, conversation_id, seq };
        if self.is_match(entry, position) && self.is_included(db, conversation_id)? {
            self.found.push((milli, position));
        }
        Ok(())
    }

    fn is_match(&self, entry: &Entry<'_>, position: MessagePosition) -> bool {
        let Search { terms, sender_id, since, before, .. } = self.search;
        entry.version == self.version
            && position < *before
            && position.timestamp >= *since
            && sender_id.is_none_or(|sender_id| entry.sender_id == sender_id)
            && has_all(entry.words, terms)
    }

    /// Returns true if the reader is in the conversation, and the search is not about others.
    fn is_included(&mut self, db: &Connection, id: ConversationId) -> Result<bool> {
        if let Some(is_included) = self.memberships.get(&id) {
            return Ok(*is_included);
        }
        let is_named = self.search.conversation_ids.as_ref().is_none_or(|ids| ids.contains(&id));
        let params = params![id, self.search.reader_id];
        let is_included = is_named && one(db, IS_MEMBER, params, value::<i64>)?.is_some();
        self.memberships.insert(id, is_included);
        Ok(is_included)
    }

    /// Returns true if a page that begins at the rest does not begin where this one does.
    fn has_moved(&self) -> bool {
        let before = self.search.before;
        let (first, next) = (Some(milli_of(before.timestamp)), self.next());
        self.rest != first && next.is_none_or(|next| next < before)
    }

    /// Returns the position before which the rest is.
    fn next(&self) -> Option<MessagePosition> {
        self.rest.map(|milli| MessagePosition { timestamp: time_of(milli + 1), ..FIRST_OF_ITS_TIME })
    }

    /// Sorts what was found. Cuts it to the limit; then the rest follows the last one that is left.
    fn page(self) -> Page {
        let (limit, mut next) = (self.search.limit, self.next());
        let mut found: Vec<MessagePosition> = self.found.into_iter().map(|(_, position)| position).collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        if found.len() > limit {
            found.truncate(limit);
            next = found.last().copied();
        }
        (found, next)
    }
}

#[cfg(test)]
#[path = "message_scan_tests.rs"]
mod tests;
