//! Saved messages: what users keep for later.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::saved::{SavedMessage, SavedPosition};
use crate::domain::{ConversationId, MessageId, Result, Timestamp, UserId};

/// The position before all saved messages.
pub(super) const NEWEST: SavedPosition = (Timestamp(i64::MAX), ConversationId(Uuid::max()), MessageId(Uuid::max()));

/// The store's methods for saved messages.
#[async_trait]
pub trait Saved: Send + Sync {
    /// Saves a message for a user, by the rule of [`save`](crate::domain::rules::save), in one transaction that locks the user first. So a user's
    /// messages are counted right, and no message of a conversation is saved that the user leaves or that is deleted at the same time. Returns
    /// false if it was saved already.
    async fn save_message(
        &self,
        user_id: UserId,
        id: ConversationId,
        message_id: MessageId,
        at: Timestamp,
    ) -> Result<bool>;

    /// Returns false if the message was not saved.
    async fn unsave_message(&self, user_id: UserId, id: ConversationId, message_id: MessageId) -> Result<bool>;

    /// The user's saved messages, the one that was saved last first, of those behind `after`.
    async fn saved_messages(
        &self,
        user_id: UserId,
        after: Option<SavedPosition>,
        limit: usize,
    ) -> Result<Vec<SavedMessage>>;
}
