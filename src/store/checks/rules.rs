//! The rules that rows keep among each other: numbers, counts, and what is stored twice.

use super::{Check, check, has_conversation, no_id, no_number};

/// The numbers that are taken in a conversation.
macro_rules! numbers {
    () => {
        "SELECT conversation_id, seq FROM messages UNION ALL SELECT conversation_id, seq FROM changes"
    };
}

/// The numbers behind those of a table that are not the last and have no successor. One select for each table, because SQLite would write a
/// union of all three into a temporary file before it looks for successors.
macro_rules! gaps_after {
    ($table:literal) => {
        concat!(
            "SELECT n.conversation_id, ",
            no_id!(),
            ", n.seq + 1 FROM ",
            $table,
            " n JOIN counters k ON k.conversation_id = n.conversation_id \
             WHERE n.seq >= 0 AND n.seq < k.last_seq \
             AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation_id = n.conversation_id AND m.seq = n.seq + 1) \
             AND NOT EXISTS (SELECT 1 FROM changes g WHERE g.conversation_id = n.conversation_id AND g.seq = n.seq + 1)"
        )
    };
}

/// Members of a direct conversation whose id is not in its key. The argument: the member's id as a text.
macro_rules! direct_key {
    ($user_id:literal) => {
        concat!(
            "SELECT t.conversation_id, t.user_id, ",
            no_number!(),
            " FROM members t \
                 JOIN conversations c ON c.id = t.conversation_id AND c.type = 'direct' \
             WHERE c.direct_key IS NULL OR replace(c.direct_key, ",
            $user_id,
            ", '') = c.direct_key"
        )
    };
}

/// Numbers, counters, members, direct conversations, reactions, pins, and the index of messages.
pub(super) const RULES: &[Check] = &[
    check(
        "numbers.missing",
        "stands in neither messages nor changes, and maybe further ones behind it",
        "",
        concat!(
            gaps_after!("(SELECT conversation_id, 0 AS seq FROM counters)"),
            " UNION ALL ",
            gaps_after!("messages"),
            " UNION ALL ",
            gaps_after!("changes")
        ),
    ),
    check(
        "numbers.double",
        "stands in messages and in changes",
        "",
        concat!(
            "SELECT m.conversation_id, ",
            no_id!(),
            ", m.seq FROM changes g \
             JOIN messages m ON m.conversation_id = g.conversation_id AND m.seq = g.seq"
        ),
    ),
    check(
        "numbers.outside",
        "is below 1 or beyond the counter",
        "",
        concat!(
            "SELECT n.conversation_id, ",
            no_id!(),
            ", n.seq FROM (",
            numbers!(),
            ") n \
             JOIN counters k ON k.conversation_id = n.conversation_id WHERE n.seq < 1 OR n.seq > k.last_seq"
        ),
    ),
    check(
        "counters.missing",
        "has no counter",
        "",
        concat!(
            "SELECT c.id, ",
            no_id!(),
            ", ",
            no_number!(),
            " FROM conversations c \
             WHERE NOT EXISTS (SELECT 1 FROM counters k WHERE k.conversation_id = c.id)"
        ),
    )
    // Citus has no subquery for each row of a copied table.
    .or_distributed(concat!(
        "SELECT c.id, ",
        no_id!(),
        ", ",
        no_number!(),
        " FROM (SELECT id FROM conversations EXCEPT SELECT conversation_id FROM counters) c"
    )),
    check(
        "counters.member_count",
        "is the stored number of members, and there are more or fewer",
        "",
        concat!(
            "SELECT k.conversation_id, ",
            no_id!(),
            ", k.member_count FROM counters k \
             WHERE k.member_count <> (SELECT count(*) FROM members mb WHERE mb.conversation_id = k.conversation_id)"
        ),
    ),
    check(
        "members.numbers",
        "has received, read, marked or joined at a number that is negative or beyond the counter",
        "user",
        concat!(
            "SELECT t.conversation_id, t.user_id, ",
            no_number!(),
            " FROM members t \
             JOIN counters k ON k.conversation_id = t.conversation_id \
             WHERE t.delivered_seq > k.last_seq OR t.read_seq > k.last_seq OR t.joined_seq > k.last_seq OR t.unread_from_seq > k.last_seq \
                 OR t.delivered_seq < 0 OR t.read_seq < 0 OR t.joined_seq < 0 OR t.unread_from_seq < 1"
        ),
    ),
    check(
        "members.owner",
        "is the number of owners of a group with members, which has one",
        "",
        concat!(
            "SELECT o.conversation_id, ",
            no_id!(),
            ", o.owners FROM ( \
                 SELECT mb.conversation_id, count(CASE WHEN mb.role = 'owner' THEN 1 END) AS owners FROM members mb \
                 JOIN conversations c ON c.id = mb.conversation_id AND c.type = 'group' GROUP BY mb.conversation_id) o \
             WHERE o.owners <> 1"
        ),
    ),
    // The blocks of a deleted user are swept in steps.
    check(
        "members.is_blocked",
        "is marked as blocked or not, and the blocks say otherwise",
        "user",
        concat!(
            "SELECT t.conversation_id, t.user_id, ",
            no_number!(),
            " FROM members t \
             JOIN conversations c ON c.id = t.conversation_id \
             WHERE t.is_blocked <> (c.type = 'direct' AND EXISTS ( \
                 SELECT 1 FROM members o JOIN blocks b \
                     ON b.user_id = t.user_id AND b.blocked_id = o.user_id OR b.user_id = o.user_id AND b.blocked_id = t.user_id \
                 WHERE o.conversation_id = t.conversation_id AND o.user_id <> t.user_id)) \
             AND NOT (c.type = 'direct' AND EXISTS (SELECT 1 FROM members o JOIN users u ON u.id = o.user_id \
                 WHERE o.conversation_id = t.conversation_id AND u.deleted_at IS NOT NULL))"
        ),
    ),
    check(
        "conversations.type",
        "is the number of members of a direct conversation, which has two and a key; or it is a group with a key",
        "",
        concat!(
            "SELECT c.id, ",
            no_id!(),
            ", k.member_count FROM conversations c JOIN counters k ON k.conversation_id = c.id \
             WHERE CASE c.type WHEN 'direct' THEN k.member_count <> 2 OR c.direct_key IS NULL ELSE c.direct_key IS NOT NULL END"
        ),
    ),
    Check {
        name: "conversations.direct_key",
        says: "is a member of a direct conversation whose key is of others",
        other: "user",
        sql: direct_key!("CAST(t.user_id AS text)"),
        sqlite: Some(direct_key!(
            "lower(substr(hex(t.user_id), 1, 8) || '-' || substr(hex(t.user_id), 9, 4) || '-' || substr(hex(t.user_id), 13, 4) \
             || '-' || substr(hex(t.user_id), 17, 4) || '-' || substr(hex(t.user_id), 21))"
        )),
        distributed: None,
    },
    check(
        "deleted_conversations",
        "is noted as deleted and exists",
        "",
        concat!(
            "SELECT t.conversation_id, ",
            no_id!(),
            ", ",
            no_number!(),
            " FROM deleted_conversations t WHERE ",
            has_conversation!()
        ),
    ),
    check(
        "reactions.counts",
        "has counts of reactions that are not those of its rows",
        "",
        concat!(
            "SELECT r.conversation_id, ",
            no_id!(),
            ", r.message_seq FROM ( \
                 SELECT conversation_id, message_seq, emoji, count(*) AS users FROM reactions \
                 GROUP BY conversation_id, message_seq, emoji) r \
             JOIN messages m ON m.conversation_id = r.conversation_id AND m.seq = r.message_seq AND m.deleted_at IS NULL \
             WHERE m.reactions IS NULL OR replace(' ' || m.reactions || ' ', ' ' || r.emoji || ' ' || CAST(r.users AS text) || ' ', '') \
                 = ' ' || m.reactions || ' '"
        ),
    ),
    check(
        "messages.reactions",
        "has counts of other kinds of reactions than its rows",
        "",
        // The kinds and their counts are words with spaces between them.
        concat!(
            "SELECT m.conversation_id, ",
            no_id!(),
            ", m.seq FROM messages m WHERE m.reactions IS NOT NULL AND m.deleted_at IS NULL AND \
             (length(m.reactions) - length(replace(m.reactions, ' ', '')) + 1) <> 2 * (SELECT count(DISTINCT r.emoji) FROM reactions r \
                 WHERE r.conversation_id = m.conversation_id AND r.message_seq = m.seq) \
             AND EXISTS (SELECT 1 FROM conversations c WHERE c.id = m.conversation_id)"
        ),
    ),
    check(
        "messages.pinned_at",
        "is shown as pinned and has no such pin",
        "",
        concat!(
            "SELECT m.conversation_id, ",
            no_id!(),
            ", m.seq FROM messages m WHERE m.pinned_at IS NOT NULL AND m.deleted_at IS NULL \
             AND EXISTS (SELECT 1 FROM conversations c WHERE c.id = m.conversation_id) \
             AND NOT EXISTS (SELECT 1 FROM pins p \
                 WHERE p.conversation_id = m.conversation_id AND p.message_seq = m.seq AND p.pinned_at = m.pinned_at)"
        ),
    ),
    check(
        "pins.pinned_at",
        "has a pin and is not shown as pinned",
        "",
        concat!(
            "SELECT p.conversation_id, ",
            no_id!(),
            ", p.message_seq FROM pins p \
             JOIN messages m ON m.conversation_id = p.conversation_id AND m.seq = p.message_seq \
             WHERE m.pinned_at IS NULL AND m.deleted_at IS NULL"
        ),
    ),
    check(
        "search_cursors.seq",
        "is indexed and beyond the counter, so that messages would not be found",
        "",
        concat!(
            "SELECT s.conversation_id, ",
            no_id!(),
            ", s.seq FROM search_cursors s \
             JOIN counters k ON k.conversation_id = s.conversation_id WHERE s.seq > k.last_seq"
        ),
    ),
];
