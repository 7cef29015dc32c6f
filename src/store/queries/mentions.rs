//! SQL for mentions.

/// conversation, user, message_seq
pub(crate) const INSERT_MENTION: &str =
    "INSERT INTO mentions (conversation_id, user_id, message_seq) VALUES ($1, $2, $3)";
/// conversation, message_seq
pub(crate) const INSERT_MENTION_OF_ALL: &str =
    "INSERT INTO mentions_of_all (conversation_id, message_seq) VALUES ($1, $2)";
/// conversation, user, message_seq
pub(crate) const DELETE_MENTION: &str =
    "DELETE FROM mentions WHERE conversation_id = $1 AND user_id = $2 AND message_seq = $3";
/// conversation, message_seq
pub(crate) const DELETE_MENTION_OF_ALL: &str =
    "DELETE FROM mentions_of_all WHERE conversation_id = $1 AND message_seq = $2";
