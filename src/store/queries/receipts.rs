//! SQL for receipts.

use super::blocks::{are_blocked, has_blocks};
use super::user_settings::sends_receipts;

/// True if the two users do not see each other's receipts, because of a block between the user of the row `mb` and the reader `$2`. Nothing more
/// is looked up for the rows of a reader without blocks, as most are.
macro_rules! hides_receipts {
    () => {
        concat!("(", has_blocks!("$2"), " AND ", are_blocked!("$2", "mb.user_id"), ")")
    };
}

/// True if both the user of the row `mb` and the reader `$2` send read receipts.
macro_rules! shows_read {
    () => {
        concat!("(", sends_receipts!("$2"), " AND ", sends_receipts!("mb.user_id"), ")")
    };
}

/// conversation, reader, limit. The columns: user, delivered_seq, read_seq or NULL if the reader may not see it. Between two users with a block
/// each stays where they joined.
pub(crate) const RECEIPTS: &str = concat!(
    "SELECT mb.user_id, CASE WHEN ",
    hides_receipts!(),
    " THEN mb.joined_seq ELSE mb.delivered_seq END, CASE WHEN mb.user_id = $2 OR ",
    shows_read!(),
    " AND NOT ",
    hides_receipts!(),
    " THEN mb.read_seq END FROM members mb WHERE mb.conversation_id = $1 LIMIT $3"
);
/// conversation, user. Without members with whom the user has a block. A `read_seq` that the user may not see counts as 0.
pub(crate) const RECEIPTS_OF_OTHERS: &str = concat!(
    "SELECT min(mb.delivered_seq), min(CASE WHEN ",
    shows_read!(),
    " THEN mb.read_seq ELSE 0 END) FROM members mb WHERE mb.conversation_id = $1 AND mb.user_id <> $2 AND NOT ",
    hides_receipts!()
);

/// The facts that decide an update and who sees it: the member's receipts, and the newest number.
macro_rules! member_receipts_columns {
    () => {
        concat!(
            "mb.delivered_seq, mb.read_seq, mb.unread_from_seq, k.member_count, ",
            sends_receipts!("mb.user_id"),
            ", ",
            has_blocks!("mb.user_id"),
            ", k.last_seq"
        )
    };
}
pub(crate) use member_receipts_columns;

/// Selects the read state that the member's devices show. The arguments: the most unread messages that are counted, the newest messages among which they are counted.
macro_rules! unread_state_columns {
    ($most:literal, $scanned:literal) => {
        concat!(
            "mb.read_seq, mb.unread_from_seq, k.last_seq, ",
            unread_count!("mb", "mb.conversation_id", $most, $scanned),
            ", ",
            mention_count!("mb", "mb.conversation_id", $most, $scanned),
            ", mb.notify_level, mb.notify_until"
        )
    };
}
pub(crate) use unread_state_columns;
