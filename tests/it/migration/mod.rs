//! A database of an older server still gives the same responses.
//!
//! `fixtures/schema-4.db` (SQLite), `schema-4.sql` (PostgreSQL) and `schema-4.json` (the responses of that server) were made by the
//! server of schema 4 itself. They are never changed. Fixtures of a later schema are made by [`story`] with
//!
//! ```sh
//! cargo nextest run --locked --run-ignored only -E 'test(/^migration::story/)'
//! ```
//!
//! which leaves them in `target/tmp/fixtures`; `CHINWAG_BIN` names another server to make them with.

mod answers;
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::client::{Conversation, post};
use crate::support::postgres::{connect, database};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};
use answers::{answers, same_story};
use chinwag::limits::QUERY_TIMEOUT;

on_each_store! {
    a_database_of_schema_4_gives_the_same_answers,
    a_database_of_schema_4_goes_on_without_a_gap,
    users_of_schema_4_are_found_by_every_word,
    users_of_schema_4_have_those_as_contacts_whom_they_added,
    sessions_and_tickets_of_schema_4_are_still_good,
}

/// The secret of the servers that wrote the fixtures. Without it, their tokens and tickets are invalid.
const SECRET: &str = "the secret of the servers that wrote the fixtures";

/// The store's key in the golden file.
fn name(store: StoreKind) -> &'static str {
    match store {
        StoreKind::Sqlite => "sqlite",
        StoreKind::Postgres => "postgres",
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures").join(name)
}

/// Returns a store's part of the golden file: `answers`, and `given`, the tokens and tickets that clients still have.
fn golden(store: StoreKind) -> Value {
    let mut golden: Value = serde_json::from_slice(&fs::read(fixture("schema-4.json")).unwrap()).unwrap();
    golden[name(store)].take()
}

/// Starts a server on a copy of the fixture of schema 4.
async fn server(store: StoreKind) -> (Server, TempDir) {
    let data = tempfile::tempdir().unwrap();
    let url = match store {
        StoreKind::Sqlite => {
            let file = data.path().join("chinwag.db");
            fs::copy(fixture("schema-4.db"), &file).unwrap();
            format!("sqlite:{}", file.display())
        }
        StoreKind::Postgres => {
            let url = database().await;
            let dump = fs::read_to_string(fixture("schema-4.sql")).unwrap();
            connect(&url).await.batch_execute(&dump).await.unwrap();
            url
        }
    };
    let server = Server::with(&["--database-url", &url, "--jwt-secret", SECRET, "--rate-limits", "off"]).await;
    (server, data)
}

async fn a_database_of_schema_4_gives_the_same_answers(store: StoreKind) {
    let (server, _data) = server(store).await;
    let (given, golden) = (answers(server.address).await, golden(store));
    let expected = golden["answers"].as_object().unwrap();
    for (question, answer) in expected {
        assert_eq!(given.get(question), Some(answer), "{question}");
    }
    assert_eq!(given.len(), expected.len(), "{:?}", given.keys());
}

#[test]
fn the_fixtures_of_both_stores_hold_the_same_story() {
    let [sqlite, postgres] =
        [StoreKind::Sqlite, StoreKind::Postgres].map(|store| same_story(&golden(store)["answers"]));
    assert_eq!(sqlite, postgres);
}

/// Waits until this many sessions wait for locks of tables or rows in the database.
pub(crate) async fn sessions_wait(observer: &Client, sessions: i64) {
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let all = async {
        while observer.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < sessions {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TEST_TIMEOUT, all).await.unwrap_or_else(|_| panic!("fewer than {sessions} sessions wait"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_waits_for_nodes_that_serve_and_they_for_it_but_never_both() {
    let url = database().await;
    let client = connect(&url).await;
    client.batch_execute(&fs::read_to_string(fixture("schema-4.sql")).unwrap()).await.unwrap();
    // A node is about to commit a change.
    client.batch_execute("BEGIN; LOCK TABLE changes IN ACCESS SHARE MODE").await.unwrap();
    let observer = connect(&url).await;
    let migrating = url.clone();
    let migrated = tokio::spawn(async move { Server::with(&["--database-url", &migrating]).await });
    sessions_wait(&observer, 1).await;
    // Meanwhile a node replays a conversation, and another deletes one.
    let nodes = [
        "SELECT count(*) FROM messages m FULL JOIN changes c USING (conversation_id, seq)",
        "BEGIN; SELECT 1 FROM counters ORDER BY conversation_id LIMIT 1 FOR UPDATE; DELETE FROM changes; DELETE FROM messages; ROLLBACK",
    ]
    .map(|statements| {
        let url = url.clone();
        tokio::spawn(async move { connect(&url).await.batch_execute(statements).await })
    });
    sessions_wait(&observer, 3).await;
    client.batch_execute("COMMIT").await.unwrap();
    for node in nodes {
        node.await.unwrap().unwrap();
    }
    migrated.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_behind_a_backup_lets_writes_pass_and_is_tried_again() {
    let url = database().await;
    let backup = connect(&url).await;
    backup.batch_execute(&fs::read_to_string(fixture("schema-4.sql")).unwrap()).await.unwrap();
    backup.batch_execute("BEGIN; LOCK TABLE messages, changes IN ACCESS SHARE MODE").await.unwrap();
    let observer = connect(&url).await;
    let migrating = url.clone();
    let migrated = tokio::spawn(async move { Server::with(&["--database-url", &migrating]).await });
    sessions_wait(&observer, 1).await;
    // A node that serves meanwhile gives each statement this time.
    let node = connect(&url).await;
    let bound = QUERY_TIMEOUT.as_millis();
    node.batch_execute(&format!("SET statement_timeout = {bound}")).await.unwrap();
    let write = "LOCK TABLE messages, changes IN ROW EXCLUSIVE MODE";
    for _ in 0..2 {
        node.batch_execute(&format!("BEGIN; {write}; ROLLBACK")).await.unwrap();
        sessions_wait(&observer, 1).await;
    }
    assert!(!migrated.is_finished());
    backup.batch_execute("COMMIT").await.unwrap();
    migrated.await.unwrap();
}

async fn a_database_of_schema_4_goes_on_without_a_gap(store: StoreKind) {
    let (server, _data) = server(store).await;
    let grace = story::login(server.address, "grace").await;
    let listed = grace.get("/v1/conversations").await.expect(200).json();
    let listed = listed["items"].as_array().unwrap();
    let supper = listed.iter().find(|conversation| conversation["name"] == story::GROUP).unwrap();
    let (room, last_seq) = (Conversation::from(supper), supper["last_seq"].as_i64().unwrap());
    assert!(last_seq > 20, "{last_seq}");
    let mut socket = grace.connect(&format!("{}?after_seq=0", room.socket)).await;
    let (replayed, _) = socket.until("resumed").await;
    let numbers: Vec<i64> = replayed.iter().filter_map(|frame| frame["seq"].as_i64()).collect();
    assert_eq!(numbers, (1..=last_seq).collect::<Vec<_>>());

    // A retry of an earlier send is still a retry.
    let before = grace.get(&format!("{}?after_seq=0", room.messages)).await.expect(200).json();
    let own = |message: &&Value| message["sender_id"] == grace.id && message["type"] == "text";
    let old = before["items"].as_array().unwrap().iter().rfind(own).unwrap();
    let retry = json!({"id": old["id"], "content": "whatever it says now"});
    assert_eq!(grace.post(&room.messages, &retry).await.expect(200).json(), *old);

    let sent = grace.send(&room, "still here").await;
    let path = format!("{}/{}", room.messages, sent["id"].as_str().unwrap());
    grace.patch(&path, &json!({"content": "still here, edited"})).await.expect(200);
    grace.delete(&path).await.expect(204);
    let old_path = format!("{}/{}", room.messages, old["id"].as_str().unwrap());
    grace.patch(&old_path, &json!({"content": "edited by a later version"})).await.expect(200);
    grace.patch(&room.path, &json!({"name": "Breakfast"})).await.expect(200);
    let lin = story::login(server.address, "lin").await;
    grace.post(&room.members, &json!({"user_id": lin.id, "role": "admin"})).await.expect(201);
    let reply = json!({"id": Uuid::now_v7(), "content": "and an answer", "reply_to": old["id"]});
    lin.post(&room.messages, &reply).await.expect(201);

    let expected = [
        "message.new",
        "message.updated",
        "message.deleted",
        "message.updated",
        "conversation.updated",
        "member.added",
        "message.new",
    ];
    assert_eq!(numbered(&mut socket, expected.len()).await, (last_seq + 1..).zip(expected).collect::<Vec<_>>());
    let replayed = format!("{}?after_seq={last_seq}", room.socket);
    let mut later = lin.connect(&replayed).await;
    assert_eq!(later.next_seqs(expected.len()).await, (last_seq + 1..).take(expected.len()).collect::<Vec<_>>());
}

async fn users_of_schema_4_are_found_by_every_word(store: StoreKind) {
    let (server, _data) = server(store).await;
    let grace = story::login(server.address, "grace").await;
    for (q, username) in [("hopper", "grace"), ("amazing+gra", "grace"), ("MARY", "mary"), ("%40ada", "Ada.L")] {
        let found = grace.get(&format!("/v1/users?q={q}")).await.expect(200).json();
        assert_eq!(found["items"][0]["username"], username, "{q}");
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{q}");
    }
}

async fn users_of_schema_4_have_those_as_contacts_whom_they_added(store: StoreKind) {
    let (server, _data) = server(store).await;
    let [ada, grace, mary, lin] = ["Ada.L", "grace", "mary", "lin"].map(|name| story::login(server.address, name));
    let (ada, grace, mary, lin) = (ada.await, grace.await, mary.await, lin.await);
    for user in [&ada, &grace] {
        let settings = json!({"settings": {"contact_from": "contacts"}});
        user.patch("/v1/users/me", &settings).await.expect(200);
    }
    // Ada made a group with Grace and began a direct conversation with Lin. Grace added Mary later, and answered Ada.
    for (maker, refusing) in [(&mary, vec![&ada.id]), (&lin, vec![&grace.id])] {
        let new = json!({"type": "group", "member_ids": [ada.id, grace.id]});
        let made = maker.post("/v1/conversations", &new).await.expect(201).json();
        assert_eq!(made["not_added"], json!(refusing));
    }
    for (maker, other) in [(&ada, &grace), (&grace, &ada)] {
        let new = json!({"type": "group", "member_ids": [other.id]});
        assert_eq!(maker.post("/v1/conversations", &new).await.expect(201).json()["not_added"], json!([]));
    }
}

/// Returns number and type of the next numbered events.
async fn numbered(socket: &mut Socket, count: usize) -> Vec<(i64, &'static str)> {
    const TYPES: [&str; 5] =
        ["message.new", "message.updated", "message.deleted", "conversation.updated", "member.added"];
    let mut events = Vec::new();
    while events.len() < count {
        let event = socket.next_of(&TYPES).await;
        let kind = TYPES.into_iter().find(|kind| event["type"] == *kind).unwrap();
        events.push((event["seq"].as_i64().unwrap(), kind));
    }
    events
}

async fn sessions_and_tickets_of_schema_4_are_still_good(store: StoreKind) {
    let (server, _data) = server(store).await;
    let given = golden(store)["given"].take();
    let refresh =
        async |name: &str| post(server.address, "/v1/users/refresh", &json!({"refresh_token": given[name]})).await;
    for (name, username) in [("live", "Ada.L"), ("rotated", "mary")] {
        let answer = refresh(name).await.expect(200).json();
        assert_eq!(answer["user"]["username"], username, "{name}");
    }
    for name in ["logged_out", "password_changed"] {
        assert_eq!(refresh(name).await.problem(), (401, "session_ended".to_owned()), "{name}");
    }
    let path = format!("/ws?ticket={}", given["ticket"].as_str().unwrap());
    let mut socket = Socket::open(server.address, &path, &[]).await.unwrap();
    assert_eq!(socket.next().await["user"]["username"], "Ada.L");
    for ticket in ["ticket", "used_ticket"] {
        let path = format!("/ws?ticket={}", given[ticket].as_str().unwrap());
        assert_eq!(Socket::open(server.address, &path, &[]).await.unwrap().close_code().await, 4500, "{ticket}");
    }
}
