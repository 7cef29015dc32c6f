//! The journal under load, with a database that the tests block.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::client::{Conversation, TestUser};
use crate::support::postgres::{connect, migrated_database};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};
use chinwag::limits;
use chinwag::store::{History, Store};

/// A server on PostgreSQL, two members of a group, and a client that can block the database.
struct Fixture {
    server: Server,
    database: Client,
    url: String,
    ada: TestUser,
    grace: TestUser,
    room: Conversation,
}

impl Fixture {
    async fn set() -> Self {
        let url = migrated_database().await;
        let server = Self::node(&url).await;
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        let room = ada.group("Lunch", &[&grace]).await;
        Self { server, database: connect(&url).await, url, ada, grace, room }
    }

    async fn node(url: &str) -> Server {
        let secret = "one secret for all the nodes there are";
        Server::with(&["--database-url", url, "--jwt-secret", secret, "--rate-limits", "off"]).await
    }

    /// Blocks commits to the group until [`Fixture::release`].
    async fn hold(&self) {
        let lock = format!("BEGIN; SELECT 1 FROM counters WHERE conversation_id = '{}' FOR UPDATE", self.room.id);
        self.database.batch_execute(&lock).await.unwrap();
    }

    /// Blocks commits to all conversations until [`Fixture::release`].
    async fn hold_all(&self) {
        self.database.batch_execute("BEGIN; SELECT 1 FROM counters FOR UPDATE").await.unwrap();
    }

    /// Creates further groups with the same two members.
    async fn rooms(&self, count: usize) -> Vec<Conversation> {
        let mut rooms = Vec::new();
        for number in 0..count {
            rooms.push(self.ada.group(&format!("room {number}"), &[&self.grace]).await);
        }
        rooms
    }

    async fn release(&self) {
        self.database.batch_execute("COMMIT").await.unwrap();
    }

    /// Waits until this many batches wait for the lock.
    async fn blocked(&self, batches: i64) {
        // Other tests wait for locks of their databases on the same server. The look is a new one each time, though the client is in a transaction.
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE NOT granted AND locktype IN ('transactionid', 'tuple') AND datname = current_database()";
        let count = async || {
            self.database.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
            self.database.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0)
        };
        let blocked = async {
            while count().await < batches {
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(TEST_TIMEOUT, blocked).await.is_ok(), "fewer than {batches} batches wait for the lock");
    }

    async fn last_seq(&self) -> Value {
        self.ada.get(&self.room.path).await.expect(200).json()["last_seq"].clone()
    }
}

fn send(content: &str) -> Value {
    json!({"type": "message.send", "id": Uuid::now_v7(), "content": content})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_poisoned_message_does_not_hurt_its_batch() {
    let fixture = Fixture::set().await;
    let rule = "ALTER TABLE messages ADD CONSTRAINT harmless CHECK (content <> 'poison')";
    fixture.database.batch_execute(rule).await.unwrap();
    let (mut hers, mut theirs) = (fixture.ada.connect(&fixture.room.socket).await, fixture.grace.connect("/ws").await);
    fixture.hold().await;
    hers.send(&send("first")).await;
    fixture.blocked(1).await;
    // These wait in the lane while the first batch is blocked.
    let poison = send("poison");
    for number in 1..=20 {
        hers.send(&if number == 13 { poison.clone() } else { send(&number.to_string()) }).await;
    }
    fixture.release().await;
    let mut refused = None;
    let mut received = Vec::new();
    while received.len() < 20 || refused.is_none() {
        let frame = hers.next_of(&["message.new", "error"]).await;
        if frame["type"] == "error" {
            assert!(refused.replace(frame).is_none(), "only the offender gets the error");
        } else {
            received.push(frame["seq"].as_i64().unwrap());
        }
    }
    let refused = refused.unwrap();
    assert_eq!((&refused["ref"], &refused["code"]), (&poison["id"], &json!("invalid")));
    assert_eq!(received, (1..=20).collect::<Vec<_>>());
    assert_eq!(theirs.next_seqs(20).await, received);
    assert_eq!(fixture.last_seq().await, 20);
}

/// Waits until the server has admitted all sends of a socket to the journal.
async fn admitted(socket: &mut Socket) {
    socket.send(&json!({"type": "ping"})).await;
    let first = socket.next_of(&["pong", "message.new", "message.updated", "message.deleted", "error"]).await;
    assert_eq!(first["type"], "pong", "nothing is committed yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_of_many_conversations_are_committed_together() {
    const EDITS: usize = 100;
    let fixture = Fixture::set().await;
    let rooms = fixture.rooms(EDITS).await;
    let mut messages = Vec::new();
    for room in &rooms {
        messages.push(fixture.ada.send(room, "hello").await["id"].take());
    }
    let mut hers = fixture.ada.connect("/ws").await;
    let mut theirs = fixture.grace.connect("/ws").await;
    fixture.hold_all().await;
    for (room, id) in rooms.iter().zip(&messages) {
        let edit =
            json!({"type": "message.edit", "conversation_id": room.id, "message_id": id, "content": "hello, all"});
        hers.send(&edit).await;
    }
    admitted(&mut hers).await;
    fixture.release().await;
    for socket in [&mut hers, &mut theirs] {
        let mut edited = HashSet::new();
        while edited.len() < EDITS {
            let event = socket.next_of(&["message.updated", "error"]).await;
            assert_eq!((&event["seq"], &event["message"]["content"]), (&json!(2), &json!("hello, all")), "{event}");
            assert!(edited.insert(event["message"]["id"].to_string()), "{event}");
        }
    }
    // Each row has the id of the transaction that wrote it.
    let counted = "SELECT count(*), count(DISTINCT xmin::text) FROM changes";
    let row = fixture.database.query_one(counted, &[]).await.unwrap();
    let (changes, transactions): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(usize::try_from(changes), Ok(EDITS));
    // On each lane, the blocked batch and one batch of all commands that waited behind it.
    let most = 2 * limits::POSTGRES_LANES;
    assert!(
        (1..=most).contains(&usize::try_from(transactions).unwrap()),
        "{transactions} transactions for {changes} edits"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_edits_and_deletions_keep_the_order_of_their_conversation() {
    let fixture = Fixture::set().await;
    let rooms = fixture.rooms(20).await;
    let (mut hers, mut theirs) = (fixture.ada.connect("/ws").await, fixture.grace.connect("/ws").await);
    let steps = |[first, second]: [Uuid; 2]| {
        [
            json!({"type": "message.send", "id": first, "content": "first"}),
            json!({"type": "message.edit", "message_id": first, "content": "edited"}),
            json!({"type": "message.send", "id": second, "content": "second"}),
            json!({"type": "message.delete", "message_id": first}),
        ]
    };
    // Once with all of them waiting, and once with commits as they arrive.
    for (is_held, before) in [(true, 0), (false, 4)] {
        let ids: Vec<[Uuid; 2]> = rooms.iter().map(|_| [Uuid::now_v7(), Uuid::now_v7()]).collect();
        if is_held {
            fixture.hold_all().await;
        }
        for step in 0..4 {
            for (room, ids) in rooms.iter().zip(&ids) {
                let mut frame = steps(*ids)[step].clone();
                frame["conversation_id"] = json!(room.id);
                hers.send(&frame).await;
            }
        }
        if is_held {
            admitted(&mut hers).await;
            fixture.release().await;
        }
        for socket in [&mut hers, &mut theirs] {
            let mut events: HashMap<String, Vec<Value>> = HashMap::new();
            for _ in 0..4 * rooms.len() {
                let event = socket.next_of(&["message.new", "message.updated", "message.deleted", "error"]).await;
                let seen = json!([event["seq"], event["type"], event["message"]["id"], event["message"]["content"]]);
                events.entry(event["conversation_id"].as_str().unwrap().to_owned()).or_default().push(seen);
            }
            for (room, [first, second]) in rooms.iter().zip(&ids) {
                let expected = [
                    json!([before + 1, "message.new", first, "first"]),
                    json!([before + 2, "message.updated", first, "edited"]),
                    json!([before + 3, "message.new", second, "second"]),
                    json!([before + 4, "message.deleted", first, ""]),
                ];
                assert_eq!(events[&room.id], expected);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_waits_while_its_first_try_commits_finds_it() {
    let fixture = Fixture::set().await;
    let elsewhere = Fixture::node(&fixture.url).await;
    let there = TestUser { address: elsewhere.address, ..fixture.ada.clone() };
    for number in 1..=5 {
        let body = json!({"id": Uuid::now_v7(), "content": "once"});
        fixture.hold().await;
        // Both look for the id after they have the lock, so the second sees the first one's commit.
        let held = async {
            fixture.blocked(2).await;
            fixture.release().await;
        };
        let path = &fixture.room.messages;
        let (first, second, ()) = tokio::join!(fixture.ada.post(path, &body), there.post(path, &body), held);
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{first:?} {second:?}");
        assert_eq!((&first.json()["seq"], &second.json()["seq"]), (&json!(number), &json!(number)));
    }
    assert_eq!(fixture.last_seq().await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_with_too_much_under_way_is_not_read() {
    let fixture = Fixture::set().await;
    let mut hers = fixture.ada.connect(&fixture.room.socket).await;
    fixture.hold().await;
    let beyond = 40;
    for number in 0..limits::SENDS_IN_FLIGHT_MAX + beyond {
        hers.send(&send(&number.to_string())).await;
    }
    hers.send(&json!({"type": "ping"})).await;
    fixture.blocked(1).await;
    fixture.release().await;
    let mut before = 0;
    while hers.next_of(&["message.new", "pong"]).await["type"] != "pong" {
        before += 1;
    }
    // The server read the ping only when all but this many of the sends before it were answered.
    assert!(before >= beyond, "{before}");
    let rest = limits::SENDS_IN_FLIGHT_MAX + beyond - before;
    assert_eq!(hers.next_seqs(rest).await.last(), Some(&i64::try_from(limits::SENDS_IN_FLIGHT_MAX + beyond).unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_committed_is_told_and_does_no_harm() {
    let fixture = Fixture::set().await;
    fixture.hold().await;
    let mut sockets: Vec<(Socket, Instant)> = Vec::new();
    // Enough for a batch in flight, a full queue, two more batches, and some sends that are refused.
    for _ in 0..(limits::JOURNAL_QUEUE_MAX + 4 * limits::BATCH_ROWS_MAX) / limits::SENDS_IN_FLIGHT_MAX {
        let mut socket = fixture.ada.connect(&fixture.room.socket).await;
        let started = Instant::now();
        for number in 0..limits::SENDS_IN_FLIGHT_MAX {
            socket.send(&send(&number.to_string())).await;
        }
        sockets.push((socket, started));
    }
    let first_error = async |(mut socket, started): (Socket, Instant)| {
        let error = socket.next_of(&["error", "message.new"]).await;
        assert_eq!((&error["type"], &error["retryable"]), (&json!("error"), &json!(true)), "{error}");
        assert!(error["retry_after_ms"].is_u64(), "{error}");
        assert!(["busy", "unavailable"].contains(&error["code"].as_str().unwrap()), "{error}");
        // The promised time does not depend on the queue's length. A busy machine may add some.
        assert!(started.elapsed() < limits::WRITE_TIMEOUT + Duration::from_secs(4), "{:?}", started.elapsed());
        socket
    };
    let _still_open = join_all(sockets.into_iter().map(first_error)).await;
    fixture.release().await;
    // The journal recovers by itself. Refused sends leave no gaps in the numbers.
    let last = loop {
        let answer = fixture.grace.post(&fixture.room.messages, &json!({"content": "after the flood"})).await;
        if answer.status == 201 {
            break answer.json()["seq"].as_i64().unwrap();
        }
        assert_eq!(answer.status, 503, "{answer:?}");
    };
    let counted = "SELECT count(*), min(seq), max(seq) FROM messages";
    let row = fixture.database.query_one(counted, &[]).await.unwrap();
    assert!(row.get::<_, i64>(0) == row.get::<_, i64>(2) && row.get::<_, i64>(2) >= last && row.get::<_, i64>(1) == 1);
    drop(fixture.server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_slow_in_each_of_several_answers_is_not_waited_for() {
    let fixture = Fixture::set().await;
    fixture.ada.send(&fixture.room, "hello").await;
    // Reads of these tables become slow, and the server below has cached nothing.
    for table in ["members", "conversations"] {
        let slowed = format!(
            "ALTER TABLE {table} RENAME TO quick_{table}; \
             CREATE VIEW {table} AS SELECT t.* FROM quick_{table} t, (SELECT pg_sleep(2) OFFSET 0) AS slow"
        );
        fixture.database.batch_execute(&slowed).await.unwrap();
    }
    let slow = Fixture::node(&fixture.url).await;
    let ada = TestUser { address: slow.address, ..fixture.ada.clone() };
    let started = Instant::now();
    let answer = ada.get(&fixture.room.messages).await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert!(answer.json()["retry_after_ms"].is_u64());
    assert!(started.elapsed() < limits::ANSWER_TIMEOUT + Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn details_that_do_not_come_hold_up_a_batch_once() {
    // With a deadline of its own for each event, or for each group of events that is read at the same time, the batch would take longer
    // than a client gets for a write.
    const RENAMED: usize = 160;
    let groups = u32::try_from(RENAMED.div_ceil(limits::DETAILS_AT_ONCE_MAX)).unwrap();
    assert!(groups * limits::BACKFILL_TIMEOUT > limits::WRITE_TIMEOUT * 2);
    let (server, held_store) = Server::held(StoreKind::Sqlite).await;
    let ada = server.register("ada").await;
    let mut rooms = Vec::new();
    for number in 0..RENAMED {
        rooms.push(ada.group(&format!("room {number}"), &[]).await);
    }
    let mut hers = ada.connect("/ws").await;
    held_store.stall("conversation");
    let name = json!({"name": "Lunch"});
    let renamed = join_all(rooms.iter().map(|room| ada.patch(&room.path, &name))).await;
    for answer in renamed {
        assert_eq!(answer.expect(200).json()["name"], "Lunch");
    }
    for _ in &rooms {
        let event = hers.next_of(&["conversation.updated"]).await;
        assert_eq!((&event["seq"], &event["conversation"]), (&json!(1), &Value::Null), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_a_newer_server_may_lack_is_not_acknowledged() {
    let (server, store) = Server::held(StoreKind::Postgres).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let gate = store.history_gate().unwrap();
    let mut committed = store.hold("commit", 1);
    let sending = tokio::spawn({
        let (ada, path) = (ada.clone(), room.messages.clone());
        async move { ada.post(&path, &json!({"id": Uuid::now_v7(), "content": "lost"})).await }
    });
    committed.reached().await;
    let (_, history) = gate.current();
    let history = history.expect("PostgreSQL names its timeline");
    gate.admit(Some(History { timeline: history.timeline + 1, ..history })).expect_err("a newer server");
    committed.release();
    // No server on the newer timeline is reached.
    assert_eq!(sending.await.unwrap().problem(), (503, "unavailable".to_owned()));
}
