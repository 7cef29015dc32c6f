//! Heads.

use async_trait::async_trait;

use super::{Postgres, rows};
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::store::{Heads, queries};

/// user, conversations
const HEADS_FOR: &str = "SELECT k.conversation_id, k.last_seq FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = $1 AND mb.conversation_id = ANY($2)";
/// conversations
const HEADS_OF: &str = "SELECT conversation_id, last_seq FROM counters WHERE conversation_id = ANY($1)";

#[async_trait]
impl Heads for Postgres {
    async fn head(&self, id: ConversationId) -> Result<Option<Seq>> {
        self.one(queries::heads::HEAD, &[&id], rows::value).await
    }

    async fn heads_for(&self, user_id: UserId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>> {
        self.all(HEADS_FOR, &[&user_id, &ids], rows::pair).await
    }

    async fn heads_of(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>> {
        self.all(HEADS_OF, &[&ids], rows::pair).await
    }
}
