//! Saved messages.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::messages::outer_joined_message;
use super::quotes::add_quotes;
use super::rows::{Columns, pair};
use super::sql::{all, one, run, sql};
use crate::domain::rules::save;
use crate::domain::saved::{MessageFacts, SaveFacts, SavedMessage, SavedPosition};
use crate::domain::{ConversationId, MessageId, Result, Timestamp, UserId};
use crate::store::Saved;
use crate::store::queries::row_limit;
use crate::store::queries::saved::{DELETE_SAVED, INSERT_SAVED, MESSAGE_FACTS, SAVED_FACTS, SAVED_MESSAGES};
use crate::store::saved::NEWEST;

/// conversation, limit
pub(super) const SWEEP_SAVED: &str = "DELETE FROM saved_messages WHERE conversation_id = ?1 AND (user_id, message_id) IN \
     (SELECT user_id, message_id FROM saved_messages WHERE conversation_id = ?1 LIMIT ?2)";

/// Reads the columns of [`MESSAGE_FACTS`].
fn message_facts(columns: &mut Columns<'_>) -> rusqlite::Result<(bool, Option<MessageFacts>)> {
    let (is_member, is_there): (bool, bool) = pair(columns)?;
    let message = MessageFacts { is_system: columns.next()?, is_deleted: columns.next()? };
    Ok((is_member, is_there.then_some(message)))
}

/// Reads the columns of [`SAVED_MESSAGES`].
fn saved_message(columns: &mut Columns<'_>) -> rusqlite::Result<SavedMessage> {
    Ok(SavedMessage {
        conversation_id: columns.next()?,
        message_id: columns.next()?,
        saved_at: columns.next()?,
        message: outer_joined_message(columns)?,
    })
}

#[async_trait]
impl Saved for Sqlite {
    async fn save_message(
        &self,
        user_id: UserId,
        id: ConversationId,
        message_id: MessageId,
        at: Timestamp,
    ) -> Result<bool> {
        self.write(move |db| {
            let params = params![user_id, id, message_id];
            let (is_member, message) = one(db, sql!(MESSAGE_FACTS), params, message_facts)?.unwrap_or_default();
            let (is_saved, count) = one(db, sql!(SAVED_FACTS), params, pair)?.unwrap_or_default();
            let is_new = save(&SaveFacts { is_member, is_saved, count, message })?;
            if is_new {
                run(db, sql!(INSERT_SAVED), params![user_id, id, message_id, at])?;
            }
            Ok(is_new)
        })
        .await
    }

    async fn unsave_message(&self, user_id: UserId, id: ConversationId, message_id: MessageId) -> Result<bool> {
        self.write(move |db| Ok(run(db, sql!(DELETE_SAVED), params![user_id, id, message_id])? > 0)).await
    }

    async fn saved_messages(
        &self,
        user_id: UserId,
        after: Option<SavedPosition>,
        limit: usize,
    ) -> Result<Vec<SavedMessage>> {
        let (saved_at, id, message_id) = after.unwrap_or(NEWEST);
        self.read(move |db| {
            let params = params![user_id, saved_at, id, message_id, row_limit(limit)];
            let mut saved = all(db, sql!(SAVED_MESSAGES), params, saved_message)?;
            add_quotes(db, saved.iter_mut().filter_map(|saved| saved.message.as_mut()))?;
            Ok(saved)
        })
        .await
    }
}
