//! SQL for conversations.

use super::messages::message_columns;
use super::unread::{mention_count, rows_counted, unread_after, unread_count};
use super::users::user_columns;

macro_rules! conversation_columns {
    () => {
        "c.id, c.type, c.name, c.creator_id, c.created_at, k.member_count, k.last_seq, k.active_at"
    };
}

// A conversation as one of its members sees it: the conversation's columns, the member's role, the number up to which the member has
// read, the member's mark of unread messages, the counts of unread messages and mentions (at most `$2`, among `$3`), the rows that were looked at for them, the
// member's choice of notifications, the other user of a direct conversation (or NULLs), the newest message (or NULLs). The database selects the page first, and
// then joins only its rows. It reads no members of a group (nothing equals NULL), because a group can have many. Without the LIMIT around the
// counts, which no page reaches, it would count again for each place that names them.
//
// The arguments: the page, the conversation of a row of it, the same behind the counts, and the join of the other member of a direct conversation.
macro_rules! conversation_view_select {
    ($page:literal, $inner:literal, $id:literal, $other:literal) => {
        concat!(
            "SELECT ",
            conversation_columns!(),
            ", k.role, k.read_seq, k.unread_from_seq, k.unread_count, k.mention_count, ",
            rows_counted!("k", $id, "$2", "$3"),
            ", k.notify_level, k.notify_until, ",
            user_columns!(),
            ", ",
            message_columns!(),
            " FROM (SELECT mine.*, ",
            unread_count!("mine", $inner, "$2", "$3"),
            " AS unread_count, ",
            mention_count!("mine", $inner, "$2", "$3"),
            " AS mention_count \
                 FROM (SELECT mb.conversation_id, mb.user_id, mb.role, mb.read_seq, mb.unread_from_seq, mb.notify_level, mb.notify_until, \
                     counters.member_count, counters.last_seq, counters.active_at \
                 FROM members mb JOIN counters ON counters.conversation_id = mb.conversation_id \
                 WHERE mb.user_id = $1 AND ",
            $page,
            ") mine LIMIT $3) k \
             JOIN conversations c ON c.id = k.conversation_id ",
            $other,
            " LEFT JOIN users u ON u.id = other.user_id \
             LEFT JOIN messages m ON m.conversation_id = ",
            $id,
            " AND m.seq = (SELECT max(n.seq) FROM messages n WHERE n.conversation_id = ",
            $id,
            ")"
        )
    };
}

macro_rules! insert_conversation {
    () => {
        "INSERT INTO conversations (id, type, name, creator_id, created_at, direct_key) VALUES ($1, $2, $3, $4, $5, $6)"
    };
}

/// id, type, name, creator, created_at, direct_key. Fails if there is a conversation with the id or the key.
pub(crate) const INSERT_CONVERSATION_OR_FAIL: &str = insert_conversation!();
/// The same parameters
pub(crate) const INSERT_CONVERSATION: &str = concat!(insert_conversation!(), " ON CONFLICT DO NOTHING");
/// id, direct_key. The conversation because of which [`INSERT_CONVERSATION`] inserted nothing.
pub(crate) const EXISTING_CONVERSATION: &str =
    "SELECT id, creator_id FROM conversations WHERE id = $1 OR direct_key = $2 ORDER BY id = $1 DESC LIMIT 1";
/// id. A row if a conversation with this id was deleted.
pub(crate) const DELETED_CONVERSATION: &str =
    "SELECT conversation_id FROM deleted_conversations WHERE conversation_id = $1";
/// The next conversation to sweep.
macro_rules! next_deleted {
    () => {
        "SELECT conversation_id FROM deleted_conversations WHERE NOT is_swept ORDER BY conversation_id LIMIT 1"
    };
}
pub(crate) use next_deleted;

/// id
pub(crate) const INSERT_DELETED: &str = "INSERT INTO deleted_conversations (conversation_id) VALUES ($1)";
/// id
pub(crate) const SET_SWEPT: &str = "UPDATE deleted_conversations SET is_swept = true WHERE conversation_id = $1";
/// id
pub(crate) const CONVERSATION: &str = concat!(
    "SELECT ",
    conversation_columns!(),
    " FROM conversations c JOIN counters k ON k.conversation_id = c.id WHERE c.id = $1"
);
/// user, unread bound, messages that are scanned, conversation
pub(crate) const CONVERSATION_VIEW: &str = conversation_view_select!(
    "mb.conversation_id = $4",
    "mine.conversation_id",
    "k.conversation_id",
    "LEFT JOIN members other ON other.conversation_id = CASE WHEN c.type = 'direct' THEN c.id END \
         AND other.user_id <> k.user_id"
);
/// The same parameters. It names the conversation by a value wherever it needs it, so that Citus sends it to one shard. It reads no members of a group,
/// because the type is looked at first.
pub(crate) const CONVERSATION_VIEW_ON_SHARD: &str = conversation_view_select!(
    "mb.conversation_id = $4",
    "$4",
    "$4",
    "LEFT JOIN LATERAL (SELECT user_id FROM members WHERE conversation_id = $4 AND user_id <> k.user_id AND c.type = 'direct' \
         LIMIT 1) other ON true"
);
/// user, unread bound, messages that are scanned, active_at, conversation, limit
pub(crate) const CONVERSATION_VIEWS: &str = concat!(
    conversation_view_select!(
        "(counters.active_at, mb.conversation_id) < ($4, $5) ORDER BY counters.active_at DESC, mb.conversation_id DESC LIMIT $6",
        "mine.conversation_id",
        "k.conversation_id",
        "LEFT JOIN members other ON other.conversation_id = CASE WHEN c.type = 'direct' THEN c.id END \
             AND other.user_id <> k.user_id"
    ),
    " ORDER BY k.active_at DESC, k.conversation_id DESC"
);
/// user, active_at, conversation, limit. The conversations of a page of [`CONVERSATION_VIEWS`].
pub(crate) const CONVERSATIONS_OF_PAGE: &str = "SELECT mb.conversation_id FROM members mb \
     JOIN counters ON counters.conversation_id = mb.conversation_id \
     WHERE mb.user_id = $1 AND (counters.active_at, mb.conversation_id) < ($2, $3) \
     ORDER BY counters.active_at DESC, mb.conversation_id DESC LIMIT $4";
/// user, first conversation, limit
pub(crate) const CONVERSATION_IDS: &str = "SELECT conversation_id FROM members \
     WHERE user_id = $1 AND conversation_id >= $2 ORDER BY conversation_id LIMIT $3";
/// user, largest member_count, first conversation, limit
pub(crate) const SMALL_CONVERSATIONS: &str = "SELECT mb.conversation_id FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id AND k.member_count <= $2 \
     WHERE mb.user_id = $1 AND mb.conversation_id >= $3 ORDER BY mb.conversation_id LIMIT $4";
/// conversation, name
pub(crate) const SET_NAME: &str = "UPDATE conversations SET name = $2 WHERE id = $1";
/// before, limit. Nobody can join such a group any more, since only a member adds others.
pub(crate) const MEMBERLESS: &str =
    "SELECT conversation_id FROM counters WHERE member_count = 0 AND active_at <= $1 ORDER BY conversation_id LIMIT $2";
/// conversation. Its counter and members are deleted with it, by their foreign keys.
pub(crate) const DELETE_CONVERSATION: &str = "DELETE FROM conversations WHERE id = $1";
