//! Saved messages.

use async_trait::async_trait;
use futures_util::future::{join, join3};

use super::connection::{Params, PgConnection};
use super::messages::outer_joined_message;
use super::quotes::add_quotes;
use super::rows::{self, Columns};
use super::{Postgres, bounded, user_locks};
use crate::domain::rules::save;
use crate::domain::saved::{MessageFacts, SaveFacts, SavedMessage, SavedPosition};
use crate::domain::{ConversationId, Error, MessageId, Result, Timestamp, UserId};
use crate::store::Saved;
use crate::store::queries::row_limit;
use crate::store::queries::saved::{DELETE_SAVED, INSERT_SAVED, SAVE_FACTS, SAVED_MESSAGES};
use crate::store::saved::NEWEST;

/// conversation, limit. By the places of the rows, as reactions.
pub(super) const SWEEP_SAVED: &str = "DELETE FROM saved_messages WHERE ctid = ANY(ARRAY( \
     SELECT ctid FROM saved_messages WHERE conversation_id = $1 LIMIT $2))";

/// Reads the columns of [`SAVE_FACTS`].
fn save_facts(columns: &mut Columns<'_>) -> Result<SaveFacts> {
    let (is_member, is_saved, count) = (columns.next()?, columns.next()?, columns.next()?);
    let is_there: bool = columns.next()?;
    let message = MessageFacts { is_system: columns.next()?, is_deleted: columns.next()? };
    Ok(SaveFacts { is_member, is_saved, count, message: is_there.then_some(message) })
}

/// Reads the columns of [`SAVED_MESSAGES`].
fn saved_message(columns: &mut Columns<'_>) -> Result<SavedMessage> {
    Ok(SavedMessage {
        conversation_id: columns.next()?,
        message_id: columns.next()?,
        saved_at: columns.next()?,
        message: outer_joined_message(columns)?,
    })
}

#[async_trait]
impl Saved for Postgres {
    async fn save_message(
        &self,
        user_id: UserId,
        id: ConversationId,
        message_id: MessageId,
        at: Timestamp,
    ) -> Result<bool> {
        bounded(async { Box::pin(insert(&*self.connection().await?, user_id, id, message_id, at)).await }).await
    }

    async fn unsave_message(&self, user_id: UserId, id: ConversationId, message_id: MessageId) -> Result<bool> {
        self.count(DELETE_SAVED, &[&user_id, &id, &message_id]).await.map(|deleted| deleted > 0)
    }

    async fn saved_messages(
        &self,
        user_id: UserId,
        after: Option<SavedPosition>,
        limit: usize,
    ) -> Result<Vec<SavedMessage>> {
        let (saved_at, id, message_id) = after.unwrap_or(NEWEST);
        let params: Params<'_> = &[&user_id, &saved_at, &id, &message_id, &row_limit(limit)];
        bounded(async {
            let connection = self.connection().await?;
            let mut saved = rows::all(&connection.rows(SAVED_MESSAGES, params).await?, saved_message)?;
            add_quotes(&connection, saved.iter_mut().filter_map(|saved| saved.message.as_mut()).collect()).await?;
            Ok(saved)
        })
        .await
    }
}

/// One transaction in two round trips, with the decision between them. A removal of the user from a group, and a deletion of the group, lock the user as well.
async fn insert(
    connection: &PgConnection,
    user_id: UserId,
    id: ConversationId,
    message_id: MessageId,
    at: Timestamp,
) -> Result<bool> {
    user_locks::prepare(connection).await?;
    connection.prepare(&[SAVE_FACTS, INSERT_SAVED]).await?;
    let (begun, live, facts) = join3(
        connection.begin(),
        user_locks::lock_live(connection, &[user_id]),
        connection.send(SAVE_FACTS, &[&user_id, &id, &message_id]),
    )
    .await;
    begun?;
    let (live, facts) = (live?, rows::first(&facts?, save_facts)?.unwrap_or_default());
    let decided = if live.is_empty() { Err(Error::not_found("user")) } else { save(&facts) };
    if decided != Ok(true) {
        connection.rollback().await?;
        return decided;
    }
    let row: Params<'_> = &[&user_id, &id, &message_id, &at];
    let (inserted, committed) = join(connection.send_count(INSERT_SAVED, row), connection.commit()).await;
    inserted?;
    committed?;
    Ok(true)
}
