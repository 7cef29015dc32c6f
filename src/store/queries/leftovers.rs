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
/// after, limit. Whether a time is kept that the user does not show.
pub(crate) const SETTINGS_AFTER: &str = "SELECT s.user_id, NOT s.show_last_seen AND u.last_seen_at IS NOT NULL \
     FROM user_settings s JOIN users u ON u.id = s.user_id WHERE s.user_id > $1 ORDER BY s.user_id LIMIT $2";
