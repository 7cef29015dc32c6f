//! Searches messages.
//!
//! The index of words has no order. So a search first collects the messages that have its words and sorts them, if they are few. If they are
//! many, it walks through the newest messages instead, which soon have enough of them.

use std::cmp::Reverse;
use std::time::Instant;

use async_trait::async_trait;
use futures_util::future::{join_all, join3};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{Params, PgConnection};
use super::messages::{message, outer_joined_message};
use super::rows::{self, Columns};
use super::user_conversations::{CONVERSATION_IDS_OF_USER, GROUP_NAMES_OF_USER};
use super::{Postgres, bounded, message_index};
use crate::domain::conversation::{GroupName, direct_key};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::message_search::{
    FoundMessages, IndexPosition, IndexStep, IndexVersion, MessagePosition, Search, Term, conversation_key, sender_key,
};
use crate::domain::{Code, ConversationId, Error, Result, Seq, Timestamp, UserId};
use crate::limits;
use crate::store::queries::message_search::{
    DIRECT_CONVERSATION, FORGET_INDEX_VERSION, GROUP_NAMES, INDEX_POSITIONS, INDEX_VERSIONS, SET_INDEX_VERSION,
    SOME_CONVERSATIONS,
};
use crate::store::queries::messages::message_columns;
use crate::store::queries::row_limit;
use crate::store::{MessageSearch, Messages};

/// version, conversations
const INDEX_POSITIONS_OF: &str = "SELECT w.id, k.last_seq, c.seq FROM unnest($2::uuid[]) AS w (id) \
     LEFT JOIN counters k ON k.conversation_id = w.id \
     LEFT JOIN search_cursors c ON c.version = $1 AND c.conversation_id = w.id";

/// milliseconds, as text. For the transaction alone.
const SET_TIMEOUT: &str = "SELECT set_config('statement_timeout', $1, true)";

// Selects entries, then those of the reader's conversations among them, newest first, with their messages. The columns: the number of
// entries, the position of the oldest one, and the message (or NULLs) and its position. At least one row if there are entries.
macro_rules! found_select {
    ($entries:expr) => {
        concat!(
            "WITH entries AS MATERIALIZED (",
            $entries,
            "), found AS MATERIALIZED (SELECT e.timestamp, e.conversation_id, e.seq FROM entries e WHERE e.is_match \
                 AND ($8::uuid[] IS NULL OR e.conversation_id = ANY($8)) \
                 AND EXISTS (SELECT 1 FROM members mb WHERE mb.conversation_id = e.conversation_id AND mb.user_id = $9) \
                 ORDER BY e.timestamp DESC, e.conversation_id DESC, e.seq DESC LIMIT $10 \
             ) SELECT c.entries, o.timestamp, o.conversation_id, o.seq, ",
            message_columns!(),
            ", f.timestamp, f.conversation_id, f.seq \
             FROM (SELECT count(*) AS entries FROM entries) c \
             CROSS JOIN (SELECT timestamp, conversation_id, seq FROM entries ORDER BY timestamp, conversation_id, seq LIMIT 1) o \
             LEFT JOIN found f ON true \
             LEFT JOIN messages m ON m.conversation_id = f.conversation_id AND m.seq = f.seq \
             ORDER BY f.timestamp DESC, f.conversation_id DESC, f.seq DESC"
        )
    };
}

/// version, query, since, timestamp, conversation and seq of the position before which it searches, entries, conversations (NULL for all of the reader's), reader, limit.
/// The entries of the index of words. `+ 0` keeps PostgreSQL from walking through another index in search of them.
const COLLECT: &str = found_select!(
    "SELECT e.timestamp, e.conversation_id, e.seq, true AS is_match FROM search_entries e \
     WHERE e.words @@ (SELECT $2::text::tsquery) AND e.version + 0 = $1 AND e.timestamp >= $3 \
         AND (e.timestamp, e.conversation_id, e.seq) < ($4, $5, $6) LIMIT $7"
);
/// The same parameters. The newest entries.
const WALK: &str = found_select!(
    "SELECT e.timestamp, e.conversation_id, e.seq, \
         $2::text IS NULL OR e.words @@ (SELECT $2::text::tsquery) AS is_match FROM search_entries e \
     WHERE e.version = $1 AND e.timestamp >= $3 AND (e.timestamp, e.conversation_id, e.seq) < ($4, $5, $6) \
     ORDER BY e.timestamp DESC, e.conversation_id DESC, e.seq DESC LIMIT $7"
);

/// version, conversation, query (NULL for none), since, timestamp, conversation and seq of the position before which it searches, reader, limit. The
/// newest messages of one conversation, if the reader is a member.
const FOUND_IN_ONE: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", e.timestamp, e.conversation_id, e.seq FROM search_entries e \
     JOIN messages m ON m.conversation_id = $2 AND m.seq = e.seq \
     WHERE e.version = $1 AND e.conversation_id = $2 AND ($3::text IS NULL OR e.words @@ (SELECT $3::text::tsquery)) \
         AND e.timestamp >= $4 AND (e.timestamp, e.conversation_id, e.seq) < ($5, $6, $7) \
         AND EXISTS (SELECT 1 FROM members mb WHERE mb.conversation_id = $2 AND mb.user_id = $8) \
     ORDER BY e.timestamp DESC, e.seq DESC LIMIT $9"
);

fn index_version(columns: &mut Columns<'_>) -> Result<IndexVersion> {
    Ok(IndexVersion { version: columns.next()?, is_complete: columns.next()?, used_at: columns.next()? })
}

/// Reads the columns of [`INDEX_POSITIONS`].
fn index_position(columns: &mut Columns<'_>) -> Result<IndexPosition> {
    Ok(IndexPosition { conversation_id: columns.next()?, head: columns.next()?, indexed: columns.next()? })
}

fn group_name(columns: &mut Columns<'_>) -> Result<(ConversationId, GroupName)> {
    Ok((columns.next()?, GroupName::from_trusted(columns.next()?)))
}

/// Returns the query for the index of words. `None` if it would have none.
fn query(search: &Search, scope: Option<&[ConversationId]>) -> Option<String> {
    let mut parts: Vec<String> = search.terms.iter().map(phrase).collect();
    parts.extend(search.sender_id.map(|id| quoted(&sender_key(id))));
    if let Some(scope) = scope {
        let keys: Vec<String> = scope.iter().map(|id| quoted(&conversation_key(*id))).collect();
        parts.push(format!("({})", keys.join(" | ")));
    }
    (!parts.is_empty()).then(|| parts.join(" & "))
}

fn phrase(term: &Term) -> String {
    let words: Vec<String> = term.words.iter().map(|word| quoted(word)).collect();
    format!("({}{})", words.join(" <-> "), if term.is_prefix { ":*" } else { "" })
}

/// Words have only letters and digits, so that nothing needs to be escaped.
fn quoted(word: &str) -> String {
    format!("'{word}'")
}

/// The rows of [`found_select`].
#[derive(Default)]
struct Found {
    /// The number of entries that were looked at.
    entries: usize,
    /// The position of the oldest of them.
    oldest: Option<MessagePosition>,
    messages: Vec<(MessagePosition, Message)>,
}

impl Found {
    fn read(rows: &[Row]) -> Result<Self> {
        let mut found = Self::default();
        for row in rows {
            let mut columns = Columns::of(row);
            let entries: i64 = columns.next()?;
            found.entries = usize::try_from(entries).unwrap_or(usize::MAX);
            found.oldest = position(&mut columns)?;
            let message = outer_joined_message(&mut columns)?;
            found.messages.extend(position(&mut columns)?.zip(message));
        }
        Ok(found)
    }
}

fn position(columns: &mut Columns<'_>) -> Result<Option<MessagePosition>> {
    let (timestamp, conversation_id, seq): (Option<Timestamp>, Option<ConversationId>, Option<Seq>) =
        (columns.next()?, columns.next()?, columns.next()?);
    let position = |timestamp, (conversation_id, seq)| MessagePosition { timestamp, conversation_id, seq };
    Ok(timestamp.zip(conversation_id.zip(seq)).map(|(timestamp, rest)| position(timestamp, rest)))
}

/// A search on a connection.
struct Run<'a> {
    connection: &'a PgConnection,
    version: i64,
    search: &'a Search,
    query: Option<&'a str>,
}

impl Run<'_> {
    async fn select(&self, sql: &'static str, before: MessagePosition, entries: usize, limit: usize) -> Result<Found> {
        let Search { reader_id, conversation_ids, since, .. } = self.search;
        let MessagePosition { timestamp, conversation_id, seq } = before;
        let (entries, limit) = (row_limit(entries), row_limit(limit));
        let params: Params<'_> = &[
            &self.version,
            &self.query,
            since,
            &timestamp,
            &conversation_id,
            &seq,
            &entries,
            conversation_ids,
            reader_id,
            &limit,
        ];
        Found::read(&self.connection.rows(sql, params).await?)
    }

    /// Collects what the index has, and sorts it. Returns `None` if that is too much or takes too long. PostgreSQL itself ends the statement
    /// then, so that the connection can be used again.
    async fn collect(&self) -> Result<Option<FoundMessages>> {
        let connection = self.connection;
        let timeout = limits::SEARCH_COLLECT_TIMEOUT.as_millis().to_string();
        connection.prepare(&[SET_TIMEOUT, COLLECT]).await?;
        let limit = self.search.limit;
        let (begun, set, found) = join3(
            connection.begin(),
            connection.send(SET_TIMEOUT, &[&timeout]),
            self.select(COLLECT, self.search.before, limits::SEARCH_COLLECTED_MAX + 1, limit + 1),
        )
        .await;
        begun?;
        set?;
        connection.rollback().await?;
        match found {
            Ok(found) if found.entries <= limits::SEARCH_COLLECTED_MAX => Ok(Some(page(found.messages, limit, None))),
            Ok(_) => Ok(None),
            Err(error) if error.code == Code::Unavailable => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Walks through the newest messages, for a first time also if the time is over, so that each page gets on.
    async fn walk(&self, deadline: Instant) -> Result<FoundMessages> {
        let (mut messages, mut before) = (Vec::new(), self.search.before);
        loop {
            let missing = self.search.limit + 1 - messages.len();
            let found = self.select(WALK, before, limits::SEARCH_WALKED_AT_ONCE, missing).await?;
            let is_end = found.entries < limits::SEARCH_WALKED_AT_ONCE;
            messages.extend(found.messages);
            match found.oldest.filter(|_| !is_end) {
                Some(oldest) if messages.len() <= self.search.limit && Instant::now() < deadline => before = oldest,
                next => return Ok(page(messages, self.search.limit, next)),
            }
        }
    }
}

/// Cuts what was found to `limit`; then the rest follows the last message that is left.
fn page(mut found: Vec<(MessagePosition, Message)>, limit: usize, mut next: Option<MessagePosition>) -> FoundMessages {
    if found.len() > limit {
        found.truncate(limit);
        next = found.last().map(|(position, _)| *position);
    }
    FoundMessages { messages: found.into_iter().map(|(_, message)| message).collect(), next }
}

fn found_in_one(columns: &mut Columns<'_>) -> Result<Option<(MessagePosition, Message)>> {
    let message = message(columns)?;
    Ok(position(columns)?.map(|position| (position, message)))
}

/// Searches each conversation of `scope` on its own shard, and merges what is found. Two round trips: the scope was the first.
async fn search_shards(
    connection: &PgConnection,
    version: i64,
    search: &Search,
    scope: &[ConversationId],
) -> Result<FoundMessages> {
    connection.prepare(&[FOUND_IN_ONE]).await?;
    let query = query(search, None);
    let (MessagePosition { timestamp, conversation_id, seq }, limit) = (search.before, row_limit(search.limit + 1));
    let found = scope.iter().map(|id| {
        let query = &query;
        async move {
            let before: [&(dyn ToSql + Sync); 3] = [&timestamp, &conversation_id, &seq];
            let of_search: [&(dyn ToSql + Sync); 4] = [&version, id, query, &search.since];
            let params = [&of_search[..], &before[..], &[&search.reader_id, &limit]].concat();
            rows::all(&connection.send(FOUND_IN_ONE, &params).await?, found_in_one)
        }
    });
    let mut messages: Vec<(MessagePosition, Message)> = Vec::new();
    for found in join_all(found).await {
        messages.extend(found?.into_iter().flatten());
    }
    messages.sort_unstable_by_key(|(position, _)| Reverse(*position));
    Ok(page(messages, search.limit, None))
}

/// Returns the conversations in which to search, if they are few.
async fn scope(connection: &PgConnection, search: &Search) -> Result<Option<Vec<ConversationId>>> {
    let named = if let Some(named) = &search.conversation_ids {
        named.clone()
    } else {
        let (reader, limit) = (&search.reader_id, row_limit(limits::SEARCH_SCOPE_MAX + 1));
        let found = if connection.is_distributed() {
            connection.rows(CONVERSATION_IDS_OF_USER, &[reader, &ConversationId::FIRST, &limit]).await?
        } else {
            connection.rows(SOME_CONVERSATIONS, &[reader, &limit]).await?
        };
        rows::all(&found, rows::value)?
    };
    Ok(Some(named).filter(|named| named.len() <= limits::SEARCH_SCOPE_MAX))
}

#[async_trait]
impl MessageSearch for Postgres {
    async fn index_versions(&self) -> Result<Vec<IndexVersion>> {
        self.all(INDEX_VERSIONS, &[], index_version).await
    }

    async fn set_index_version(&self, index: IndexVersion) -> Result<()> {
        self.count(SET_INDEX_VERSION, &[&index.version, &index.is_complete, &index.used_at]).await.map(drop)
    }

    async fn forget_index_version(&self, version: i64) -> Result<()> {
        self.count(FORGET_INDEX_VERSION, &[&version]).await.map(drop)
    }

    async fn index_positions_of(&self, version: i64, ids: &[ConversationId]) -> Result<Vec<IndexPosition>> {
        self.all(INDEX_POSITIONS_OF, &[&version, &ids], index_position).await
    }

    async fn index_positions(&self, version: i64, first: ConversationId, limit: usize) -> Result<Vec<IndexPosition>> {
        self.all(INDEX_POSITIONS, &[&version, &first, &row_limit(limit)], index_position).await
    }

    async fn events_to_index(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.events(id, after, limit).await
    }

    async fn index_messages(&self, version: i64, steps: Vec<IndexStep>) -> Result<Vec<ConversationId>> {
        bounded(async { Box::pin(message_index::index_messages(&*self.connection().await?, version, &steps)).await })
            .await
    }

    async fn sweep_index(&self, version: i64, id: ConversationId, limit: usize) -> Result<bool> {
        bounded(async { Box::pin(message_index::sweep(&*self.connection().await?, version, id, limit)).await }).await
    }

    async fn search_messages(&self, version: i64, search: &Search) -> Result<FoundMessages> {
        let deadline = Instant::now() + limits::SEARCH_DEADLINE;
        let scope = bounded(async { scope(&*self.connection().await?, search).await }).await?;
        if scope.as_ref().is_some_and(Vec::is_empty) {
            return Ok(FoundMessages::default());
        }
        if self.connector.is_distributed {
            // Nothing is left out in silence: each conversation is a query of its own, and a user may have thousands.
            let scope = scope.ok_or_else(|| {
                let most = limits::SEARCH_SCOPE_MAX;
                Error::field(
                    "q",
                    format!("name a conversation with in:, because you have more than {most} to search in"),
                )
            })?;
            return bounded(async {
                Box::pin(search_shards(&*self.connection().await?, version, search, &scope)).await
            })
            .await;
        }
        let query = query(search, scope.as_deref());
        if query.is_some() {
            let collected = bounded(async {
                let connection = self.connection().await?;
                Run { connection: &connection, version, search, query: query.as_deref() }.collect().await
            });
            if let Some(found) = collected.await? {
                return Ok(found);
            }
        }
        bounded(async {
            let connection = self.connection().await?;
            Run { connection: &connection, version, search, query: query.as_deref() }.walk(deadline).await
        })
        .await
    }

    async fn group_names(&self, user_id: UserId, limit: usize) -> Result<Vec<(ConversationId, GroupName)>> {
        let sql = self.form(GROUP_NAMES, GROUP_NAMES_OF_USER);
        self.all(sql, &[&user_id, &row_limit(limit)], group_name).await
    }

    async fn direct_conversation(&self, one: UserId, other: UserId) -> Result<Option<ConversationId>> {
        self.one(DIRECT_CONVERSATION, &[&direct_key(one, other)], rows::value).await
    }
}
