//! Fills the database of a node that does not run: over REST it would take days.

use crate::support::client::{Conversation, TestUser};
use crate::support::node::Node;
use crate::support::postgres::connect;
use crate::support::server::StoreKind;

/// Users, messages of the attacker's conversation, and groups of so many members, who are the same in each.
pub(super) struct Sizes {
    pub(super) users: usize,
    pub(super) messages: usize,
    pub(super) groups: usize,
    pub(super) members: usize,
}

impl StoreKind {
    /// Numbered rows with ids in their order. `table` tells ids of different tables apart.
    fn rows(self, table: u8, count: usize) -> String {
        match self {
            Self::Sqlite => format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}),
                 rows(i, id) AS (SELECT i, unhex(printf('0190000000007000800{table}%012x', i)) FROM n)"
            ),
            Self::Postgres => format!(
                "WITH rows(i, id) AS (SELECT i, ('01900000-0000-7000-800{table}-' || lpad(to_hex(i), 12, '0'))::uuid
                 FROM generate_series(1::bigint, {count}) i)"
            ),
        }
    }

    fn id(self, id: &str) -> String {
        match self {
            Self::Sqlite => format!("x'{}'", id.replace('-', "")),
            Self::Postgres => format!("'{id}'::uuid"),
        }
    }

    /// The time so many seconds after 1970.
    fn time(self, seconds: &str) -> String {
        match self {
            Self::Sqlite => format!("{seconds} * 1000000"),
            Self::Postgres => format!("to_timestamp({seconds})"),
        }
    }

    /// The statements that fill the database.
    fn statements(self, mallory: &TestUser, own: &Conversation, sizes: &Sizes) -> [String; 8] {
        let Sizes { users, messages, groups, members } = *sizes;
        let (mallory, own, start) = (self.id(&mallory.id), self.id(&own.id), self.time("0"));
        let username = "'u' || substr(CAST(1000000 + i AS text), 2)";
        [
            format!(
                "{} INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at, words_name, words_version)
                 SELECT id, {username}, {username}, 'Many n' || i, 'many n' || i, '!', {start}, 'Many n' || i, 9223372036854775807 FROM rows",
                self.rows(1, users)
            ),
            "INSERT INTO user_words (word, user_id)
                 SELECT word, id FROM (SELECT id, words_version, username_key AS word FROM users
                     UNION ALL SELECT id, words_version, 'many' FROM users
                     UNION ALL SELECT id, words_version, substr(name_key, 6) FROM users) w WHERE words_version = 9223372036854775807"
                .to_owned(),
            format!(
                "{} INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp)
                 SELECT {own}, i, id, {mallory}, 'Message ' || i || ' of some length, as people write them to each other.', {} FROM rows",
                self.rows(2, messages),
                self.time("i")
            ),
            format!("UPDATE counters SET last_seq = {messages} WHERE conversation_id = {own}"),
            format!(
                "{} INSERT INTO conversations (id, type, name, creator_id, created_at)
                 SELECT id, 'group', 'Group ' || i, {mallory}, {} FROM rows",
                self.rows(3, groups),
                self.time("i")
            ),
            format!(
                "INSERT INTO counters (conversation_id, last_seq, member_count, active_at)
                 SELECT id, 0, {members}, created_at FROM conversations WHERE name LIKE 'Group %'"
            ),
            format!(
                "INSERT INTO members (conversation_id, user_id, role, joined_at) SELECT c.id, u.id, 'member', {start}
                 FROM conversations c, (SELECT id FROM users WHERE username_key LIKE 'u0%' ORDER BY id LIMIT {members} - 1) u
                 WHERE c.name LIKE 'Group %' ORDER BY 1, 2"
            ),
            format!(
                "INSERT INTO members (conversation_id, user_id, role, joined_at)
                 SELECT id, creator_id, 'owner', {start} FROM conversations WHERE name LIKE 'Group %'"
            ),
        ]
    }
}

/// Fills the database of a node.
pub(super) async fn fill(node: &Node, store: StoreKind, mallory: &TestUser, own: &Conversation, sizes: &Sizes) {
    let all = store.statements(mallory, own, sizes).join(";\n");
    match store {
        StoreKind::Sqlite => {
            let db = rusqlite::Connection::open(node.data().join("chinwag.db")).unwrap();
            db.pragma_update(None, "cache_size", -256 * 1024).unwrap();
            db.execute_batch(&format!("BEGIN; {all}; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
        }
        StoreKind::Postgres => {
            let url = node.arguments.iter().skip_while(|argument| *argument != "--database-url").nth(1);
            let client = connect(url.expect("the node has a database")).await;
            client.batch_execute(&format!("BEGIN; {all}; COMMIT")).await.unwrap();
            // As the server does by itself when a table has grown.
            client.batch_execute("VACUUM ANALYZE").await.unwrap();
        }
    }
}
