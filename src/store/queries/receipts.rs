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
            ", ",
            mention_count!("mb", "mb.conversation_id", $most, $scanned),
            ", mb.notify_level, mb.notify_until"
        )
    };
}
pub(crate) use member_receipts_columns;
