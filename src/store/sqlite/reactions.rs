//! Reactions.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::rows::{Columns, pair, value};
use super::sql::{all, one, run, sql};
use super::users::user;
use crate::domain::emoji::Emoji;
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::store::queries::reactions::{DELETE_UNSWEPT, REACTORS, REACTORS_WITH, next_unswept};
use crate::store::queries::row_limit;
use crate::store::reactions::start;
use crate::store::{EmojiAndUser, Reactions};

/// conversation, message_seq, limit
const SWEEP_REACTIONS_TO: &str = "DELETE FROM reactions WHERE conversation_id = ?1 AND message_seq = ?2 AND (emoji, user_id) IN \
     (SELECT emoji, user_id FROM reactions WHERE conversation_id = ?1 AND message_seq = ?2 ORDER BY emoji, user_id LIMIT ?3)";
/// conversation, limit
pub(super) const SWEEP_REACTIONS: &str = "DELETE FROM reactions WHERE conversation_id = ?1 AND (message_seq, emoji, user_id) IN \
     (SELECT message_seq, emoji, user_id FROM reactions WHERE conversation_id = ?1 ORDER BY message_seq, emoji, user_id LIMIT ?2)";
/// conversation, message_seq, emoji, user
const HAS_REACTED: &str = "SELECT EXISTS (SELECT 1 FROM reactions WHERE conversation_id = ?1 AND message_seq = ?2 AND emoji = ?3 AND user_id = ?4)";

/// Returns true if the user has reacted to a message with this emoji.
pub(super) fn has_reacted(
    db: &Connection,
    id: ConversationId,
    message_seq: Seq,
    emoji: &Emoji,
    user_id: UserId,
) -> Result<bool> {
    let has_reacted = one(db, HAS_REACTED, params![id, message_seq, emoji.as_str(), user_id], value)?;
    Ok(has_reacted.unwrap_or_default())
}

/// Reads `reactor_columns!`.
fn reactor(columns: &mut Columns<'_>) -> rusqlite::Result<EmojiAndUser> {
    Ok((Emoji::from_trusted(columns.next()?), user(columns)?))
}

#[async_trait]
impl Reactions for Sqlite {
    async fn own_reactions(
        &self,
        user_id: UserId,
        id: ConversationId,
        kinds: &[(Seq, Emoji)],
    ) -> Result<Vec<(Seq, Emoji)>> {
        let mut kinds = kinds.to_vec();
        self.read(move |db| {
            let mut failure = None;
            kinds.retain(|(seq, emoji)| {
                has_reacted(db, id, *seq, emoji, user_id).unwrap_or_else(|error| {
                    failure = Some(error);
                    false
                })
            });
            failure.map_or(Ok(kinds), Err)
        })
        .await
    }

    async fn reactors(
        &self,
        id: ConversationId,
        message_seq: Seq,
        only: Option<&Emoji>,
        after: Option<&(Emoji, UserId)>,
        limit: usize,
    ) -> Result<Vec<EmojiAndUser>> {
        let (sql, emoji, user_id) = start(only, after, sql!(REACTORS), sql!(REACTORS_WITH));
        self.read(move |db| all(db, sql, params![id, message_seq, emoji, user_id, row_limit(limit)], reactor)).await
    }

    async fn sweep_reactions(&self, limit: usize) -> Result<bool> {
        self.write(move |db| {
            let next = one(db, next_unswept!(), [], pair::<ConversationId, Seq>)?;
            let Some((id, message_seq)) = next else { return Ok(false) };
            if run(db, SWEEP_REACTIONS_TO, params![id, message_seq, row_limit(limit)])? < limit {
                run(db, sql!(DELETE_UNSWEPT), params![id, message_seq])?;
            }
            Ok(true)
        })
        .await
    }
}
