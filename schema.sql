-- Chinwag's tables in PostgreSQL. (SQLite's are in src/store/sqlite/schema.sql, as close as they can be.)
-- Ids and times are made by the application. Keys that are compared without case are kept folded, by bytes (COLLATE "C").
--
-- Each version stands in a section of its own, which is applied once and never changed; src/store/migrations.rs says when.

-- Version 1

CREATE TABLE users (
    id                 uuid PRIMARY KEY,
    username           text NOT NULL,
    username_key       text COLLATE "C" NOT NULL UNIQUE,
    name               text NOT NULL,
    name_key           text COLLATE "C" NOT NULL,
    password_hash      text NOT NULL,
    -- Raised in the transaction that changes where the user belongs, so that a lost "you were added" is found.
    membership_version bigint NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL,
    last_seen_at       timestamptz
);
CREATE INDEX users_by_name ON users (name_key);

-- A login. Refresh tokens are numbered and signed, so that no secret of theirs is kept here: only the newest number.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    generation bigint NOT NULL,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE conversations (
    id         uuid PRIMARY KEY,
    type       text NOT NULL CHECK (type IN ('direct', 'group')),
    name       text,
    creator_id uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    -- "low:high" of the two ids of a direct conversation, NULL for a group.
    direct_key text COLLATE "C" UNIQUE
);

-- The counter of each conversation: the row that every numbered write locks. Narrow, with room for HOT updates.
CREATE TABLE counters (
    conversation_id uuid PRIMARY KEY REFERENCES conversations ON DELETE CASCADE,
    last_seq        bigint NOT NULL DEFAULT 0,
    member_count    bigint NOT NULL,
    active_at       timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE members (
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    user_id         uuid NOT NULL REFERENCES users,
    role            text NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    joined_at       timestamptz NOT NULL,
    delivered_seq   bigint NOT NULL DEFAULT 0,
    read_seq        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation_id, user_id)
) WITH (fillfactor = 80);
CREATE INDEX members_by_user ON members (user_id);

-- No foreign keys: whoever inserts holds the counter's lock and has read the sender's membership under it, which is
-- more than a foreign key would check, and deleting a conversation deletes its messages under the same lock.
CREATE TABLE messages (
    conversation_id uuid NOT NULL,
    seq             bigint NOT NULL,
    id              uuid NOT NULL,
    sender_id       uuid NOT NULL,
    content         text NOT NULL,
    reply_to        uuid,
    timestamp       timestamptz NOT NULL,
    -- What a system message notes; NULL for a text.
    note_kind       text,
    note_user_id    uuid,
    note_value      text,
    PRIMARY KEY (conversation_id, seq),
    UNIQUE (conversation_id, id)
);

-- Version 2: messages can be edited and deleted, and it is known by which event somebody came in.

ALTER TABLE messages ADD COLUMN edited_at timestamptz;
-- A tombstone: its number stays, its text is gone.
ALTER TABLE messages ADD COLUMN deleted_at timestamptz;

-- The number of the event by which they came in; 0 if they were there from the beginning.
ALTER TABLE members ADD COLUMN joined_seq bigint NOT NULL DEFAULT 0;

-- What happened to messages after they were written: numbered by the same counter, so that both tables together have every number
-- of a conversation once. A change says what happened to which message; how that message is now stands in its own row.
CREATE TABLE changes (
    conversation_id uuid NOT NULL,
    seq             bigint NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('message.updated', 'message.deleted')),
    message_seq     bigint NOT NULL,
    PRIMARY KEY (conversation_id, seq)
);

-- Version 3: tickets to open a WebSocket with.

-- Those that are given and not yet used; using one deletes it. They are good for half a minute.
CREATE TABLE tickets (
    id               uuid PRIMARY KEY,
    user_id          uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    session_id       uuid NOT NULL,
    -- Until when the access token is good that asked for it.
    token_expires_at timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL
);
CREATE INDEX tickets_by_user ON tickets (user_id);
CREATE INDEX tickets_by_expiry ON tickets (expires_at);

-- Version 4: SQLite's index of ids; nothing here, where the order of its columns was measured to make no difference.

-- Version 5: events of any kind, about a message or not; and further fields of messages.

-- Locked in the order of the nodes that serve meanwhile, or each would wait for the other: writers lock a counter first, and a replay
-- locks messages before changes.
LOCK TABLE counters IN EXCLUSIVE MODE;
-- Public fields that few messages have, a JSON object. Nodes that do not know a field pass it on.
ALTER TABLE messages ADD COLUMN extra text;
ALTER TABLE changes DROP CONSTRAINT changes_kind_check;
ALTER TABLE changes ALTER COLUMN message_seq DROP NOT NULL;
-- The frame's public fields besides the message, a JSON object. Nodes that do not know the kind pass them on.
ALTER TABLE changes ADD COLUMN payload text;

-- Version 6: the words of names and usernames, by which users are found.

-- The name and the version of the rules that the user's words were made of. Both are NULL as long as they have none.
ALTER TABLE users ADD COLUMN words_name text;
ALTER TABLE users ADD COLUMN words_version bigint;
-- Finds words that have to be made again: a node of an earlier version changes names, and leaves words behind.
CREATE INDEX users_by_words_version ON users ((CASE WHEN words_name = name THEN words_version ELSE 0 END));

CREATE TABLE user_words (
    -- Folded: without case and accents.
    word    text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (word, user_id)
);
CREATE INDEX user_words_by_user ON user_words (user_id);

-- Version 7: conversations are deleted in steps.

-- Deleted conversations. Their ids are never used again, and as long as they are not swept they have messages.
CREATE TABLE deleted_conversations (
    conversation_id uuid PRIMARY KEY,
    is_swept        boolean NOT NULL DEFAULT false
);
CREATE INDEX deleted_conversations_to_sweep ON deleted_conversations (conversation_id) WHERE NOT is_swept;

-- Version 8: the operator decides who may register.

-- Settings that an operator changes while servers run. They override each server's configuration.
CREATE TABLE settings (
    name  text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- The code of an invitation is a secret, so only its hash is kept.
CREATE TABLE invites (
    code_hash  text COLLATE "C" PRIMARY KEY,
    uses_left  bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX invites_by_expiry ON invites (expires_at);

-- Version 9: operators. They disable users, and sessions end beside a running server.

ALTER TABLE users ADD COLUMN is_admin boolean NOT NULL DEFAULT false;
-- The password hash of a disabled user begins with "!", as in /etc/shadow, so that nodes of an older version refuse the user as well.
ALTER TABLE users ADD COLUMN disabled_at timestamptz;

-- Every node looks every few seconds for sessions that ended elsewhere.
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- Version 10: users see where they are logged in, and expired sessions are deleted.

ALTER TABLE sessions ADD COLUMN user_agent text;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Version 11: accounts can be deleted.

-- The row of a deleted user stays, without personal data, because messages name their sender.
ALTER TABLE users ADD COLUMN deleted_at timestamptz;

-- Hashes of the folded usernames of deleted users, which nobody gets again.
CREATE TABLE retired_usernames (
    key_hash text COLLATE "C" PRIMARY KEY
);

-- Deleted users who may still be in groups. A node takes them out, with an event for each.
CREATE TABLE departures (
    user_id    uuid PRIMARY KEY REFERENCES users,
    created_at timestamptz NOT NULL
);

-- Version 12: members report messages, and operators remove them.

-- A report has a copy of the text, because operators read no conversations and the sender can change the message. So a report outlives the
-- message and the conversation, and has no foreign key to them.
CREATE TABLE reports (
    id              uuid PRIMARY KEY,
    reporter_id     uuid NOT NULL REFERENCES users,
    conversation_id uuid NOT NULL,
    message_id      uuid NOT NULL,
    sender_id       uuid NOT NULL REFERENCES users,
    content         text NOT NULL,
    sent_at         timestamptz NOT NULL,
    reason          text,
    created_at      timestamptz NOT NULL,
    settled_at      timestamptz,
    resolution      text,
    UNIQUE (reporter_id, conversation_id, message_id)
);
CREATE INDEX reports_open ON reports (id) WHERE settled_at IS NULL;
CREATE INDEX reports_by_message ON reports (conversation_id, message_id);
CREATE INDEX reports_by_settlement ON reports (settled_at) WHERE settled_at IS NOT NULL;

-- Messages that operators removed lately. Every node looks every few seconds for those that it has not delivered.
CREATE TABLE removals (
    conversation_id uuid NOT NULL,
    message_id      uuid NOT NULL,
    removed_at      timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, message_id)
);
CREATE INDEX removals_by_time ON removals (removed_at);

-- Groups that everybody has left are swept. No other update of a counter touches the column, so that updates stay in their page.
CREATE INDEX counters_without_members ON counters (conversation_id) WHERE member_count = 0;

-- Version 13: guesses of a password are limited over all addresses, except in networks where the user has logged in.

-- The network is a keyed hash of it and of the user, so that it says nothing to whoever has the database alone.
CREATE TABLE known_networks (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    network bigint NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, network)
);
CREATE INDEX known_networks_by_use ON known_networks (used_at);

-- Version 14: users decide who may begin a conversation with them.

-- Whom a user added to a conversation, or began a direct one with. A user who answers in a direct conversation has its maker as a contact
-- too, which is read from its messages, so that sends write nothing here. No foreign keys: who inserts holds the locks of both users.
CREATE TABLE contacts (
    user_id    uuid NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (user_id, contact_id)
);
CREATE INDEX contacts_by_contact ON contacts (contact_id);

-- Who left a group by themselves and is no member now. Only their contacts can add them again.
CREATE TABLE leavers (
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    user_id         uuid NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);
CREATE INDEX leavers_by_user ON leavers (user_id);

-- Who created a conversation has its first members as contacts, and who added a member later has that member.
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

-- Last, because it keeps other nodes from reading users.
ALTER TABLE users ADD COLUMN contact_from text NOT NULL DEFAULT 'everyone' CHECK (contact_from IN ('everyone', 'contacts', 'nobody'));

-- Version 15: users block each other.

CREATE TABLE blocks (
    user_id    uuid NOT NULL REFERENCES users,
    blocked_id uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
);
CREATE INDEX blocks_by_blocked ON blocks (blocked_id, user_id);

-- True for both members of a direct conversation while one of them blocks the other. A send reads its sender's row anyway, so it reads
-- nothing more to be refused.
ALTER TABLE members ADD COLUMN is_blocked boolean NOT NULL DEFAULT false;

-- Version 16: a connection hears all of its user's conversations, which are read in pages; and users have quotas.

CREATE INDEX members_by_user_and_conversation ON members (user_id, conversation_id);
DROP INDEX members_by_user;

-- Users have quotas of the conversations that they make, which are counted when they make one.
CREATE INDEX conversations_by_creator ON conversations (creator_id);
-- NULL for the default. Last, because it keeps other nodes from reading users.
ALTER TABLE users ADD COLUMN conversations_max bigint, ADD COLUMN new_a_day_max bigint,
    -- A day of UTC, counted from 1970, and the conversations begun on it in which no other member had the user as a contact.
    ADD COLUMN new_day bigint, ADD COLUMN new_that_day bigint NOT NULL DEFAULT 0;

-- Version 17: the notes of who left a group are deleted in steps, as its messages are, and not with the group.

-- Locked first, as by all who delete a group, or each would wait for the other.
LOCK TABLE counters IN EXCLUSIVE MODE;
ALTER TABLE leavers DROP CONSTRAINT leavers_conversation_id_fkey;

-- Version 18: members mark messages as unread.

-- The messages from this number on count as unread for the member alone, NULL for none. The member's next read takes it away.
ALTER TABLE members ADD COLUMN unread_from_seq bigint;

-- Version 19: users switch read receipts off.

-- Users whose settings differ from the defaults, or did. Few rows, so that it costs little to look for those of all members of a conversation.
-- (users.contact_from is older.) The row of a deleted user stays, or what they kept to themselves would be shown.
CREATE TABLE user_settings (
    user_id       uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    send_receipts boolean NOT NULL DEFAULT true
);

-- Version 20: users keep to themselves when they were last seen.

-- The time of a user for whom this is false is not written.
ALTER TABLE user_settings ADD COLUMN show_last_seen boolean NOT NULL DEFAULT true;

-- Version 21: messages are found by their words, which a node indexes a moment after their commit.

-- Each version of the tokenizer has an index of its own, so that a new one is built beside the old one.
CREATE TABLE search_versions (
    version     bigint PRIMARY KEY,
    is_complete boolean NOT NULL,
    used_at     timestamptz NOT NULL
);

-- The number up to which a conversation is indexed. No foreign key: a row that outlives its conversation says that entries are left to delete.
CREATE TABLE search_cursors (
    version         bigint NOT NULL,
    conversation_id uuid NOT NULL,
    seq             bigint NOT NULL,
    PRIMARY KEY (version, conversation_id)
);

-- The words of a message, with their places, and a word for its conversation and one for its sender. Its time stands here for the order.
CREATE TABLE search_entries (
    version         bigint NOT NULL,
    conversation_id uuid NOT NULL,
    seq             bigint NOT NULL,
    timestamp       timestamptz NOT NULL,
    words           tsvector NOT NULL,
    PRIMARY KEY (version, conversation_id, seq)
);
CREATE INDEX search_entries_by_time ON search_entries (version, timestamp, conversation_id, seq);
-- A list of pending entries would be searched word by word, and a write would suddenly take seconds when it is full.
CREATE INDEX search_entries_by_word ON search_entries USING gin (words) WITH (fastupdate = off);

-- Version 22: users react to messages.

-- Emoji before user, so that all who reacted with one are found in order. No foreign keys: who inserts holds the counter's lock.
CREATE TABLE reactions (
    conversation_id uuid NOT NULL,
    message_seq     bigint NOT NULL,
    emoji           text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL,
    PRIMARY KEY (conversation_id, message_seq, emoji, user_id)
);

-- Deleted messages whose reactions are still to be deleted, in steps, because they may be many.
CREATE TABLE unswept_reactions (
    conversation_id uuid NOT NULL,
    message_seq     bigint NOT NULL,
    PRIMARY KEY (conversation_id, message_seq)
);

-- Each emoji and its count, for readers, who would have to count the rows. NULL for the most messages, which have none.
ALTER TABLE messages ADD COLUMN reactions text;

-- Version 23: messages are pinned.

-- No foreign keys: who inserts holds the counter's lock.
CREATE TABLE pins (
    conversation_id uuid NOT NULL,
    message_seq     bigint NOT NULL,
    user_id         uuid NOT NULL,
    pinned_at       timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, message_seq)
);

-- Beside the message too, for its readers.
ALTER TABLE messages ADD COLUMN pinned_at timestamptz;

-- Version 24: SQLite keeps the index of messages in a smaller form.

-- Version 25: members choose what they are notified of in a conversation, and users when they are not.

-- The level until a time, after which it is `all` again. NULL for `all`, and for no end.
ALTER TABLE members ADD COLUMN notify_level text;
ALTER TABLE members ADD COLUMN notify_until timestamptz;
-- The time until which the user's clients show no notifications.
ALTER TABLE user_settings ADD COLUMN do_not_disturb_until timestamptz;

-- Version 26: messages mention users.

-- The mentions of a new message, which are counted as long as they are unread. No foreign keys: who inserts holds the counter's lock.
CREATE TABLE mentions (
    conversation_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    message_seq     bigint NOT NULL,
    PRIMARY KEY (conversation_id, user_id, message_seq)
);

-- The messages that mention all members: one row, and not one for each of thousands.
CREATE TABLE mentions_of_all (
    conversation_id uuid NOT NULL,
    message_seq     bigint NOT NULL,
    PRIMARY KEY (conversation_id, message_seq)
);

-- The mentions of the text as it is now, for its readers. NULL for the most messages, which mention nobody.
ALTER TABLE messages ADD COLUMN mentions text;

-- Version 27: users save messages.

-- No foreign keys: rows are deleted in steps after their conversation or user, because they may be many.
CREATE TABLE saved_messages (
    user_id         uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id      uuid NOT NULL,
    saved_at        timestamptz NOT NULL,
    PRIMARY KEY (user_id, conversation_id, message_id)
);
CREATE INDEX saved_messages_by_time ON saved_messages (user_id, saved_at, conversation_id, message_id);
CREATE INDEX saved_messages_by_conversation ON saved_messages (conversation_id);

-- Version 28: nodes know each other.

-- One row, which all nodes share. Packets between nodes carry the id. Over NATS, conversations and users are spread over this number of shards.
CREATE TABLE cluster (
    is_only     boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    id          uuid NOT NULL,
    shard_count integer NOT NULL
);

-- The nodes that run, each for one life of its process. A node is alive until its lease ends, by this database's clock.
CREATE TABLE nodes (
    incarnation uuid PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    leased_to   timestamptz NOT NULL
);

-- Version 29: nodes find changes of blocks that the bus lost.

-- Counts the changes by which a block hides this user's presence and that of another user from each other, or shows it again. Last, because it keeps
-- other nodes from reading users.
ALTER TABLE users ADD COLUMN blocks_version bigint NOT NULL DEFAULT 0;

-- Version 30: PostgreSQL does not take a conversation for a single message.

-- A message is found by its id in an index of its own. While most conversations have one message, the one by numbers looks as good to PostgreSQL, and then
-- it reads the whole conversation for each message that is sent. So it plans as if a conversation had a hundred. Citus refuses the setting.
DO $$ BEGIN
    ALTER TABLE messages ALTER COLUMN conversation_id SET (n_distinct = -0.01);
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
