//! SQL that counts what is unread.

/// The number after which the messages of the member in the row `$member` are unread.
macro_rules! unread_after {
    ($member:literal) => {
        concat!(
            "CASE WHEN ",
            $member,
            ".unread_from_seq <= ",
            $member,
            ".read_seq THEN ",
            $member,
            ".unread_from_seq - 1 ELSE ",
            $member,
            ".read_seq END"
        )
    };
}
pub(crate) use unread_after;

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
            " AND t.seq > ",
            unread_after!($member),
            " ORDER BY t.seq DESC LIMIT ",
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

/// The number of unread messages that mention the member in the row `$member`, which has `user_id`, `read_seq` and `unread_from_seq`. The arguments:
/// the row, the column of the conversation's id, the most that are counted, the newest mentions of each kind among which they are counted.
///
/// Neither messages of users whom the member blocks are counted, nor the member's own, nor those that a node of an older version has deleted.
macro_rules! mention_count {
    ($member:literal, $conversation_id:literal, $most:literal, $scanned:literal) => {
        concat!(
            "(SELECT count(*) FROM (SELECT 1 FROM ( \
                 SELECT own.message_seq FROM (SELECT x.message_seq FROM mentions x WHERE x.conversation_id = ",
            $conversation_id,
            " AND x.user_id = ",
            $member,
            ".user_id AND x.message_seq > ",
            unread_after!($member),
            " ORDER BY x.message_seq DESC LIMIT ",
            $scanned,
            ") own UNION SELECT of_all.message_seq FROM (SELECT a.message_seq FROM mentions_of_all a WHERE a.conversation_id = ",
            $conversation_id,
            " AND a.message_seq > ",
            unread_after!($member),
            " ORDER BY a.message_seq DESC LIMIT ",
            $scanned,
            ") of_all) found JOIN messages t ON t.conversation_id = ",
            $conversation_id,
            " AND t.seq = found.message_seq WHERE t.sender_id <> ",
            $member,
            ".user_id AND t.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = ",
            $member,
            ".user_id AND b.blocked_id = t.sender_id) LIMIT ",
            $most,
            ") mentioned)"
        )
    };
}
pub(crate) use mention_count;

/// The rows that a store looks at for `unread_count` and `mention_count` of the row `$member`, which has them, `conversation_id`, `last_seq` and what they
/// need: those after the member's number, and of a count that is full the least that it can have been. The arguments: the row, the column of the
/// conversation's id, the most that are counted, the newest rows of each kind that are looked at.
///
/// Numbers of edits and reactions have no row there, so others cannot raise it with them. Where nothing is new, nothing is read.
macro_rules! rows_counted {
    ($member:literal, $conversation_id:literal, $most:literal, $scanned:literal) => {
        concat!(
            "CASE WHEN ",
            $member,
            ".last_seq <= ",
            unread_after!($member),
            " THEN 0 ELSE CASE WHEN ",
            $member,
            ".unread_count >= ",
            $most,
            " THEN ",
            $most,
            " ELSE (SELECT count(*) FROM (SELECT 1 FROM messages t WHERE t.conversation_id = ",
            $conversation_id,
            " AND t.seq > ",
            unread_after!($member),
            " LIMIT ",
            $scanned,
            ") looked_at) END + CASE WHEN ",
            $member,
            ".mention_count >= ",
            $most,
            " THEN ",
            $most,
            " ELSE (SELECT count(*) FROM (SELECT 1 FROM mentions x WHERE x.conversation_id = ",
            $conversation_id,
            " AND x.user_id = ",
            $member,
            ".user_id AND x.message_seq > ",
            unread_after!($member),
            " LIMIT ",
            $scanned,
            ") own) + (SELECT count(*) FROM (SELECT 1 FROM mentions_of_all a WHERE a.conversation_id = ",
            $conversation_id,
            " AND a.message_seq > ",
            unread_after!($member),
            " LIMIT ",
            $scanned,
            ") of_all) END END"
        )
    };
}
pub(crate) use rows_counted;
