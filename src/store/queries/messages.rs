//! SQL for messages and changes.

use super::width;

macro_rules! message_columns {
    () => {
        "m.id, m.conversation_id, m.seq, m.sender_id, m.content, m.reply_to, m.timestamp, \
         m.edited_at, m.deleted_at, m.note_kind, m.note_user_id, m.note_value, m.extra, m.reactions, m.pinned_at, \
         m.mentions"
    };
}
pub(crate) use message_columns;

/// The number of columns in `message_columns!`.
pub(crate) const MESSAGE_WIDTH: usize = width(message_columns!());

/// A message's columns, in the order of `message_columns!`. A new one has no reactions and is not pinned, and a system message mentions nobody.
pub(crate) const INSERT_MESSAGE: &str = "INSERT INTO messages (id, conversation_id, seq, sender_id, content, reply_to, timestamp, \
     edited_at, deleted_at, note_kind, note_user_id, note_value, extra) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
/// conversation, seq, content, edited_at, deleted_at, extra, reactions, mentions
pub(crate) const UPDATE_MESSAGE: &str = "UPDATE messages SET content = $3, edited_at = $4, deleted_at = $5, extra = $6, reactions = $7, mentions = $8 \
     WHERE conversation_id = $1 AND seq = $2";
/// conversation, seq, kind, message_seq, payload
pub(crate) const INSERT_CHANGE: &str =
    "INSERT INTO changes (conversation_id, seq, kind, message_seq, payload) VALUES ($1, $2, $3, $4, $5)";
/// conversation, id
pub(crate) const MESSAGE: &str =
    concat!("SELECT ", message_columns!(), " FROM messages m WHERE m.conversation_id = $1 AND m.id = $2");
/// conversation, before (exclusive), limit. Newest first.
pub(crate) const MESSAGES_BEFORE: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m WHERE m.conversation_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3"
);
/// conversation, after (exclusive), limit. Oldest first.
pub(crate) const MESSAGES_AFTER: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m WHERE m.conversation_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3"
);
/// The events of a conversation after a number, oldest first. The columns: the event's conversation and number, the change's kind and payload
/// (or NULLs), the message (or NULLs if the event is about none).
///
/// Each table is read in the order of its index, and at most `limit` rows of it. Without the inner limits PostgreSQL would read and sort
/// both tables to their end.
macro_rules! events_after {
    ($conversation:literal, $after:literal, $limit:literal) => {
        concat!(
            "SELECT * FROM (SELECT m.conversation_id AS event_conversation_id, m.seq AS event_seq, NULL AS kind, NULL AS payload, ",
            $crate::store::queries::messages::message_columns!(),
            " FROM messages m WHERE m.conversation_id = ", $conversation, " AND m.seq > ", $after, " ORDER BY m.seq LIMIT ", $limit, ") written \
             UNION ALL SELECT * FROM (SELECT c.conversation_id, c.seq AS event_seq, c.kind, c.payload, ",
            $crate::store::queries::messages::message_columns!(),
            " FROM (SELECT * FROM changes WHERE conversation_id = ", $conversation, " AND seq > ", $after, " ORDER BY seq LIMIT ", $limit, ") c \
                 LEFT JOIN messages m ON m.conversation_id = ", $conversation, " AND m.seq = c.message_seq) changed \
             ORDER BY event_seq LIMIT ", $limit
        )
    };
}
pub(crate) use events_after;

/// conversation, after (exclusive), limit
pub(crate) const EVENTS_AFTER: &str = events_after!("$1", "$2", "$3");
/// user, conversation. No row if the user is not a member.
pub(crate) const PAGE_HEADER: &str = "SELECT k.last_seq, k.member_count FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = $1 AND mb.conversation_id = $2";
/// conversation, limit
pub(crate) const SWEEP_MESSAGES: &str = "DELETE FROM messages WHERE conversation_id = $1 \
     AND seq IN (SELECT seq FROM messages WHERE conversation_id = $1 ORDER BY seq LIMIT $2)";
/// conversation, limit
pub(crate) const SWEEP_CHANGES: &str = "DELETE FROM changes WHERE conversation_id = $1 \
     AND seq IN (SELECT seq FROM changes WHERE conversation_id = $1 ORDER BY seq LIMIT $2)";
