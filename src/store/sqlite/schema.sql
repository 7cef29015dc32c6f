-- Chinwag's tables in SQLite: those of ../../../schema.sql, where each comment stands.
-- uuid is a BLOB of 16 bytes, a time is an INTEGER of microseconds since 1970 in UTC, texts compare by bytes.

-- Version 1

CREATE TABLE users (
    id                 BLOB PRIMARY KEY,
    username           TEXT NOT NULL,
    username_key       TEXT NOT NULL UNIQUE,
    name               TEXT NOT NULL,
    name_key           TEXT NOT NULL,
    password_hash      TEXT NOT NULL,
    membership_version INTEGER NOT NULL DEFAULT 0,
    created_at         INTEGER NOT NULL,
    last_seen_at       INTEGER
) STRICT;
CREATE INDEX users_by_name ON users (name_key);

CREATE TABLE sessions (
    id         BLOB PRIMARY KEY,
    user_id    BLOB NOT NULL REFERENCES users ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE conversations (
    id         BLOB PRIMARY KEY,
    type       TEXT NOT NULL CHECK (type IN ('direct', 'group')),
    name       TEXT,
    creator_id BLOB NOT NULL REFERENCES users,
    created_at INTEGER NOT NULL,
    direct_key TEXT UNIQUE
) STRICT;

CREATE TABLE counters (
    conversation_id BLOB PRIMARY KEY REFERENCES conversations ON DELETE CASCADE,
    last_seq        INTEGER NOT NULL DEFAULT 0,
    member_count    INTEGER NOT NULL,
    active_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    conversation_id BLOB NOT NULL REFERENCES conversations ON DELETE CASCADE,
    user_id         BLOB NOT NULL REFERENCES users,
    role            TEXT NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    joined_at       INTEGER NOT NULL,
    delivered_seq   INTEGER NOT NULL DEFAULT 0,
    read_seq        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id);

-- With its integer rowid, for a full-text index to refer to.
CREATE TABLE messages (
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    id              BLOB NOT NULL,
    sender_id       BLOB NOT NULL,
    content         TEXT NOT NULL,
    reply_to        BLOB,
    timestamp       INTEGER NOT NULL,
    note_kind       TEXT,
    note_user_id    BLOB,
    note_value      TEXT,
    PRIMARY KEY (conversation_id, seq),
    UNIQUE (conversation_id, id)
) STRICT;

-- Version 2: messages can be edited and deleted, and a member has the number of the event by which they joined.

ALTER TABLE messages ADD COLUMN edited_at INTEGER;
ALTER TABLE messages ADD COLUMN deleted_at INTEGER;

ALTER TABLE members ADD COLUMN joined_seq INTEGER NOT NULL DEFAULT 0;

CREATE TABLE changes (
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('message.updated', 'message.deleted')),
    message_seq     INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;

-- Version 3: tickets to open a WebSocket with.

CREATE TABLE tickets (
    id               BLOB PRIMARY KEY,
    user_id          BLOB NOT NULL REFERENCES users ON DELETE CASCADE,
    session_id       BLOB NOT NULL,
    token_expires_at INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX tickets_by_user ON tickets (user_id);
CREATE INDEX tickets_by_expiry ON tickets (expires_at);

-- Version 4: ids are found in the order in which they are made. A batch then adds to the end of that index, and not to
-- a page for each of its conversations. (The index of a UNIQUE clause goes only with its table.)

CREATE TABLE messages_4 (
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    id              BLOB NOT NULL,
    sender_id       BLOB NOT NULL,
    content         TEXT NOT NULL,
    reply_to        BLOB,
    timestamp       INTEGER NOT NULL,
    note_kind       TEXT,
    note_user_id    BLOB,
    note_value      TEXT,
    edited_at       INTEGER,
    deleted_at      INTEGER,
    PRIMARY KEY (conversation_id, seq)
) STRICT;
INSERT INTO messages_4 SELECT conversation_id, seq, id, sender_id, content, reply_to, timestamp, note_kind, note_user_id, note_value,
    edited_at, deleted_at FROM messages ORDER BY rowid;
DROP TABLE messages;
ALTER TABLE messages_4 RENAME TO messages;
CREATE UNIQUE INDEX messages_by_id ON messages (id, conversation_id);

-- Version 5: events of any kind, about a message or not; and further fields of messages. The columns are PostgreSQL's.

CREATE TABLE changes_5 (
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    message_seq     INTEGER,
    payload         TEXT,
    PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO changes_5 SELECT conversation_id, seq, kind, message_seq, NULL FROM changes;
DROP TABLE changes;
ALTER TABLE changes_5 RENAME TO changes;
ALTER TABLE messages ADD COLUMN extra TEXT;

-- Version 6: the words of names and usernames, by which users are found.

ALTER TABLE users ADD COLUMN words_name TEXT;
ALTER TABLE users ADD COLUMN words_version INTEGER;
CREATE INDEX users_by_words_version ON users (CASE WHEN words_name = name THEN words_version ELSE 0 END);

CREATE TABLE user_words (
    word    TEXT NOT NULL,
    user_id BLOB NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (word, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_words_by_user ON user_words (user_id);

-- Version 7: conversations are deleted in steps.

CREATE TABLE deleted_conversations (
    conversation_id BLOB PRIMARY KEY,
    is_swept        INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_conversations_to_sweep ON deleted_conversations (conversation_id) WHERE NOT is_swept;

-- Version 8: the operator decides who may register.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE invites (
    code_hash  TEXT PRIMARY KEY,
    uses_left  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_by_expiry ON invites (expires_at);

-- Version 9: operators. They disable users, and sessions end beside a running server.

ALTER TABLE users ADD COLUMN is_admin INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN disabled_at INTEGER;

CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- Version 10: users see where they are logged in, and expired sessions are deleted.

ALTER TABLE sessions ADD COLUMN user_agent TEXT;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Version 11: accounts can be deleted.

ALTER TABLE users ADD COLUMN deleted_at INTEGER;

CREATE TABLE retired_usernames (
    key_hash TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE departures (
    user_id    BLOB PRIMARY KEY REFERENCES users,
    created_at INTEGER NOT NULL
) STRICT;

-- Version 12: members report messages, and operators remove them.

CREATE TABLE reports (
    id              BLOB PRIMARY KEY,
    reporter_id     BLOB NOT NULL REFERENCES users,
    conversation_id BLOB NOT NULL,
    message_id      BLOB NOT NULL,
    sender_id       BLOB NOT NULL REFERENCES users,
    content         TEXT NOT NULL,
    sent_at         INTEGER NOT NULL,
    reason          TEXT,
    created_at      INTEGER NOT NULL,
    settled_at      INTEGER,
    resolution      TEXT,
    UNIQUE (reporter_id, conversation_id, message_id)
) STRICT;
CREATE INDEX reports_open ON reports (id) WHERE settled_at IS NULL;
CREATE INDEX reports_by_message ON reports (conversation_id, message_id);
CREATE INDEX reports_by_settlement ON reports (settled_at) WHERE settled_at IS NOT NULL;

CREATE TABLE removals (
    conversation_id BLOB NOT NULL,
    message_id      BLOB NOT NULL,
    removed_at      INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX removals_by_time ON removals (removed_at);

CREATE INDEX counters_without_members ON counters (conversation_id) WHERE member_count = 0;

-- Version 13: guesses of a password are limited over all addresses, except in networks where the user has logged in.

CREATE TABLE known_networks (
    user_id BLOB NOT NULL REFERENCES users ON DELETE CASCADE,
    network INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_networks_by_use ON known_networks (used_at);

-- Version 14: users decide who may begin a conversation with them.

CREATE TABLE contacts (
    user_id    BLOB NOT NULL,
    contact_id BLOB NOT NULL,
    PRIMARY KEY (user_id, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contacts_by_contact ON contacts (contact_id);

CREATE TABLE leavers (
    conversation_id BLOB NOT NULL REFERENCES conversations ON DELETE CASCADE,
    user_id         BLOB NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX leavers_by_user ON leavers (user_id);

INSERT INTO contacts (user_id, contact_id)
    SELECT a.adder_id, a.user_id FROM (
        SELECT c.creator_id AS adder_id, mb.user_id FROM members mb JOIN conversations c ON c.id = mb.conversation_id
            WHERE mb.joined_seq = 0
        UNION SELECT m.sender_id, mb.user_id FROM members mb
            JOIN messages m ON m.conversation_id = mb.conversation_id AND m.seq = mb.joined_seq AND m.note_user_id = mb.user_id
            WHERE mb.joined_seq > 0
    ) a JOIN users adder ON adder.id = a.adder_id AND adder.deleted_at IS NULL
        JOIN users added ON added.id = a.user_id AND added.deleted_at IS NULL
    WHERE a.adder_id <> a.user_id;

ALTER TABLE users ADD COLUMN contact_from TEXT NOT NULL DEFAULT 'everyone' CHECK (contact_from IN ('everyone', 'contacts', 'nobody'));

-- Version 15: users block each other.

CREATE TABLE blocks (
    user_id    BLOB NOT NULL REFERENCES users,
    blocked_id BLOB NOT NULL REFERENCES users,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_blocked ON blocks (blocked_id, user_id);

ALTER TABLE members ADD COLUMN is_blocked INTEGER NOT NULL DEFAULT 0;

-- Version 16: a connection hears all of its user's conversations, which are read in pages; and users have quotas.

CREATE INDEX members_by_user_and_conversation ON members (user_id, conversation_id);
DROP INDEX members_by_user;

CREATE INDEX conversations_by_creator ON conversations (creator_id);
ALTER TABLE users ADD COLUMN conversations_max INTEGER;
ALTER TABLE users ADD COLUMN new_a_day_max INTEGER;
ALTER TABLE users ADD COLUMN new_day INTEGER;
ALTER TABLE users ADD COLUMN new_that_day INTEGER NOT NULL DEFAULT 0;

-- Version 17: the notes of who left a group are deleted in steps, as its messages are, and not with the group.

CREATE TABLE leavers_17 (
    conversation_id BLOB NOT NULL,
    user_id         BLOB NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;
INSERT INTO leavers_17 SELECT conversation_id, user_id FROM leavers;
DROP TABLE leavers;
ALTER TABLE leavers_17 RENAME TO leavers;
CREATE INDEX leavers_by_user ON leavers (user_id);

-- Version 18: members mark messages as unread.

ALTER TABLE members ADD COLUMN unread_from_seq INTEGER;

-- Version 19: users switch read receipts off.

CREATE TABLE user_settings (
    user_id       BLOB PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    send_receipts INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

-- Version 20: users keep to themselves when they were last seen.

ALTER TABLE user_settings ADD COLUMN show_last_seen INTEGER NOT NULL DEFAULT 1;

-- Version 21: messages are found by their words, which the server indexes a moment after their commit.

CREATE TABLE search_versions (
    version     INTEGER PRIMARY KEY,
    is_complete INTEGER NOT NULL,
    used_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE search_cursors (
    version         INTEGER NOT NULL,
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    PRIMARY KEY (version, conversation_id)
) STRICT, WITHOUT ROWID;

-- The id is the time in milliseconds and a number within it, so that the index of words is in the order of time. The words are what the
-- index was given: it can only delete a message of which it is given them again.
CREATE TABLE search_entries (
    id              INTEGER PRIMARY KEY,
    version         INTEGER NOT NULL,
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    sender_id       BLOB NOT NULL,
    timestamp       INTEGER NOT NULL,
    words           TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX search_entries_by_message ON search_entries (version, conversation_id, seq);

-- It cuts at spaces alone, because characters beyond ASCII are letters to it.
CREATE VIRTUAL TABLE search_words USING fts5 (words, content='', columnsize=0, tokenize='ascii');
-- Words that are deleted leave the pages at once. Otherwise they would stay until pages are merged.
INSERT INTO search_words (search_words, rank) VALUES ('secure-delete', 1);

-- Version 22: users react to messages.

CREATE TABLE reactions (
    conversation_id BLOB NOT NULL,
    message_seq     INTEGER NOT NULL,
    emoji           TEXT NOT NULL,
    user_id         BLOB NOT NULL,
    PRIMARY KEY (conversation_id, message_seq, emoji, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE unswept_reactions (
    conversation_id BLOB NOT NULL,
    message_seq     INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, message_seq)
) STRICT, WITHOUT ROWID;

ALTER TABLE messages ADD COLUMN reactions TEXT;

-- Version 23: messages are pinned.

CREATE TABLE pins (
    conversation_id BLOB NOT NULL,
    message_seq     INTEGER NOT NULL,
    user_id         BLOB NOT NULL,
    pinned_at       INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, message_seq)
) STRICT, WITHOUT ROWID;

ALTER TABLE messages ADD COLUMN pinned_at INTEGER;

-- Version 24: the index of messages takes a third of the room and of the work. It is built anew.

-- The entries of one millisecond, in the form of sqlite/search_moment.rs.
CREATE TABLE search_moments (
    milli   INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;

DROP TABLE search_entries;
INSERT INTO search_words (search_words) VALUES ('delete-all');
DELETE FROM search_cursors;
UPDATE search_versions SET is_complete = 0;

-- Version 25: members choose what they are notified of in a conversation, and users when they are not.

ALTER TABLE members ADD COLUMN notify_level TEXT;
ALTER TABLE members ADD COLUMN notify_until INTEGER;
ALTER TABLE user_settings ADD COLUMN do_not_disturb_until INTEGER;

-- Version 26: messages mention users.

CREATE TABLE mentions (
    conversation_id BLOB NOT NULL,
    user_id         BLOB NOT NULL,
    message_seq     INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id, message_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE mentions_of_all (
    conversation_id BLOB NOT NULL,
    message_seq     INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, message_seq)
) STRICT, WITHOUT ROWID;

ALTER TABLE messages ADD COLUMN mentions TEXT;

-- Version 27: users save messages.

CREATE TABLE saved_messages (
    user_id         BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    message_id      BLOB NOT NULL,
    saved_at        INTEGER NOT NULL,
    PRIMARY KEY (user_id, conversation_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX saved_messages_by_time ON saved_messages (user_id, saved_at, conversation_id, message_id);
CREATE INDEX saved_messages_by_conversation ON saved_messages (conversation_id);

-- Version 28: nodes know each other. SQLite has one server at a time.

-- Version 29: nodes find changes of blocks that the bus lost.

ALTER TABLE users ADD COLUMN blocks_version INTEGER NOT NULL DEFAULT 0;

-- Version 30: PostgreSQL does not take a conversation for a single message. SQLite chooses the index with more columns.
