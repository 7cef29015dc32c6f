//! The tables that `chinwag copy` copies, and those that it leaves to the new database. A test compares them with the schemas.

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// A UUID.
    Id,
    /// A text.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// True or false.
    Bool,
    /// A time in microseconds.
    Time,
}

/// A table.
#[derive(Debug)]
pub struct CopiedTable {
    /// Its name in both stores.
    pub name: &'static str,
    /// Its columns. Those of the key are the first, and both stores sort them alike: ids and texts by their bytes.
    pub columns: &'static [(&'static str, ColumnKind)],
    /// The number of columns of the key.
    pub key_width: usize,
}

use ColumnKind::{Bool, Id, Integer, Text, Time};

const fn table(name: &'static str, key_width: usize, columns: &'static [(&'static str, ColumnKind)]) -> CopiedTable {
    CopiedTable { name, columns, key_width }
}

/// The tables, in an order in which each comes after those that its foreign keys name.
pub const COPIED_TABLES: &[CopiedTable] = &[
    table(
        "users",
        1,
        &[
            ("id", Id),
            ("username", Text),
            ("username_key", Text),
            ("name", Text),
            ("name_key", Text),
            ("password_hash", Text),
            ("membership_version", Integer),
            ("created_at", Time),
            ("last_seen_at", Time),
            ("words_name", Text),
            ("words_version", Integer),
            ("is_admin", Bool),
            ("disabled_at", Time),
            ("deleted_at", Time),
            ("contact_from", Text),
            ("conversations_max", Integer),
            ("new_a_day_max", Integer),
            ("new_day", Integer),
            ("new_that_day", Integer),
            ("blocks_version", Integer),
        ],
    ),
    table("user_words", 2, &[("word", Text), ("user_id", Id)]),
    table(
        "user_settings",
        1,
        &[("user_id", Id), ("send_receipts", Bool), ("show_last_seen", Bool), ("do_not_disturb_until", Time)],
    ),
    table(
        "sessions",
        1,
        &[
            ("id", Id),
            ("user_id", Id),
            ("generation", Integer),
            ("created_at", Time),
            ("rotated_at", Time),
            ("expires_at", Time),
            ("ended_at", Time),
            ("user_agent", Text),
        ],
    ),
    table(
        "tickets",
        1,
        &[("id", Id), ("user_id", Id), ("session_id", Id), ("token_expires_at", Time), ("expires_at", Time)],
    ),
    table("known_networks", 2, &[("user_id", Id), ("network", Integer), ("used_at", Time)]),
    table("settings", 1, &[("name", Text), ("value", Text)]),
    table("invites", 1, &[("code_hash", Text), ("uses_left", Integer), ("created_at", Time), ("expires_at", Time)]),
    table("retired_usernames", 1, &[("key_hash", Text)]),
    table("departures", 1, &[("user_id", Id), ("created_at", Time)]),
    table("contacts", 2, &[("user_id", Id), ("contact_id", Id)]),
    table("blocks", 2, &[("user_id", Id), ("blocked_id", Id), ("created_at", Time)]),
    table(
        "conversations",
        1,
        &[("id", Id), ("type", Text), ("name", Text), ("creator_id", Id), ("created_at", Time), ("direct_key", Text)],
    ),
    table(
        "counters",
        1,
        &[("conversation_id", Id), ("last_seq", Integer), ("member_count", Integer), ("active_at", Time)],
    ),
    table(
        "members",
        2,
        &[
            ("conversation_id", Id),
            ("user_id", Id),
            ("role", Text),
            ("joined_at", Time),
            ("delivered_seq", Integer),
            ("read_seq", Integer),
            ("joined_seq", Integer),
            ("is_blocked", Bool),
            ("unread_from_seq", Integer),
            ("notify_level", Text),
            ("notify_until", Time),
        ],
    ),
    table("leavers", 2, &[("conversation_id", Id), ("user_id", Id)]),
    table(
        "messages",
        2,
        &[
            ("conversation_id", Id),
            ("seq", Integer),
            ("id", Id),
            ("sender_id", Id),
            ("content", Text),
            ("reply_to", Id),
            ("timestamp", Time),
            ("note_kind", Text),
            ("note_user_id", Id),
            ("note_value", Text),
            ("edited_at", Time),
            ("deleted_at", Time),
            ("extra", Text),
            ("reactions", Text),
            ("pinned_at", Time),
            ("mentions", Text),
        ],
    ),
    table(
        "changes",
        2,
        &[("conversation_id", Id), ("seq", Integer), ("kind", Text), ("message_seq", Integer), ("payload", Text)],
    ),
    table("reactions", 4, &[("conversation_id", Id), ("message_seq", Integer), ("emoji", Text), ("user_id", Id)]),
    table("unswept_reactions", 2, &[("conversation_id", Id), ("message_seq", Integer)]),
    table("pins", 2, &[("conversation_id", Id), ("message_seq", Integer), ("user_id", Id), ("pinned_at", Time)]),
    table("mentions", 3, &[("conversation_id", Id), ("user_id", Id), ("message_seq", Integer)]),
    table("mentions_of_all", 2, &[("conversation_id", Id), ("message_seq", Integer)]),
    table("saved_messages", 3, &[("user_id", Id), ("conversation_id", Id), ("message_id", Id), ("saved_at", Time)]),
    table("removals", 2, &[("conversation_id", Id), ("message_id", Id), ("removed_at", Time)]),
    table(
        "reports",
        1,
        &[
            ("id", Id),
            ("reporter_id", Id),
            ("conversation_id", Id),
            ("message_id", Id),
            ("sender_id", Id),
            ("content", Text),
            ("sent_at", Time),
            ("reason", Text),
            ("created_at", Time),
            ("settled_at", Time),
            ("resolution", Text),
        ],
    ),
    table("deleted_conversations", 1, &[("conversation_id", Id), ("is_swept", Bool)]),
];

/// Tables that are not copied. Each database has versions and nodes of its own. The first server on the new one builds its index of messages,
/// whose form differs between the stores.
pub const UNCOPIED_TABLES: &[&str] = &[
    "schema_versions",
    "cluster",
    "nodes",
    "search_versions",
    "search_cursors",
    "search_entries",
    "search_moments",
    "search_words",
    "search_words_config",
    "search_words_data",
    "search_words_idx",
];
