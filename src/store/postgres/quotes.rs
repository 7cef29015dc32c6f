//! Quotes. Messages without `reply_to` cost no round trip.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::connection::PgConnection;
use super::rows::{self, Columns};
use crate::domain::message::{Message, Quote};
use crate::domain::{ConversationId, MessageId, Result};
use crate::limits;
use crate::store::queries::quotes::quote_columns;

/// characters, conversations, ids. Each array has one element for each message that is answered.
pub(super) const QUOTES: &str = concat!(
    "SELECT ",
    quote_columns!(),
    " FROM (SELECT DISTINCT * FROM unnest($2::uuid[], $3::uuid[]) AS w (conversation_id, id)) w \
     JOIN messages q ON q.conversation_id = w.conversation_id AND q.id = w.id"
);

/// characters, conversation, ids. The same for messages of one conversation.
pub(super) const QUOTES_OF_ONE: &str =
    concat!("SELECT ", quote_columns!(), " FROM messages q WHERE q.conversation_id = $2 AND q.id = ANY($3)");

/// Quotes by their messages.
pub(super) type Quotes = HashMap<(ConversationId, MessageId), Quote>;

/// Reads `quote_columns!`.
fn quote(columns: &mut Columns<'_>) -> Result<((ConversationId, MessageId), Quote)> {
    let key = rows::pair(columns)?;
    let quote = Quote {
        seq: columns.next()?,
        sender_id: columns.next()?,
        is_system: columns.next()?,
        content: columns.next()?,
        deleted_at: columns.next()?,
    };
    Ok((key, quote))
}

/// Reads the rows of [`QUOTES`]. Leaves out one that cannot be read, because a message without its quote is better than none.
pub(super) fn read_quotes(rows: &[Row]) -> Quotes {
    rows.iter().filter_map(|row| quote(&mut Columns::of(row)).ok()).collect()
}

/// Returns what a message answers, if it shows it.
fn answered(message: &Message) -> Option<(ConversationId, MessageId)> {
    message.reply_to.filter(|_| message.deleted_at.is_none()).map(|id| (message.conversation_id, id))
}

/// Sets the quote of a message that answers another one.
pub(super) fn set_quote(message: &mut Message, quotes: &Quotes) {
    message.quote = answered(message).and_then(|key| quotes.get(&key)).cloned().map(Box::new);
}

/// Adds the quotes to messages that answer others. One round trip, and none if no message does.
pub(super) async fn add_quotes(connection: &PgConnection, messages: Vec<&mut Message>) -> Result<()> {
    let (conversations, ids): (Vec<ConversationId>, Vec<MessageId>) =
        messages.iter().filter_map(|message| answered(message)).unzip();
    let Some(first) = conversations.first() else { return Ok(()) };
    let rows = if conversations.iter().all(|id| id == first) {
        connection.rows(QUOTES_OF_ONE, &[&limits::QUOTE_CHARS_MAX, first, &ids]).await?
    } else {
        connection.rows(QUOTES, &[&limits::QUOTE_CHARS_MAX, &conversations, &ids]).await?
    };
    let quotes = read_quotes(&rows);
    for message in messages {
        set_quote(message, &quotes);
    }
    Ok(())
}
