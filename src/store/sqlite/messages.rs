//! Messages.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::members::receipts_of_others;
use super::quotes::add_quotes;
use super::rows::{Columns, pair};
use super::sql::{all, one, sql};
use crate::domain::event::{Event, EventKind, Payload};
use crate::domain::mentions::Mentions;
use crate::domain::message::{Message, SystemNote};
use crate::domain::reactions::Reactions;
use crate::domain::{ConversationId, MessageId, Result, Seq, UserId};
use crate::limits;
use crate::store::queries::messages::MESSAGE_WIDTH;
use crate::store::queries::{self, row_limit};
use crate::store::{Messages, Page, Range};

/// Reads `message_columns!`.
pub(super) fn message(columns: &mut Columns<'_>) -> rusqlite::Result<Message> {
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
        extra: columns.text()?.map(|extra| Payload::from_trusted(extra.to_owned())),
        reactions: Reactions::default(),
        pinned_at: None,
        mentions: Mentions::default(),
    };
    let (counts, pinned_at) = (columns.text()?, columns.next()?);
    let mentions = columns.text()?;
    // A node of an older version deletes a message and leaves these columns as they are.
    if message.deleted_at.is_none() {
        message.reactions = counts.map(Reactions::from_trusted).unwrap_or_default();
        message.pinned_at = pinned_at;
        message.mentions = mentions.map(Mentions::from_trusted).unwrap_or_default();
    }
    Ok(message)
}

/// Reads `message_columns!` of an outer join.
pub(super) fn outer_joined_message(columns: &mut Columns<'_>) -> rusqlite::Result<Option<Message>> {
    columns.outer_joined(MESSAGE_WIDTH, message)
}

fn note(columns: &mut Columns<'_>) -> rusqlite::Result<Option<SystemNote>> {
    let Some(kind) = columns.text()? else {
        columns.skip(2);
        return Ok(None);
    };
    let (user_id, value) = pair(columns)?;
    Ok(Some(SystemNote::from_trusted(kind, user_id, value)))
}

/// Reads the columns of `events_after!`.
fn event(columns: &mut Columns<'_>) -> rusqlite::Result<Event> {
    let (conversation_id, seq) = pair(columns)?;
    let change = columns.text()?;
    let payload = columns.text()?.map(|payload| Payload::from_trusted(payload.to_owned()));
    let message = outer_joined_message(columns)?;
    let kind = change.map_or_else(|| Event::kind_of(message.as_ref()), EventKind::parse);
    Ok(Event { conversation_id, seq, kind, message, payload })
}

/// Reads a range of messages, oldest first.
fn range_of(db: &Connection, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>> {
    let (sql, seq) = range.statement(sql!(queries::messages::MESSAGES_BEFORE), sql!(queries::messages::MESSAGES_AFTER));
    // The vector has its full capacity from the start, because one that grows moves each message several times.
    let mut messages = Vec::with_capacity(limit.min(limits::PAGE_MAX + 1));
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![id, seq, row_limit(limit)])?;
    while let Some(row) = rows.next()? {
        messages.push(message(&mut Columns::of(row))?);
    }
    add_quotes(db, &mut messages)?;
    Ok(range.oldest_first(messages))
}

/// Reads the events of conversations, each after a number.
fn events_after(db: &Connection, after: &[(ConversationId, Seq)], limit: usize) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for (id, seq) in after {
        events.extend(all(db, sql!(queries::messages::EVENTS_AFTER), params![id, seq, row_limit(limit)], event)?);
    }
    add_quotes(db, events.iter_mut().filter_map(|event| event.message.as_mut()))?;
    Ok(events)
}

#[async_trait]
impl Messages for Sqlite {
    async fn page(&self, reader_id: UserId, id: ConversationId, range: Range, limit: usize) -> Result<Option<Page>> {
        self.read(move |db| {
            let header = one(db, sql!(queries::messages::PAGE_HEADER), params![reader_id, id], pair)?;
            let Some((last_seq, member_count)) = header else { return Ok(None) };
            let messages = range_of(db, id, range, limit)?;
            let mut page = Page { last_seq, member_count, messages, receipts: None };
            if page.includes_receipts(reader_id) {
                page.receipts = receipts_of_others(db, id, reader_id)?;
            }
            Ok(Some(page))
        })
        .await
    }

    async fn messages(&self, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>> {
        self.read(move |db| range_of(db, id, range, limit)).await
    }

    async fn message_by_id(&self, id: ConversationId, message_id: MessageId) -> Result<Option<Message>> {
        self.read(move |db| {
            let mut found = one(db, sql!(queries::messages::MESSAGE), params![id, message_id], message)?;
            add_quotes(db, &mut found)?;
            Ok(found)
        })
        .await
    }

    async fn events(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.read(move |db| events_after(db, &[(id, after)], limit)).await
    }

    async fn events_of(&self, after: &[(ConversationId, Seq)], limit: usize) -> Result<Vec<Event>> {
        let after = after.to_vec();
        self.read(move |db| events_after(db, &after, limit)).await
    }
}
