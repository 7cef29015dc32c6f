//! SQL for reactions.

use super::users::user_columns;

macro_rules! reactor_columns {
    () => {
        concat!("r.emoji, ", user_columns!())
    };
}

/// conversation, message_seq, reactions
pub(crate) const SET_REACTIONS: &str = "UPDATE messages SET reactions = $3 WHERE conversation_id = $1 AND seq = $2";
/// conversation, message_seq, emoji, user
pub(crate) const INSERT_REACTION: &str =
    "INSERT INTO reactions (conversation_id, message_seq, emoji, user_id) VALUES ($1, $2, $3, $4)";
/// conversation, message_seq, emoji, user
pub(crate) const DELETE_REACTION: &str =
    "DELETE FROM reactions WHERE conversation_id = $1 AND message_seq = $2 AND emoji = $3 AND user_id = $4";
/// conversation, message_seq, after this emoji and this user, limit
pub(crate) const REACTORS: &str = concat!(
    "SELECT ",
    reactor_columns!(),
    " FROM reactions r JOIN users u ON u.id = r.user_id \
     WHERE r.conversation_id = $1 AND r.message_seq = $2 AND (r.emoji, r.user_id) > ($3, $4) \
     ORDER BY r.emoji, r.user_id LIMIT $5"
);
/// conversation, message_seq, emoji, after this user, limit
pub(crate) const REACTORS_WITH: &str = concat!(
    "SELECT ",
    reactor_columns!(),
    " FROM reactions r JOIN users u ON u.id = r.user_id \
     WHERE r.conversation_id = $1 AND r.message_seq = $2 AND r.emoji = $3 AND r.user_id > $4 \
     ORDER BY r.user_id LIMIT $5"
);
/// conversation, message_seq
pub(crate) const INSERT_UNSWEPT: &str =
    "INSERT INTO unswept_reactions (conversation_id, message_seq) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// The next deleted message to sweep.
macro_rules! next_unswept {
    () => {
        "SELECT conversation_id, message_seq FROM unswept_reactions LIMIT 1"
    };
}
pub(crate) use next_unswept;
/// conversation, message_seq
pub(crate) const DELETE_UNSWEPT: &str = "DELETE FROM unswept_reactions WHERE conversation_id = $1 AND message_seq = $2";
