//! Saved messages.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use futures_util::future::{join, join_all, join4};

use super::connection::{Params, PgConnection};
use super::messages::{message, outer_joined_message};
use super::quotes::add_quotes;
use super::rows::{self, Columns};
use super::{Postgres, bounded, user_locks};
use crate::domain::message::Message;
use crate::domain::rules::save;
use crate::domain::saved::{MessageFacts, SaveFacts, SavedMessage, SavedPosition};
use crate::domain::{ConversationId, Error, MessageId, Result, Timestamp, UserId};
use crate::store::Saved;
use crate::store::queries::messages::message_columns;
use crate::store::queries::row_limit;
use crate::store::queries::saved::{DELETE_SAVED, INSERT_SAVED, MESSAGE_FACTS, SAVED_FACTS, SAVED_MESSAGES};
use crate::store::saved::NEWEST;

/// conversation, limit. By the places of the rows, as reactions.
pub(super) const SWEEP_SAVED: &str = "DELETE FROM saved_messages WHERE ctid = ANY(ARRAY( \
     SELECT ctid FROM saved_messages WHERE conversation_id = $1 LIMIT $2))";
/// The same by their keys, because the rows are on the shards of their users.
pub(super) const SWEEP_SAVED_OF_ALL: &str = "DELETE FROM saved_messages WHERE conversation_id = $1 AND (user_id, message_id) IN \
     (SELECT user_id, message_id FROM saved_messages WHERE conversation_id = $1 LIMIT $2)";
/// The parameters of [`SAVED_MESSAGES`], on a distributed database. The columns: conversation, message, `saved_at`.
const SAVED_PLACES: &str = "SELECT conversation_id, message_id, saved_at FROM saved_messages \
     WHERE user_id = $1 AND (saved_at, conversation_id, message_id) < ($2, $3, $4) \
     ORDER BY saved_at DESC, conversation_id DESC, message_id DESC LIMIT $5";
/// conversation, ids, reader. Those of the messages that the reader sees.
const SEEN_OF_ONE: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m WHERE m.conversation_id = $1 AND m.id = ANY($2) AND m.deleted_at IS NULL \
     AND EXISTS (SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $3)"
);

/// Reads the columns of [`MESSAGE_FACTS`].
fn message_facts(columns: &mut Columns<'_>) -> Result<(bool, Option<MessageFacts>)> {
    let (is_member, is_there): (bool, bool) = rows::pair(columns)?;
    let message = MessageFacts { is_system: columns.next()?, is_deleted: columns.next()? };
    Ok((is_member, is_there.then_some(message)))
}

/// Reads the columns of [`SAVED_PLACES`].
fn saved_place(columns: &mut Columns<'_>) -> Result<SavedMessage> {
    Ok(SavedMessage {
        conversation_id: columns.next()?,
        message_id: columns.next()?,
        saved_at: columns.next()?,
        message: None,
    })
}

/// Reads the columns of [`SAVED_MESSAGES`].
fn saved_message(columns: &mut Columns<'_>) -> Result<SavedMessage> {
    let place = saved_place(columns)?;
    Ok(SavedMessage { message: outer_joined_message(columns)?, ..place })
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
            let mut saved = if connection.is_distributed() {
                on_shards(&connection, user_id, params).await?
            } else {
                rows::all(&connection.rows(SAVED_MESSAGES, params).await?, saved_message)?
            };
            add_quotes(&connection, saved.iter_mut().filter_map(|saved| saved.message.as_mut()).collect()).await?;
            Ok(saved)
        })
        .await
    }
}

/// Returns saved messages on a distributed database. One round trip to the shard of the user, and one that asks each conversation on its own.
async fn on_shards(connection: &PgConnection, user_id: UserId, page: Params<'_>) -> Result<Vec<SavedMessage>> {
    let mut saved = rows::all(&connection.rows(SAVED_PLACES, page).await?, saved_place)?;
    let mut ids: BTreeMap<ConversationId, Vec<MessageId>> = BTreeMap::new();
    for place in &saved {
        ids.entry(place.conversation_id).or_default().push(place.message_id);
    }
    connection.prepare(&[SEEN_OF_ONE]).await?;
    let asked = ids.iter().map(|(id, ids)| async move { connection.send(SEEN_OF_ONE, &[id, ids, &user_id]).await });
    let mut seen: HashMap<(ConversationId, MessageId), Message> = HashMap::new();
    for found in join_all(asked).await {
        let found = rows::all(&found?, message)?;
        seen.extend(found.into_iter().map(|message| ((message.conversation_id, message.id), message)));
    }
    for place in &mut saved {
        place.message = seen.remove(&(place.conversation_id, place.message_id));
    }
    Ok(saved)
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
    connection.prepare(&[MESSAGE_FACTS, SAVED_FACTS, INSERT_SAVED]).await?;
    let named: Params<'_> = &[&user_id, &id, &message_id];
    let (begun, live, of_message, of_user) = join4(
        connection.begin(),
        user_locks::lock_live(connection, &[user_id]),
        connection.send(MESSAGE_FACTS, named),
        connection.send(SAVED_FACTS, named),
    )
    .await;
    begun?;
    let live = live?;
    let (is_member, message) = rows::first(&of_message?, message_facts)?.unwrap_or_default();
    let (is_saved, count) = rows::first(&of_user?, rows::pair)?.unwrap_or_default();
    let facts = SaveFacts { is_member, is_saved, count, message };
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
