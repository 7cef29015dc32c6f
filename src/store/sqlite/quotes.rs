//! Quotes. A message without `reply_to` costs nothing here.

use rusqlite::{Connection, params};

use super::rows::Columns;
use super::sql::{one, sql};
use crate::domain::message::{Message, Quote};
use crate::domain::{ConversationId, MessageId, Result};
use crate::limits;
use crate::store::queries::quotes::quote_columns;

/// characters, conversation, id
const QUOTE: &str = concat!("SELECT ", quote_columns!(), " FROM messages q WHERE q.conversation_id = $2 AND q.id = $3");

/// Reads `quote_columns!`.
fn quoted(columns: &mut Columns<'_>) -> rusqlite::Result<Quote> {
    columns.skip(2);
    Ok(Quote {
        seq: columns.next()?,
        sender_id: columns.next()?,
        is_system: columns.next()?,
        content: columns.next()?,
        deleted_at: columns.next()?,
    })
}

/// Returns the quote of a message.
pub(super) fn quote(db: &Connection, id: ConversationId, message_id: MessageId) -> Result<Option<Quote>> {
    one(db, sql!(QUOTE), params![limits::QUOTE_CHARS_MAX, id, message_id], quoted)
}

/// Adds the quotes to messages that answer others.
pub(super) fn add_quotes<'a>(db: &Connection, messages: impl IntoIterator<Item = &'a mut Message>) -> Result<()> {
    for message in messages {
        if let (Some(id), None) = (message.reply_to, message.deleted_at) {
            message.quote = quote(db, message.conversation_id, id)?.map(Box::new);
        }
    }
    Ok(())
}
