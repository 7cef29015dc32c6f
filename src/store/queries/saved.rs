//! SQL for saved messages.

use super::messages::message_columns;

/// user, conversation, message: of the message. One row: if the user is a member, if there is such a message, if it is a system message, if it is
/// deleted.
pub(crate) const MESSAGE_FACTS: &str = "SELECT EXISTS (SELECT 1 FROM members mb JOIN users u ON u.id = mb.user_id \
         WHERE mb.conversation_id = $2 AND mb.user_id = $1 AND u.deleted_at IS NULL), \
     m.id IS NOT NULL, m.note_kind IS NOT NULL, m.deleted_at IS NOT NULL \
     FROM (SELECT 1 AS one) always LEFT JOIN messages m ON m.conversation_id = $2 AND m.id = $3";
/// user, conversation, message: of the user's saved messages. One row: if the message is saved, the number of saved messages.
pub(crate) const SAVED_FACTS: &str = "SELECT count(*) FILTER (WHERE conversation_id = $2 AND message_id = $3) > 0, count(*) \
     FROM saved_messages WHERE user_id = $1";
/// user, conversation, message, saved_at
pub(crate) const INSERT_SAVED: &str =
    "INSERT INTO saved_messages (user_id, conversation_id, message_id, saved_at) VALUES ($1, $2, $3, $4)";
/// user, conversation, message
pub(crate) const DELETE_SAVED: &str =
    "DELETE FROM saved_messages WHERE user_id = $1 AND conversation_id = $2 AND message_id = $3";
/// user, saved_at, conversation, message (of the position behind which it starts), limit. The message's columns are NULL if it is deleted or if
/// the user is not a member.
pub(crate) const SAVED_MESSAGES: &str = concat!(
    "SELECT s.conversation_id, s.message_id, s.saved_at, ",
    message_columns!(),
    " FROM (SELECT * FROM saved_messages WHERE user_id = $1 AND (saved_at, conversation_id, message_id) < ($2, $3, $4) \
         ORDER BY saved_at DESC, conversation_id DESC, message_id DESC LIMIT $5) s \
     LEFT JOIN members mb ON mb.conversation_id = s.conversation_id AND mb.user_id = s.user_id \
     LEFT JOIN messages m ON m.conversation_id = mb.conversation_id AND m.id = s.message_id AND m.deleted_at IS NULL \
     ORDER BY s.saved_at DESC, s.conversation_id DESC, s.message_id DESC"
);
