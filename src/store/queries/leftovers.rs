//! SQL for leftovers.

/// The next messages that a table has rows of. After the last row of a message that was read, its others need not be.
macro_rules! messages_after {
    ($table:literal) => {
        concat!(
            "SELECT conversation_id, message_seq FROM ",
            $table,
            " WHERE (conversation_id, message_seq) > ($1, $2) ORDER BY conversation_id, message_seq LIMIT $3"
        )
    };
}

/// after (conversation, message_seq), limit
pub(crate) const PINS_AFTER: &str = messages_after!("pins");
/// after (conversation, message_seq), limit
pub(crate) const REACTIONS_AFTER: &str = messages_after!("reactions");
/// after (conversation, message_seq), limit
pub(crate) const MENTIONS_OF_ALL_AFTER: &str = messages_after!("mentions_of_all");
/// after (conversation, user, message_seq), limit. True for a mention whose message is deleted. No EXISTS, because PostgreSQL may answer many of
/// them from a hash of all messages.
pub(crate) const MENTIONS_AFTER: &str = "SELECT x.conversation_id, x.user_id, x.message_seq, \
         (SELECT true FROM messages m WHERE m.conversation_id = x.conversation_id AND m.seq = x.message_seq AND m.deleted_at IS NULL) IS NOT TRUE \
     FROM mentions x WHERE (x.conversation_id, x.user_id, x.message_seq) > ($1, $2, $3) \
     ORDER BY x.conversation_id, x.user_id, x.message_seq LIMIT $4";
/// after (user, conversation, message), limit. True for a saved message whose conversation or user is deleted.
pub(crate) const SAVED_AFTER: &str = "SELECT s.user_id, s.conversation_id, s.message_id, \
         (SELECT true FROM conversations c WHERE c.id = s.conversation_id) IS NOT TRUE \
         OR (SELECT true FROM users u WHERE u.id = s.user_id AND u.deleted_at IS NULL) IS NOT TRUE \
     FROM saved_messages s WHERE (s.user_id, s.conversation_id, s.message_id) > ($1, $2, $3) \
     ORDER BY s.user_id, s.conversation_id, s.message_id LIMIT $4";
/// after, limit. Whether a time is kept that the user does not show.
pub(crate) const SETTINGS_AFTER: &str = "SELECT s.user_id, NOT s.show_last_seen AND u.last_seen_at IS NOT NULL \
     FROM user_settings s JOIN users u ON u.id = s.user_id WHERE s.user_id > $1 ORDER BY s.user_id LIMIT $2";
