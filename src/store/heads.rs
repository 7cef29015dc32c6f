//! Heads: the newest number in each conversation.

use async_trait::async_trait;

use crate::domain::{ConversationId, Result, Seq, UserId};

/// The store's methods for heads.
#[async_trait]
pub trait Heads: Send + Sync {
    /// The newest number in a conversation. `None` if there is no such conversation.
    async fn head(&self, id: ConversationId) -> Result<Option<Seq>>;

    /// The newest number in each of these conversations of which the user is a member.
    async fn heads_for(&self, user_id: UserId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>>;

    /// The newest number in each of these conversations that exist.
    async fn heads_of(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>>;
}
