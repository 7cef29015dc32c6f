//! SQL for quotes: the messages that others answer.

/// With the number of characters as the parameter `$1`.
macro_rules! quote_columns {
    () => {
        "q.conversation_id, q.id, q.seq, q.sender_id, q.note_kind IS NOT NULL, \
         CASE WHEN q.note_kind IS NULL THEN substr(q.content, 1, $1) ELSE '' END, q.deleted_at"
    };
}
pub(crate) use quote_columns;
