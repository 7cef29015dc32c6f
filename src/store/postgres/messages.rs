//! Messages.

use async_trait::async_trait;
use futures_util::future::{try_join, try_join_all};

use super::connection::Params;
use super::members::receipts_of_others;
use super::quotes::add_quotes;
use super::rows::{self, Columns};
use super::{Postgres, bounded};
use crate::domain::event::{Event, EventKind, Payload};
use crate::domain::mentions::Mentions;
use crate::domain::message::{Message, SystemNote};
use crate::domain::reactions::Reactions;
use crate::domain::{ConversationId, MessageId, Result, Seq, UserId};
use crate::store::queries::messages::{EVENTS_AFTER, MESSAGE_WIDTH, events_after, message_columns};
use crate::store::queries::{self, row_limit};
use crate::store::{Messages, Page, Range};

macro_rules! page_select {
    ($range:literal, $order:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages m WHERE m.conversation_id = $1 AND ",
            $range,
            " AND EXISTS (SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $4) \
             ORDER BY m.seq ",
            $order,
            " LIMIT $3"
        )
    };
}

/// conversation, before (exclusive), limit, reader. PostgreSQL checks the membership first and once, so that it searches no messages for
/// a reader who is not a member.
const PAGE_BEFORE: &str = page_select!("m.seq < $2", "DESC");
/// conversation, after (exclusive), limit, reader
const PAGE_AFTER: &str = page_select!("m.seq > $2", "ASC");

/// conversations, after (exclusive) for each, limit of each. PostgreSQL looks each conversation up by the indexes of both tables.
const EVENTS_OF: &str = concat!(
    "SELECT e.* FROM unnest($1::uuid[], $2::bigint[]) AS asked (conversation_id, after_seq) CROSS JOIN LATERAL (",
    events_after!("asked.conversation_id", "asked.after_seq", "$3"),
    ") e ORDER BY e.event_conversation_id, e.event_seq"
);

/// Reads `message_columns!`.
pub(super) fn message(columns: &mut Columns<'_>) -> Result<Message> {
    let mut message = Message {
        id: columns.next()?,
        conversation_id: columns.next()?,
        seq: columns.next()?,
        sender_id: columns.next()?,
        content: columns.next()?,
        reply_to: columns.next()?,
        quote: None,
        timestamp: columns.next()?,
        edited_at: columns.next()?,
        deleted_at: columns.next()?,
        note: note(columns)?,
        extra: columns.next::<Option<String>>()?.map(Payload::from_trusted),
        reactions: Reactions::default(),
        pinned_at: None,
        mentions: Mentions::default(),
    };
    let (counts, pinned_at) = (columns.next::<Option<&str>>()?, columns.next()?);
    let mentions = columns.next::<Option<&str>>()?;
    // A node of an older version deletes a message and leaves these columns as they are.
    if message.deleted_at.is_none() {
        message.reactions = counts.map(Reactions::from_trusted).unwrap_or_default();
        message.pinned_at = pinned_at;
        message.mentions = mentions.map(Mentions::from_trusted).unwrap_or_default();
    }
    Ok(message)
}

/// Reads `message_columns!` of an outer join.
pub(super) fn outer_joined_message(columns: &mut Columns<'_>) -> Result<Option<Message>> {
    columns.outer_joined(MESSAGE_WIDTH, message)
}

fn note(columns: &mut Columns<'_>) -> Result<Option<SystemNote>> {
    let kind: Option<&str> = columns.next()?;
    let (user_id, value) = rows::pair(columns)?;
    Ok(kind.map(|kind| SystemNote::from_trusted(kind, user_id, value)))
}

/// Reads the columns of `events_after!`.
fn event(columns: &mut Columns<'_>) -> Result<Event> {
    let (conversation_id, seq) = rows::pair(columns)?;
    let change: Option<&str> = columns.next()?;
    let payload = columns.next::<Option<String>>()?.map(Payload::from_trusted);
    let message = outer_joined_message(columns)?;
    let kind = change.map_or_else(|| Event::kind_of(message.as_ref()), EventKind::parse);
    Ok(Event { conversation_id, seq, kind, message, payload })
}

#[async_trait]
impl Messages for Postgres {
    /// One round trip, one more if the page includes receipts, and one more if it has answers.
    async fn page(&self, reader_id: UserId, id: ConversationId, range: Range, limit: usize) -> Result<Option<Page>> {
        bounded(async {
            let (sql, seq) = range.statement(PAGE_BEFORE, PAGE_AFTER);
            let connection = self.connection().await?;
            connection.prepare(&[queries::messages::PAGE_HEADER, sql]).await?;
            let limit = row_limit(limit);
            let (reader, page): (Params<'_>, Params<'_>) = (&[&reader_id, &id], &[&id, &seq, &limit, &reader_id]);
            // The header first, so that the page lacks no message up to its newest number.
            let (header, messages) =
                try_join(connection.send(queries::messages::PAGE_HEADER, reader), connection.send(sql, page)).await?;
            let Some((last_seq, member_count)) = rows::first(&header, rows::pair)? else { return Ok(None) };
            let mut messages = range.oldest_first(rows::all(&messages, message)?);
            add_quotes(&connection, messages.iter_mut().collect()).await?;
            let mut page = Page { last_seq, member_count, messages, receipts: None };
            if page.includes_receipts(reader_id) {
                page.receipts = receipts_of_others(&connection, id, reader_id).await?;
            }
            Ok(Some(page))
        })
        .await
    }

    async fn messages(&self, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>> {
        let (sql, seq) = range.statement(queries::messages::MESSAGES_BEFORE, queries::messages::MESSAGES_AFTER);
        bounded(async {
            let connection = self.connection().await?;
            let mut messages = rows::all(&connection.rows(sql, &[&id, &seq, &row_limit(limit)]).await?, message)?;
            add_quotes(&connection, messages.iter_mut().collect()).await?;
            Ok(range.oldest_first(messages))
        })
        .await
    }

    async fn message_by_id(&self, id: ConversationId, message_id: MessageId) -> Result<Option<Message>> {
        bounded(async {
            let connection = self.connection().await?;
            let found = connection.rows(queries::messages::MESSAGE, &[&id, &message_id]).await?;
            let mut found = rows::first(&found, message)?;
            add_quotes(&connection, found.iter_mut().collect()).await?;
            Ok(found)
        })
        .await
    }

    async fn events(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.read_events(EVENTS_AFTER, &[&id, &after, &row_limit(limit)]).await
    }

    async fn events_of(&self, after: &[(ConversationId, Seq)], limit: usize) -> Result<Vec<Event>> {
        let (ids, seqs): (Vec<ConversationId>, Vec<Seq>) = after.iter().copied().unzip();
        if self.connector.is_distributed {
            return self.read_events_on_shards(after, limit).await;
        }
        self.read_events(EVENTS_OF, &[&ids, &seqs, &row_limit(limit)]).await
    }
}

impl Postgres {
    /// The same as [`Messages::events_of`], by a question for each conversation, which share a round trip.
    async fn read_events_on_shards(&self, after: &[(ConversationId, Seq)], limit: usize) -> Result<Vec<Event>> {
        bounded(async {
            let connection = &*self.connection().await?;
            connection.prepare(&[EVENTS_AFTER]).await?;
            let limit = row_limit(limit);
            let found = after.iter().map(|(id, seq)| async move {
                rows::all(&connection.send(EVENTS_AFTER, &[id, seq, &limit]).await?, event)
            });
            let found: Vec<Vec<Event>> = try_join_all(found).await?;
            let mut events: Vec<Event> = found.into_iter().flatten().collect();
            events.sort_by_key(|event| (event.conversation_id, event.seq));
            add_quotes(connection, events.iter_mut().filter_map(|event| event.message.as_mut()).collect()).await?;
            Ok(events)
        })
        .await
    }

    /// One round trip, and one more if there are answers.
    async fn read_events(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Event>> {
        bounded(async {
            let connection = self.connection().await?;
            let mut events = rows::all(&connection.rows(sql, params).await?, event)?;
            add_quotes(&connection, events.iter_mut().filter_map(|event| event.message.as_mut()).collect()).await?;
            Ok(events)
        })
        .await
    }
}
