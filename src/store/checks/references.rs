//! The rows that others refer to: users, conversations and messages.

use super::{Check, check, has_conversation, no_id, no_number};

/// Rows whose user does not exist. The arguments: table, column, the column of the conversation or `no_id!`.
macro_rules! user_of {
    ($table:literal, $column:literal, $conversation:expr) => {
        check(
            concat!($table, ".", $column),
            "names a user who does not exist",
            "user",
            concat!(
                "SELECT ",
                $conversation,
                ", t.",
                $column,
                ", ",
                no_number!(),
                " FROM ",
                $table,
                " t WHERE t.",
                $column,
                " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = t.",
                $column,
                ")"
            ),
        )
    };
}

/// Rows whose conversation neither exists nor is still to be swept. The arguments: table, the column of a number or `no_number!`, and what a
/// deleted conversation must be.
macro_rules! conversation_of {
    ($table:literal, $number:expr, $deleted:literal) => {
        check(
            concat!($table, ".conversation_id"),
            "belongs to a conversation that does not exist",
            "",
            concat!(
                "SELECT t.conversation_id, ",
                no_id!(),
                ", ",
                $number,
                " FROM ",
                $table,
                " t WHERE NOT ",
                has_conversation!(),
                " AND NOT EXISTS (SELECT 1 FROM deleted_conversations d WHERE d.conversation_id = t.conversation_id",
                $deleted,
                ")"
            ),
        )
    };
}

/// Rows of a conversation that exists, whose message does not.
macro_rules! message_of {
    ($table:literal) => {
        check(
            concat!($table, ".message_seq"),
            "names a message that does not exist",
            "",
            concat!(
                "SELECT t.conversation_id, ", no_id!(), ", t.message_seq FROM ", $table, " t WHERE t.message_seq IS NOT NULL AND ",
                has_conversation!(),
                " AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation_id = t.conversation_id AND m.seq = t.message_seq)"
            ),
        )
    };
}

/// The same, for tables that have the message's id.
macro_rules! message_id_of {
    ($table:literal, $column:literal) => {
        check(
            concat!($table, ".", $column),
            "names a message that does not exist",
            "message",
            concat!(
                "SELECT t.conversation_id, t.",
                $column,
                ", ",
                no_number!(),
                " FROM ",
                $table,
                " t WHERE t.",
                $column,
                " IS NOT NULL AND ",
                has_conversation!(),
                " AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation_id = t.conversation_id AND m.id = t.",
                $column,
                ")"
            ),
        )
    };
}

/// Every column that refers to another table.
pub(super) const REFERENCES: &[Check] = &[
    conversation_of!("counters", no_number!(), " AND false"),
    conversation_of!("members", no_number!(), " AND false"),
    conversation_of!("messages", "t.seq", " AND NOT d.is_swept"),
    conversation_of!("changes", "t.seq", " AND NOT d.is_swept"),
    conversation_of!("reactions", "t.message_seq", ""),
    conversation_of!("unswept_reactions", "t.message_seq", ""),
    conversation_of!("pins", "t.message_seq", ""),
    conversation_of!("mentions", "t.message_seq", ""),
    conversation_of!("mentions_of_all", "t.message_seq", ""),
    conversation_of!("leavers", no_number!(), ""),
    conversation_of!("removals", no_number!(), ""),
    conversation_of!("saved_messages", no_number!(), ""),
    message_of!("changes"),
    message_of!("reactions"),
    message_of!("unswept_reactions"),
    message_of!("pins"),
    message_of!("mentions"),
    message_of!("mentions_of_all"),
    message_id_of!("messages", "reply_to"),
    message_id_of!("removals", "message_id"),
    // Saved messages are on the shards of their users. Citus collects their places, because of the OFFSET, and joins them with the messages on each
    // shard of those. It compares the rest on the coordinator.
    message_id_of!("saved_messages", "message_id").or_distributed(concat!(
        "SELECT t.conversation_id, t.message_id, ",
        no_number!(),
        " FROM (SELECT conversation_id, message_id FROM saved_messages EXCEPT SELECT s.conversation_id, s.message_id \
         FROM (SELECT conversation_id, message_id FROM saved_messages OFFSET 0) s \
         JOIN messages m ON m.conversation_id = s.conversation_id AND m.id = s.message_id) t WHERE ",
        has_conversation!()
    )),
    user_of!("sessions", "user_id", no_id!()),
    user_of!("tickets", "user_id", no_id!()),
    user_of!("known_networks", "user_id", no_id!()),
    user_of!("user_settings", "user_id", no_id!()),
    user_of!("user_words", "user_id", no_id!()),
    user_of!("departures", "user_id", no_id!()),
    user_of!("contacts", "user_id", no_id!()),
    user_of!("contacts", "contact_id", no_id!()),
    user_of!("blocks", "user_id", no_id!()),
    user_of!("blocks", "blocked_id", no_id!()),
    user_of!("conversations", "creator_id", "t.id"),
    user_of!("members", "user_id", "t.conversation_id"),
    user_of!("leavers", "user_id", "t.conversation_id"),
    user_of!("messages", "sender_id", "t.conversation_id"),
    user_of!("messages", "note_user_id", "t.conversation_id"),
    user_of!("reactions", "user_id", "t.conversation_id"),
    user_of!("pins", "user_id", "t.conversation_id"),
    user_of!("mentions", "user_id", "t.conversation_id"),
    user_of!("saved_messages", "user_id", "t.conversation_id"),
    user_of!("reports", "reporter_id", "t.conversation_id"),
    user_of!("reports", "sender_id", "t.conversation_id"),
];
