//! SQL for pins.

use super::messages::message_columns;

/// conversation, message_seq, pinned_at
pub(crate) const SET_PINNED: &str = "UPDATE messages SET pinned_at = $3 WHERE conversation_id = $1 AND seq = $2";
/// conversation, message_seq, user, pinned_at
pub(crate) const INSERT_PIN: &str =
    "INSERT INTO pins (conversation_id, message_seq, user_id, pinned_at) VALUES ($1, $2, $3, $4)";
/// conversation, message_seq
pub(crate) const DELETE_PIN: &str = "DELETE FROM pins WHERE conversation_id = $1 AND message_seq = $2";
/// conversation. A conversation has few.
pub(crate) const SWEEP_PINS: &str = "DELETE FROM pins WHERE conversation_id = $1";
/// conversation. Without messages that a node of an older version has deleted.
pub(crate) const COUNT_PINS: &str = "SELECT count(*) FROM pins p \
     JOIN messages m ON m.conversation_id = p.conversation_id AND m.seq = p.message_seq AND m.deleted_at IS NULL \
     WHERE p.conversation_id = $1";
/// conversation, before (exclusive), limit. Without messages that a node of an older version has deleted.
pub(crate) const PINS: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", p.user_id, p.pinned_at FROM pins p \
     JOIN messages m ON m.conversation_id = p.conversation_id AND m.seq = p.message_seq AND m.deleted_at IS NULL \
     WHERE p.conversation_id = $1 AND p.message_seq < $2 ORDER BY p.message_seq DESC LIMIT $3"
);
