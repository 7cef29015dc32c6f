//! Heads.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::rows::{pair, value};
use super::sql::{each, one, sql};
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::store::{Heads, queries};

/// user, conversation
pub(super) const HEAD_FOR: &str = "SELECT k.conversation_id, k.last_seq FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = ?1 AND mb.conversation_id = ?2";

#[async_trait]
impl Heads for Sqlite {
    async fn head(&self, id: ConversationId) -> Result<Option<Seq>> {
        self.read(move |db| one(db, sql!(queries::heads::HEAD), params![id], value)).await
    }

    async fn heads_for(&self, user_id: UserId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let head = |id| one(db, HEAD_FOR, params![user_id, id], pair);
            ids.into_iter().filter_map(|id| head(id).transpose()).collect()
        })
        .await
    }

    async fn heads_of(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>> {
        let ids = ids.to_vec();
        self.read(move |db| each(db, sql!(queries::heads::HEAD), &ids)).await
    }
}
