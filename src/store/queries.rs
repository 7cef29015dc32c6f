//! The SQL that both databases understand, with `$n` for parameters (SQLite's adapter writes them `?n`).
//!
//! A row's columns come in the order of its `…_columns!` list; each adapter has one function that reads each list.

/// Greater than every folded text that is a prefix of a username or a name.
pub(super) const TEXT_END: &str = "\u{10FFFF}";

macro_rules! user_columns {
    () => {
        "u.id, u.username, u.name, u.created_at, u.last_seen_at"
    };
}
macro_rules! member_columns {
    () => {
        concat!(user_columns!(), ", mb.role, mb.joined_at, mb.joined_seq, mb.delivered_seq, mb.read_seq")
    };
}
macro_rules! conversation_columns {
    () => {
        "c.id, c.type, c.name, c.creator_id, c.created_at, k.member_count, k.last_seq, k.active_at"
    };
}
macro_rules! message_columns {
    () => {
        "m.id, m.conversation_id, m.seq, m.sender_id, m.content, m.reply_to, m.timestamp, \
         m.edited_at, m.deleted_at, m.note_kind, m.note_user_id, m.note_value"
    };
}
// What a member sees: the conversation, their role, up to where they read, how many they did not (up to a bound, `$2`),
// the other person of a direct conversation (or NULLs), the newest message (or NULLs). The page is chosen first, so that only
// its rows are looked up further; and a group's members are not, of whom there are many and none is wanted (a NULL finds nothing).
macro_rules! view_select {
    ($page:literal) => {
        concat!(
            "SELECT ",
            conversation_columns!(),
            ", k.role, k.read_seq, \
             (SELECT count(*) FROM (SELECT 1 FROM messages t WHERE t.conversation_id = k.id AND t.seq > k.read_seq \
                 AND t.sender_id <> k.user_id AND t.note_kind IS NULL AND t.deleted_at IS NULL ORDER BY t.seq LIMIT $2) unread), ",
            user_columns!(),
            ", ",
            message_columns!(),
            " FROM (SELECT mb.conversation_id AS id, mb.user_id, mb.role, mb.read_seq, \
                     counters.member_count, counters.last_seq, counters.active_at \
                 FROM members mb JOIN counters ON counters.conversation_id = mb.conversation_id \
                 WHERE mb.user_id = $1 AND ",
            $page,
            ") k \
             JOIN conversations c ON c.id = k.id \
             LEFT JOIN members other ON other.conversation_id = CASE WHEN c.type = 'direct' THEN c.id END \
                 AND other.user_id <> k.user_id \
             LEFT JOIN users u ON u.id = other.user_id \
             LEFT JOIN messages m ON m.conversation_id = k.id \
                 AND m.seq = (SELECT max(n.seq) FROM messages n WHERE n.conversation_id = k.id)"
        )
    };
}
pub(super) use message_columns;

// ── Users and sessions ──────────────────────────────────────────────────────────────────────────────────────────

/// id, username, username_key, name, name_key, password_hash, created_at
pub(super) const INSERT_USER: &str = "INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (username_key) DO NOTHING";
/// id
pub(super) const USER: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
/// username_key; the user's columns and the hash
pub(super) const CREDENTIALS: &str =
    concat!("SELECT ", user_columns!(), ", u.password_hash FROM users u WHERE u.username_key = $1");
/// id
pub(super) const PASSWORD_HASH: &str = "SELECT password_hash FROM users WHERE id = $1";
/// after, prefix, prefix with TEXT_END, limit
pub(super) const USERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users u WHERE u.username_key > $1 \
     AND ((u.username_key >= $2 AND u.username_key < $3) OR (u.name_key >= $2 AND u.name_key < $3)) \
     ORDER BY u.username_key LIMIT $4"
);
/// id, name, name_key
pub(super) const RENAME_USER: &str = "UPDATE users SET name = $2, name_key = $3 WHERE id = $1";
/// id, hash
pub(super) const SET_PASSWORD: &str = "UPDATE users SET password_hash = $2 WHERE id = $1";
/// user, keep, at
pub(super) const END_OTHER_SESSIONS: &str = "UPDATE sessions SET ended_at = $3 WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL AND expires_at > $3 RETURNING id";
/// id
pub(super) const MEMBERSHIP_VERSION: &str = "SELECT membership_version FROM users WHERE id = $1";
/// id
pub(super) const ARRIVAL: &str =
    concat!("SELECT ", user_columns!(), ", u.membership_version FROM users u WHERE u.id = $1");
/// conversation, limit
pub(super) const MEMBER_IDS: &str = "SELECT user_id FROM members WHERE conversation_id = $1 LIMIT $2";
/// user, conversation
pub(super) const STANDING: &str = "SELECT k.last_seq, k.member_count FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = $1 AND mb.conversation_id = $2";
/// id, user, generation, created_at, rotated_at, expires_at
pub(super) const INSERT_SESSION: &str = "INSERT INTO sessions (id, user_id, generation, created_at, rotated_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
/// id
pub(super) const SESSION: &str =
    "SELECT id, user_id, generation, created_at, rotated_at, expires_at, ended_at FROM sessions WHERE id = $1";
/// id, generation, at, expires_at
pub(super) const ROTATE_SESSION: &str = "UPDATE sessions SET generation = generation + 1, rotated_at = $3, expires_at = $4 \
     WHERE id = $1 AND generation = $2 AND ended_at IS NULL AND expires_at > $3";
/// id, at
pub(super) const END_SESSION: &str = "UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";

/// id, user, session, token_expires_at, expires_at, at, at most
pub(super) const INSERT_TICKET: &str = "INSERT INTO tickets (id, user_id, session_id, token_expires_at, expires_at) \
     SELECT $1, $2, $3, $4, $5 \
     WHERE (SELECT count(*) FROM tickets WHERE user_id = $2 AND expires_at > $6) < $7";
/// id, at
pub(super) const TAKE_TICKET: &str =
    "DELETE FROM tickets WHERE id = $1 AND expires_at > $2 RETURNING user_id, session_id, token_expires_at";

// ── Conversations and members ───────────────────────────────────────────────────────────────────────────────────

/// id, type, name, creator, created_at, direct_key
pub(super) const INSERT_CONVERSATION: &str = "INSERT INTO conversations (id, type, name, creator_id, created_at, direct_key) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
/// id, direct_key; what made [`INSERT_CONVERSATION`] do nothing
pub(super) const EXISTING_CONVERSATION: &str = "SELECT id FROM conversations WHERE id = $1 OR direct_key = $2";
/// conversation, member_count, active_at
pub(super) const INSERT_COUNTER: &str =
    "INSERT INTO counters (conversation_id, member_count, active_at) VALUES ($1, $2, $3)";
/// id
pub(super) const CONVERSATION: &str = concat!(
    "SELECT ",
    conversation_columns!(),
    " FROM conversations c JOIN counters k ON k.conversation_id = c.id WHERE c.id = $1"
);
/// user, unread bound, conversation
pub(super) const VIEW: &str = view_select!("mb.conversation_id = $3");
/// user, unread bound, active_at, conversation, limit
pub(super) const VIEWS: &str = concat!(
    view_select!(
        "(counters.active_at, mb.conversation_id) < ($3, $4) ORDER BY counters.active_at DESC, mb.conversation_id DESC LIMIT $5"
    ),
    " ORDER BY k.active_at DESC, k.id DESC"
);
/// user, limit
pub(super) const HEADS: &str = "SELECT k.conversation_id, k.last_seq FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = $1 ORDER BY k.active_at DESC LIMIT $2";
/// conversation
pub(super) const HEAD: &str = "SELECT last_seq FROM counters WHERE conversation_id = $1";
/// conversation, after, limit
pub(super) const MEMBERS: &str = concat!(
    "SELECT ",
    member_columns!(),
    " FROM members mb JOIN users u ON u.id = mb.user_id \
     WHERE mb.conversation_id = $1 AND u.username_key > $2 ORDER BY u.username_key LIMIT $3"
);
/// conversation, user
pub(super) const MEMBER: &str = concat!(
    "SELECT ",
    member_columns!(),
    " FROM members mb JOIN users u ON u.id = mb.user_id \
     WHERE mb.conversation_id = $1 AND mb.user_id = $2"
);
/// user, largest member_count, limit
pub(super) const CONTACTS: &str = "SELECT DISTINCT other.user_id FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id AND k.member_count <= $2 \
     JOIN members other ON other.conversation_id = mb.conversation_id AND other.user_id <> mb.user_id \
     WHERE mb.user_id = $1 LIMIT $3";
/// user, largest member_count, limit
pub(super) const INTIMATE_CONVERSATIONS: &str = "SELECT mb.conversation_id FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id AND k.member_count <= $2 \
     WHERE mb.user_id = $1 LIMIT $3";

// ── Messages ────────────────────────────────────────────────────────────────────────────────────────────────────

/// conversation, before (exclusive), limit; newest first
pub(super) const MESSAGES_BEFORE: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m WHERE m.conversation_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3"
);
/// conversation, after (exclusive), limit; oldest first
pub(super) const MESSAGES_AFTER: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m WHERE m.conversation_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3"
);
/// conversation, after (exclusive), limit; oldest first. The event's number, what changed (nothing: it was written), the message.
///
/// Each table is read in its order and only as far as the page can reach: PostgreSQL would otherwise read and sort both to their end.
pub(super) const EVENTS_AFTER: &str = concat!(
    "SELECT * FROM (SELECT m.seq AS event_seq, NULL AS change, ",
    message_columns!(),
    " FROM messages m WHERE m.conversation_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3) written \
     UNION ALL SELECT * FROM (SELECT c.seq AS event_seq, c.kind, ",
    message_columns!(),
    " FROM (SELECT * FROM changes WHERE conversation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) c \
         JOIN messages m ON m.conversation_id = c.conversation_id AND m.seq = c.message_seq) changed \
     ORDER BY event_seq LIMIT $3"
);
/// conversation, id
pub(super) const MESSAGE: &str =
    concat!("SELECT ", message_columns!(), " FROM messages m WHERE m.conversation_id = $1 AND m.id = $2");
/// conversation, user
pub(super) const RECEIPTS_OF_OTHERS: &str =
    "SELECT min(delivered_seq), min(read_seq) FROM members WHERE conversation_id = $1 AND user_id <> $2";

// ── Changes of members and name, under the counter's lock ───────────────────────────────────────────────────────

/// conversation, role, user
pub(super) const SET_ROLE: &str = "UPDATE members SET role = $2 WHERE conversation_id = $1 AND user_id = $3";
/// conversation, name
pub(super) const SET_NAME: &str = "UPDATE conversations SET name = $2 WHERE id = $1";
/// conversation, user
pub(super) const DELETE_MEMBER: &str = "DELETE FROM members WHERE conversation_id = $1 AND user_id = $2";
/// conversation, user, role, joined_at, seq
pub(super) const INSERT_MEMBER: &str = "INSERT INTO members (conversation_id, user_id, role, joined_at, joined_seq, delivered_seq, read_seq) \
     VALUES ($1, $2, $3, $4, $5, $5, $5)";
/// user
pub(super) const RAISE_MEMBERSHIP_VERSION: &str =
    "UPDATE users SET membership_version = membership_version + 1 WHERE id = $1";
/// conversation, last_seq, change of member_count, active_at
pub(super) const ADVANCE_COUNTER: &str = "UPDATE counters SET last_seq = $2, member_count = member_count + $3, active_at = $4 \
     WHERE conversation_id = $1";
/// A message's columns, in the order of `message_columns!`.
pub(super) const INSERT_MESSAGE: &str = "INSERT INTO messages (id, conversation_id, seq, sender_id, content, reply_to, timestamp, \
     edited_at, deleted_at, note_kind, note_user_id, note_value) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

// ── Revisions of messages, under the counter's lock ─────────────────────────────────────────────────────────────

/// conversation, seq, content, edited_at, deleted_at
pub(super) const REVISE_MESSAGE: &str = "UPDATE messages SET content = $3, edited_at = $4, deleted_at = $5 \
     WHERE conversation_id = $1 AND seq = $2";
/// conversation, seq, kind, message_seq
pub(super) const INSERT_CHANGE: &str =
    "INSERT INTO changes (conversation_id, seq, kind, message_seq) VALUES ($1, $2, $3, $4)";
