//! The statements that lock and load the facts of a batch of commands, in two forms: for commands of many conversations, and for those of
//! one. The second names the conversation by a value, so that Citus sends the statement to one shard.
//!
//! The argument of a macro is the conversation of a command. Each array has one element for each command.

use super::mentions::{MENTIONED_MEMBERS, MENTIONED_MEMBERS_OF_ONE};
use crate::store::queries::members::member_columns;
use crate::store::queries::messages::message_columns;
use crate::store::queries::quotes::quote_columns;
use crate::store::queries::users::user_columns;

/// conversations, users
macro_rules! actors {
    ($conversation:literal) => {
        concat!(
            "SELECT w.place, ",
            member_columns!(),
            " FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, user_id, place) \
             JOIN members mb ON mb.conversation_id = ",
            $conversation,
            " AND mb.user_id = w.user_id JOIN users u ON u.id = mb.user_id"
        )
    };
}

/// conversations, users (NULL if the action has no target user), actors
macro_rules! targets {
    ($conversation:literal) => {
        concat!(
            "SELECT w.place, ",
            user_columns!(),
            ", mb.role, u.contact_from, \
                 EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = w.actor_id AND b.blocked_id = u.id) \
                     OR EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = u.id AND b.blocked_id = w.actor_id), \
                 EXISTS (SELECT 1 FROM leavers l WHERE l.conversation_id = ",
            $conversation,
            " AND l.user_id = u.id) \
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) WITH ORDINALITY AS w (conversation_id, user_id, actor_id, place) \
             JOIN users u ON u.id = w.user_id \
             LEFT JOIN members mb ON mb.conversation_id = ",
            $conversation,
            " AND mb.user_id = w.user_id WHERE u.deleted_at IS NULL OR mb.user_id IS NOT NULL"
        )
    };
}

/// conversations, ids
macro_rules! messages {
    ($conversation:literal) => {
        concat!(
            "SELECT w.place, ",
            message_columns!(),
            " FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, id, place) \
             JOIN messages m ON m.conversation_id = ",
            $conversation,
            " AND m.id = w.id"
        )
    };
}

/// conversations, messages, emoji (NULL if the action is no reaction), users, if the message may lose this emoji in the batch. Returns true if the user has
/// reacted with this emoji, and the kinds that the user has of a message that is, or may come to be, without this one.
///
/// Subqueries for each command, which look up messages and reactions by their whole keys. A join may use a part of a key and go through all
/// reactions of a conversation for each command, or all rows as long as PostgreSQL has no statistics of the table. OFFSET keeps it from splitting the
/// counts once for each word of them, of which every second one is an emoji.
macro_rules! reacted {
    ($conversation:literal) => {
        concat!(
            "SELECT w.place, \
             (SELECT true FROM reactions r WHERE r.conversation_id = ",
            $conversation,
            " AND r.emoji = w.emoji AND r.user_id = w.user_id \
                 AND r.message_seq = (SELECT m.seq FROM messages m WHERE m.conversation_id = ",
            $conversation,
            " AND m.id = w.message_id)) IS TRUE, \
             (SELECT ARRAY(SELECT k.word FROM unnest(m.words) WITH ORDINALITY AS k (word, n) \
                     WHERE k.n % 2 = 1 AND (SELECT true FROM reactions r \
                         WHERE r.conversation_id = ",
            $conversation,
            " AND r.message_seq = m.seq AND r.emoji = k.word AND r.user_id = w.user_id)) \
                 FROM (SELECT seq, string_to_array(reactions, ' ') AS words FROM messages \
                     WHERE conversation_id = ",
            $conversation,
            " AND id = w.message_id OFFSET 0) m \
                 WHERE w.may_lose OR NOT w.emoji = ANY(m.words)) \
             FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bool[]) \
                 WITH ORDINALITY AS w (conversation_id, message_id, emoji, user_id, may_lose, place)"
        )
    };
}

/// conversations. Without messages that a node of an older version has deleted.
macro_rules! pin_counts {
    ($condition:literal) => {
        concat!(
            "SELECT p.conversation_id, count(*) FROM pins p \
             JOIN messages m ON m.conversation_id = p.conversation_id AND m.seq = p.message_seq AND m.deleted_at IS NULL \
             WHERE p.conversation_id ",
            $condition,
            " GROUP BY p.conversation_id"
        )
    };
}

/// conversations, ids of the messages that are unpinned (NULL for other actions)
macro_rules! pinned_by {
    ($conversation:literal) => {
        concat!(
            "SELECT w.place, p.user_id \
             FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, id, place) \
             JOIN messages m ON m.conversation_id = ",
            $conversation,
            " AND m.id = w.id JOIN pins p ON p.conversation_id = m.conversation_id AND p.message_seq = m.seq"
        )
    };
}

/// characters, conversations, ids of the messages that are edited (NULL for other actions)
macro_rules! quotes_of_edited {
    ($conversation:literal) => {
        concat!(
            "SELECT ",
            quote_columns!(),
            " FROM unnest($2::uuid[], $3::uuid[]) AS w (conversation_id, id) \
             JOIN messages m ON m.conversation_id = ",
            $conversation,
            " AND m.id = w.id JOIN messages q ON q.conversation_id = m.conversation_id AND q.id = m.reply_to"
        )
    };
}

/// The statements of one form. The parameters are the same in both.
pub(super) struct Statements {
    /// conversations. A statement of its own, and in one order for all transactions, as in [`super::commit`].
    pub(super) lock: &'static str,
    pub(super) actors: &'static str,
    pub(super) targets: &'static str,
    pub(super) messages: &'static str,
    pub(super) reacted: &'static str,
    pub(super) pin_counts: &'static str,
    pub(super) pinned_by: &'static str,
    pub(super) quotes_of_edited: &'static str,
    pub(super) mentioned_members: &'static str,
    pub(super) is_of_one: bool,
}

/// For commands of many conversations.
pub(super) static OF_MANY: Statements = Statements {
    lock: "SELECT conversation_id, last_seq, member_count FROM counters WHERE conversation_id = ANY($1) \
     ORDER BY conversation_id FOR UPDATE",
    actors: actors!("w.conversation_id"),
    targets: targets!("w.conversation_id"),
    messages: messages!("w.conversation_id"),
    reacted: reacted!("w.conversation_id"),
    pin_counts: pin_counts!("= ANY($1)"),
    pinned_by: pinned_by!("w.conversation_id"),
    quotes_of_edited: quotes_of_edited!("w.conversation_id"),
    mentioned_members: MENTIONED_MEMBERS,
    is_of_one: false,
};

/// For commands of one conversation.
pub(super) static OF_ONE: Statements = Statements {
    lock: "SELECT conversation_id, last_seq, member_count FROM counters WHERE conversation_id = ($1::uuid[])[1] FOR UPDATE",
    actors: actors!("($1::uuid[])[1]"),
    targets: targets!("($1::uuid[])[1]"),
    messages: messages!("($1::uuid[])[1]"),
    reacted: reacted!("($1::uuid[])[1]"),
    pin_counts: pin_counts!("= ($1::uuid[])[1]"),
    pinned_by: pinned_by!("($1::uuid[])[1]"),
    quotes_of_edited: quotes_of_edited!("($2::uuid[])[1]"),
    mentioned_members: MENTIONED_MEMBERS_OF_ONE,
    is_of_one: true,
};
