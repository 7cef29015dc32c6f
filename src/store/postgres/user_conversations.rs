//! The conversations of each user, on a database whose tables are distributed: a table by user, so that they are found on one shard. Members are on the
//! shards of their conversations.
//!
//! The transaction that inserts or deletes a member writes this table too, after its rows of users: Citus changes no copied table once a transaction has
//! changed rows of several shards. `chinwag migrate --distribute` makes it again from the members, and
//! `chinwag copy` makes it at the end.

use super::connection::PgConnection;
use super::rows;
use crate::domain::{ConversationId, Result, UserId};
use crate::limits;
use crate::store::queries::row_limit;

/// users, conversations
pub(super) const INSERT_MEMBERSHIPS: &str = "INSERT INTO user_conversations (user_id, conversation_id) \
     SELECT w.user_id, w.conversation_id FROM unnest($1::uuid[], $2::uuid[]) AS w (user_id, conversation_id) ON CONFLICT DO NOTHING";
/// users, conversation
pub(super) const DELETE_MEMBERSHIPS: &str =
    "DELETE FROM user_conversations WHERE user_id = ANY($1) AND conversation_id = $2";
/// user, first conversation, limit
pub(super) const CONVERSATION_IDS_OF_USER: &str = "SELECT conversation_id FROM user_conversations \
     WHERE user_id = $1 AND conversation_id >= $2 ORDER BY conversation_id LIMIT $3";
/// user, active_at, conversation, limit, the user's conversations
pub(super) const CONVERSATIONS_OF_PAGE_AMONG: &str = "SELECT mb.conversation_id FROM members mb \
     JOIN counters ON counters.conversation_id = mb.conversation_id \
     WHERE mb.conversation_id = ANY($5) AND mb.user_id = $1 AND (counters.active_at, mb.conversation_id) < ($2, $3) \
     ORDER BY counters.active_at DESC, mb.conversation_id DESC LIMIT $4";
/// largest member_count, first conversation, limit, the user's conversations
pub(super) const SMALL_CONVERSATIONS_AMONG: &str = "SELECT conversation_id FROM counters \
     WHERE conversation_id = ANY($4) AND member_count <= $1 AND conversation_id >= $2 ORDER BY conversation_id LIMIT $3";
/// user, largest member_count, memberships that are read, limit, the user's conversations
pub(super) const CO_MEMBERS_AMONG: &str = "SELECT DISTINCT user_id FROM (SELECT other.user_id FROM counters k \
     JOIN members other ON other.conversation_id = k.conversation_id AND other.user_id <> $1 \
     WHERE k.conversation_id = ANY($5) AND k.member_count <= $2 LIMIT $3) others LIMIT $4";
/// user, limit
pub(super) const GROUP_NAMES_OF_USER: &str = "SELECT c.id, c.name FROM user_conversations t JOIN conversations c ON c.id = t.conversation_id \
     WHERE t.user_id = $1 AND c.name IS NOT NULL LIMIT $2";

/// Returns the conversations of a user, if they are few. Then a statement asks their shards alone; otherwise it asks all.
pub(super) async fn few(connection: &PgConnection, user_id: UserId) -> Result<Option<Vec<ConversationId>>> {
    let limit = row_limit(limits::FEW_CONVERSATIONS_MAX + 1);
    let found = connection.rows(CONVERSATION_IDS_OF_USER, &[&user_id, &ConversationId::FIRST, &limit]).await?;
    let ids: Vec<ConversationId> = rows::all(&found, rows::value)?;
    Ok(Some(ids).filter(|ids| ids.len() <= limits::FEW_CONVERSATIONS_MAX))
}
