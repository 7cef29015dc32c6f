//! SQL for receipts.

use super::user_settings::sends_receipts;

/// True if the user `$reader_id` sees the `read_seq` of the other member in the row `$member`: if both send read receipts, and there is no
/// block between them in a direct conversation.
macro_rules! shows_read {
    ($member:literal, $reader_id:literal) => {
        concat!(
            "(NOT ",
            $member,
            ".is_blocked AND ",
            sends_receipts!($reader_id),
            " AND ",
            sends_receipts!($member, ".user_id"),
            ")"
        )
    };
}
pub(crate) use shows_read;

/// conversation, reader, limit. The columns: user, delivered_seq, read_seq or NULL if the reader may not see it.
pub(crate) const RECEIPTS: &str = concat!(
    "SELECT mb.user_id, mb.delivered_seq, CASE WHEN mb.user_id = $2 OR ",
    shows_read!("mb", "$2"),
    " THEN mb.read_seq END FROM members mb WHERE mb.conversation_id = $1 LIMIT $3"
);

/// The number of unread messages of the member in the row `$member`, which has `user_id`, `read_seq` and `unread_from_seq`. The arguments:
/// the row, the column of the conversation's id, the most that are counted, the newest messages among which they are counted.
///
/// Reads the index of messages backwards from the newest one, and stops at either bound.
macro_rules! unread_count {
    ($member:literal, $conversation_id:literal, $most:literal, $scanned:literal) => {
        concat!(
            "(SELECT count(*) FROM (SELECT 1 FROM (SELECT t.sender_id, t.note_kind, t.deleted_at FROM messages t \
                 WHERE t.conversation_id = ",
            $conversation_id,
            " AND t.seq > CASE WHEN ",
            $member,
            ".unread_from_seq <= ",
            $member,
            ".read_seq THEN ",
            $member,
            ".unread_from_seq - 1 ELSE ",
            $member,
            ".read_seq END ORDER BY t.seq DESC LIMIT ",
            $scanned,
            ") newest WHERE newest.sender_id <> ",
            $member,
            ".user_id AND newest.note_kind IS NULL AND newest.deleted_at IS NULL LIMIT ",
            $most,
            ") unread)"
        )
    };
}
pub(crate) use unread_count;

/// The facts that decide an update: the member's receipts, and the newest number.
macro_rules! read_state_columns {
    () => {
        "mb.delivered_seq, mb.read_seq, mb.unread_from_seq, k.last_seq"
    };
}
pub(crate) use read_state_columns;

/// The member's receipts as their devices show them. The arguments: the most unread messages that are counted, the newest messages among
/// which they are counted.
macro_rules! member_receipts_columns {
    ($most:literal, $scanned:literal) => {
        concat!(
            read_state_columns!(),
            ", k.member_count, mb.is_blocked, ",
            sends_receipts!("mb.user_id"),
            ", ",
            unread_count!("mb", "mb.conversation_id", $most, $scanned),
            ", mb.notify_level, mb.notify_until"
        )
    };
}
pub(crate) use member_receipts_columns;
