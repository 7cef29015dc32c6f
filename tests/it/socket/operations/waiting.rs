//! Operations that wait for the store: the connection works meanwhile, and the wait is bounded.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};
use tokio_postgres::Client;

use super::{body, call};
use crate::support::client::{Conversation, TestUser};
use crate::support::postgres::{connect, database};
use crate::support::server::Server;
use crate::support::socket::{Socket, TEST_TIMEOUT};

/// The time in which the server promises an answer to every call.
const PROMISED: Duration = Duration::from_secs(5);
/// Added time for a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(4);

/// A server on PostgreSQL, and a client that can lock the counters of its conversations.
struct Fixture {
    server: Server,
    url: String,
    observer: Client,
    ada: TestUser,
    grace: TestUser,
}

/// A lock on a conversation's counter, which prevents commits to it.
struct Lock(Client);

impl Lock {
    async fn release(self) {
        self.0.batch_execute("COMMIT").await.unwrap();
    }
}

impl Fixture {
    async fn new() -> Self {
        let url = database().await;
        let server = Server::with(&["--database-url", &url]).await;
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        Self { server, observer: connect(&url).await, url, ada, grace }
    }

    async fn lock(&self, room: &Conversation) -> Lock {
        let client = connect(&self.url).await;
        let lock = format!("BEGIN; SELECT 1 FROM counters WHERE conversation_id = '{}' FOR UPDATE", room.id);
        client.batch_execute(&lock).await.unwrap();
        Lock(client)
    }

    /// Waits until a statement of the server waits for a lock.
    async fn is_waiting(&self) {
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
                       WHERE NOT granted AND datname = current_database()";
        let mut pause = interval(Duration::from_millis(5));
        let is_waiting = async {
            while self.observer.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
                pause.tick().await;
            }
        };
        timeout(TEST_TIMEOUT, is_waiting).await.expect("it waits for the lock");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_are_answered_one_at_a_time_while_sends_go_on() {
    let fixture = Fixture::new().await;
    let Fixture { ada, grace, .. } = &fixture;
    let (talk, room) = (ada.group("Talk", &[grace]).await, ada.group("Lunch", &[grace]).await);
    let mut socket = ada.connect("/ws").await;
    let (talk_is_locked, room_is_locked) = (fixture.lock(&talk).await, fixture.lock(&room).await);
    let rename = |name: &str| {
        let input = json!({"name": name});
        json!({"type": "conversation.update", "ref": name, "conversation_id": room.id, "input": input})
    };
    for content in ["one", "two", "three"] {
        socket.send(&json!({"type": "message.send", "conversation_id": talk.id, "content": content})).await;
    }
    socket.send(&rename("first")).await;
    socket.send(&rename("second")).await;
    socket.send(&json!({"type": "conversation.get", "ref": "third", "input": {"conversation_id": talk.id}})).await;
    socket.send(&json!({"type": "ping", "ref": "last"})).await;
    fixture.is_waiting().await;
    talk_is_locked.release().await;
    let what = |frame: &Value| match frame["type"].as_str().unwrap() {
        "message.new" => frame["message"]["content"].as_str().unwrap().to_owned(),
        "conversation.updated" => format!("event {}", frame["conversation"]["name"].as_str().unwrap()),
        _ => frame["ref"].as_str().unwrap().to_owned(),
    };
    let of_interest = ["message.new", "conversation.updated", "reply", "pong"];
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(what(&socket.next_of(&of_interest).await));
    }
    assert_eq!(seen, ["one", "two", "three"], "sends are committed while an operation waits");
    fixture.is_waiting().await;
    room_is_locked.release().await;
    seen.clear();
    while seen.len() < 6 {
        seen.push(what(&socket.next_of(&of_interest).await));
    }
    assert_eq!(seen, ["event first", "first", "event second", "second", "third", "last"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_waits_for_the_reply() {
    let mut fixture = Fixture::new().await;
    let room = fixture.ada.group("Lunch", &[&fixture.grace]).await;
    let mut socket = fixture.ada.connect("/ws").await;
    let lock = fixture.lock(&room).await;
    let frame = json!({"type": "conversation.update", "ref": "r", "conversation_id": room.id,
                       "input": {"name": "Dinner"}});
    socket.send(&frame).await;
    fixture.is_waiting().await;
    fixture.server.stop();
    assert_eq!(socket.next_of(&["draining", "reply", "error"]).await["type"], "draining");
    lock.release().await;
    let (frames, closed) = socket.until("reply").await;
    assert_eq!(closed, None, "{frames:?}");
    let reply = frames.last().unwrap();
    assert_eq!((&reply["ref"], &reply["status"]), (&json!("r"), &json!(200)));
    assert_eq!(reply["body"]["name"], "Dinner");
    assert_eq!(socket.close_code().await, 1012);
}

/// Calls an operation while the store does not answer. Checks that the error arrives in time and that the connection stays open.
async fn is_unavailable(socket: &mut Socket, operation: &str, room: &Conversation) {
    let since = Instant::now();
    let (_, refused) = call(socket, operation, Some(&room.id), json!({"name": "Dinner"})).await;
    let took = since.elapsed();
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("unavailable")), "{refused}");
    assert_eq!((&refused["conversation_id"], &refused["retryable"]), (&json!(room.id), &json!(true)));
    assert!(took < PROMISED + SLACK, "{operation}: {took:?}");
    socket.send(&json!({"type": "ping"})).await;
    socket.next_of(&["pong"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_postgres_is_unavailable_in_time() {
    let fixture = Fixture::new().await;
    let room = fixture.ada.group("Lunch", &[&fixture.grace]).await;
    let mut socket = fixture.ada.connect("/ws").await;
    let lock = fixture.lock(&room).await;
    is_unavailable(&mut socket, "conversation.update", &room).await;
    lock.release().await;
    fixture.observer.batch_execute("BEGIN; LOCK TABLE members IN ACCESS EXCLUSIVE MODE").await.unwrap();
    is_unavailable(&mut socket, "member.list", &room).await;
    fixture.observer.batch_execute("COMMIT").await.unwrap();
    body(call(&mut socket, "conversation.update", Some(&room.id), json!({"name": "Dinner"})).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_sqlite_is_unavailable_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chinwag.db");
    let server = Server::with(&["--database-url", &format!("sqlite:{}", file.display())]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut socket = ada.connect("/ws").await;
    let another_writer = Connection::open(&file).unwrap();
    another_writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    is_unavailable(&mut socket, "conversation.update", &room).await;
    body(call(&mut socket, "member.list", Some(&room.id), json!({})).await, 200);
    another_writer.execute_batch("ROLLBACK").unwrap();
    body(call(&mut socket, "conversation.update", Some(&room.id), json!({"name": "Dinner"})).await, 200);
}
