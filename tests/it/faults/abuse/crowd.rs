//! The same attacks among many users, messages and groups, on SQLite, whose readers share a disk and two cores with its writer.

use hyper::Method;
use rusqlite::{Connection, params};
use serde_json::json;
use uuid::Uuid;

use super::{Fixture, try_request};
use crate::support::client::{Conversation, TestUser};
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;
use crate::support::socket::Socket;

/// Users, messages of one conversation, and groups of [`MEMBERS`] with the same people: in the suite, and in `make faults`.
const USERS: [usize; 2] = [3_000, 300_000];
const MESSAGES: [usize; 2] = [10_000, 1_000_000];
const GROUPS: [usize; 2] = [100, 4_000];
const MEMBERS: i64 = 200;

/// Numbered rows, with ids in their order. `$kind` tells ids of different tables apart.
macro_rules! numbered {
    ($kind:literal, $insert:literal) => {
        concat!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1), ",
            "rows(i, id) AS (SELECT i, unhex(printf('019000000000700080",
            $kind,
            "%012x', i)) FROM n) ",
            $insert
        )
    };
}

const INSERT_USERS: &str = numbered!(
    "01",
    "INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at, words_name, words_version)
     SELECT id, printf('u%06d', i), printf('u%06d', i), 'Many n' || i, 'many n' || i, '!', 0, 'Many n' || i, 9223372036854775807
     FROM rows"
);
const INSERT_WORDS: &str = "INSERT INTO user_words (word, user_id)
     SELECT word, id FROM (SELECT id, username_key AS word FROM users UNION ALL SELECT id, 'many' FROM users
         UNION ALL SELECT id, substr(name_key, 6) FROM users) WHERE id IN (SELECT id FROM users WHERE words_version = 9223372036854775807)";
const INSERT_MESSAGES: &str = numbered!(
    "02",
    "INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp)
     SELECT ?2, i, id, ?3, 'Message ' || i || ' of some length, as people write them to each other.', i FROM rows"
);
const INSERT_CONVERSATIONS: &str = numbered!(
    "03",
    "INSERT INTO conversations (id, type, name, creator_id, created_at) SELECT id, 'group', 'Group ' || i, ?2, i FROM rows"
);
const INSERT_COUNTERS: &str = "INSERT INTO counters (conversation_id, last_seq, member_count, active_at)
     SELECT id, 0, ?1, created_at FROM conversations WHERE name LIKE 'Group %'";
const INSERT_MEMBERS: &str = "INSERT INTO members (conversation_id, user_id, role, joined_at)
     SELECT c.id, u.id, 'member', 0 FROM conversations c, (SELECT id FROM users WHERE username_key LIKE 'u0%' ORDER BY id LIMIT ?1 - 1) u
     WHERE c.name LIKE 'Group %' ORDER BY 1, 2";
const INSERT_OWNERS: &str = "INSERT INTO members (conversation_id, user_id, role, joined_at)
     SELECT id, creator_id, 'owner', 0 FROM conversations WHERE name LIKE 'Group %'";

/// Fills the database of a node that does not run.
fn fill(fixture: &Fixture, own: &Conversation, run: &FaultRun) {
    let size = |[suite, full]: [usize; 2]| i64::try_from(run.full_size(suite, full)).unwrap();
    let id = |text: &str| Uuid::parse_str(text).unwrap();
    let (mallory, own) = (id(&fixture.mallory.id), id(&own.id));
    let mut db = Connection::open(fixture.node.data().join("chinwag.db")).unwrap();
    db.pragma_update(None, "cache_size", -256 * 1024).unwrap();
    let all = db.transaction().unwrap();
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| all.execute(sql, params).unwrap();
    run(INSERT_USERS, params![size(USERS)]);
    run(INSERT_WORDS, params![]);
    run(INSERT_MESSAGES, params![size(MESSAGES), own, mallory]);
    run("UPDATE counters SET last_seq = ?1 WHERE conversation_id = ?2", params![size(MESSAGES), own]);
    run(INSERT_CONVERSATIONS, params![size(GROUPS), mallory]);
    run(INSERT_COUNTERS, params![MEMBERS]);
    run(INSERT_MEMBERS, params![MEMBERS]);
    run(INSERT_OWNERS, params![]);
    all.commit().unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_user_among_many() {
    let run = FaultRun::new("one_user_among_many");
    let mut fixture = Fixture::set(StoreKind::Sqlite).await;
    let own = fixture.mallory.group("Monologue", &[]).await;
    fixture.node.kill().await;
    fill(&fixture, &own, &run);
    fixture.node.start().await;

    fixture.withstand("begins_with_many_groups", 40, own.clone(), |mallory, _, _| Box::pin(begin(mallory))).await;
    fixture
        .withstand("searches_of_many_users", 30, own.clone(), |mallory, _, number| {
            Box::pin(async move {
                for q in ["nobody", "n1%20n2", "many%20n", "@u"] {
                    try_request(&mallory, Method::GET, &format!("/v1/users?limit=200&q={q}{number}"), None).await;
                }
            })
        })
        .await;
    fixture
        .withstand("pages_of_many_messages", 60, own.clone(), |mallory, own, number| {
            Box::pin(async move {
                let before = 1 + (number * 7_919) % MESSAGES[0];
                let page = format!("{}?limit=200&before_seq={before}", own.messages);
                try_request(&mallory, Method::GET, &page, None).await;
                try_request(&mallory, Method::GET, "/v1/conversations?limit=200", None).await;
            })
        })
        .await;
    fixture
        .withstand("the_deletion_of_many_messages", 4, own, |mallory, own, _| {
            Box::pin(async move {
                try_request(&mallory, Method::DELETE, &own.path, None).await;
                try_request(&mallory, Method::PATCH, "/v1/users/me", Some(&json!({"name": "M"}))).await;
            })
        })
        .await;
}

/// Opens a connection to all conversations, and closes it after `hello`.
async fn begin(mallory: TestUser) {
    let bearer = format!("Bearer {}", mallory.token);
    if let Ok(mut socket) = Socket::open(mallory.address, "/ws", &[("authorization", &bearer)]).await {
        socket.first().await;
    }
}
