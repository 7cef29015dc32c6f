//! The change from replay to live: no event is lost, nothing hangs, and slow readers cost other clients nothing.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use crate::support::client::TestUser;
use crate::support::postgres::database;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    nothing_is_missed_between_hello_and_live,
    receipts_and_typing_are_told_between_hello_and_live,
    large_messages_reach_whoever_reads,
}

async fn nothing_is_missed_between_hello_and_live(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (ada, there) = (ada.clone(), room.clone());
    let talking = tokio::spawn(async move {
        let mut socket = ada.connect(&there.socket).await;
        loop {
            socket.send(&json!({"type": "message.send", "content": "on and on"})).await;
            socket.next_of(&["message.new"]).await;
        }
    });
    for _ in 0..20 {
        let mut one = grace.open(&room.socket).await;
        let hello = one.next().await;
        let head = hello["conversation"]["last_seq"].as_i64().unwrap();
        assert_eq!(one.next_seqs(3).await, [head + 1, head + 2, head + 3]);
        let mut all = grace.connect("/ws").await;
        let first = all.next_seqs(1).await[0];
        assert_eq!(all.next_seqs(2).await, [first + 1, first + 2]);
    }
    talking.abort();
}

async fn receipts_and_typing_are_told_between_hello_and_live(store: StoreKind) {
    let (server, gate) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let mut adas = ada.connect("/ws").await;
    for query in ["", "?after_seq=0"] {
        let room = ada.group("Lunch", &[&grace]).await;
        grace.send(&room, "one").await;
        let mut hold = gate.hold("heads_for", 1);
        let mut one = grace.connect(&format!("{}{query}", room.socket)).await;
        hold.reached().await;
        for kind in ["typing.start", "typing.stop"] {
            adas.send(&json!({"type": kind, "conversation_id": room.id})).await;
            assert_eq!(one.next_of(&[kind]).await["user_id"], ada.id);
        }
        ada.read(&room, 1).await.expect(204);
        let frame = one.next_of(&["message.read", "message.new"]).await;
        assert_eq!(frame["receipts"][&ada.id]["read_seq"], 1, "{frame}");
        hold.release();
        grace.send(&room, "and live").await;
        while one.next_content().await != "and live" {}
    }
}

async fn large_messages_reach_whoever_reads(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut hers, mut theirs) = (ada.connect(&room.socket).await, grace.connect("/ws").await);
    // JSON escapes double the line ends, so that a batch of these is far larger than a send queue.
    let (count, text) = (150, "\n.".repeat(8 * 1024));
    let reading = tokio::spawn(async move { theirs.next_seqs(count).await });
    for _ in 0..count {
        hers.send(&json!({"type": "message.send", "content": text})).await;
    }
    let everything: Vec<i64> = (1..).take(count).collect();
    assert_eq!(hers.next_seqs(count).await, everything);
    assert_eq!(reading.await.unwrap(), everything);
    let mut later = grace.connect(&format!("{}?after_seq=0", room.socket)).await;
    assert_eq!(later.next_seqs(count).await, everything);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_pauses_in_a_replay_gets_all_of_it() {
    const PAUSE: Duration = Duration::from_secs(3);
    let server = Server::with(&["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    // Far more than the kernel's buffers and the send queue hold.
    let (count, text, mut hers) = (600, "x".repeat(16 * 1024), ada.connect(&room.socket).await);
    for _ in 0..count / 100 {
        for _ in 0..100 {
            hers.send(&json!({"type": "message.send", "content": text})).await;
        }
        hers.next_seqs(100).await;
    }
    let mut socket = grace.connect(&format!("{}?after_seq=0", room.socket)).await;
    let everything: Vec<i64> = (1..).take(count).collect();
    let (before, after) = everything.split_at(5);
    assert_eq!(socket.next_seqs(before.len()).await, before);
    tokio::time::sleep(PAUSE).await;
    assert_eq!(socket.next_seqs(after.len()).await, after);
    assert_eq!(socket.next_of(&["resumed", "message.new"]).await["type"], "resumed");
    ada.send(&room, "and live").await;
    assert_eq!(socket.next_content().await, "and live");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_was_missed_is_sent_again_on_a_live_subscription() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut socket = grace.connect("/ws").await;
    for text in ["one", "two", "three"] {
        ada.send(&room, text).await;
    }
    assert_eq!(socket.next_seqs(3).await, [1, 2, 3]);
    socket.send(&json!({"type": "resume", "conversations": {&room.id: 1}})).await;
    assert_eq!(socket.next_seqs(2).await, [2, 3]);
    assert_eq!(socket.next_of(&["resumed"]).await["last_seq"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_is_filled_before_what_follows_it() {
    let url = database().await;
    let arguments = ["--database-url", url.as_str(), "--jwt-secret", "one secret for all the nodes there are"];
    let (here, elsewhere) = (Server::with(&arguments).await, Server::with(&arguments).await);
    let (ada, grace, joan) = (here.register("ada").await, here.register("grace").await, here.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    let mut subscriber = grace.connect(&room.socket).await;
    let mut removed = joan.connect(&room.socket).await;
    ada.send(&room, "here").await;
    assert_eq!(subscriber.next_content().await, "here");
    // No bus joins these two nodes, so this node does not receive messages that are committed on the other.
    let there = TestUser { address: elsewhere.address, ..ada.clone() };
    there.send(&room, "there").await;
    there.delete(&format!("{}/{}", room.members, joan.id)).await.expect(204);
    there.send(&room, "there again").await;
    ada.send(&room, "here again").await;
    assert_eq!(subscriber.next_seqs(4).await, [2, 3, 4, 5]);
    assert_eq!(removed.close_code().await, 4503, "a removal that was missed is made good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_leaves_even_a_socket_that_is_full() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (deaf, mut hers) = (grace.connect("/ws").await, ada.connect(&room.socket).await);
    // Enough that the client that does not read is closed, or nearly.
    let text = "x".repeat(16 * 1024);
    for _ in 0..300 {
        hers.send(&json!({"type": "message.send", "content": text})).await;
        hers.next_of(&["message.new"]).await;
    }
    grace.post("/v1/users/logout", &json!({})).await.expect(204);
    // The connection is removed from the registry although its socket is still full of unread bytes.
    let gone = async {
        while ada.get(&format!("/v1/users/{}", grace.id)).await.json()["status"] == "online" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TEST_TIMEOUT, gone).await.unwrap();
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stops_reading_while_it_catches_up_costs_nobody_else() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (long, short) = (ada.group("Long", &[&grace]).await, ada.group("Short", &[&grace]).await);
    let (text, mut hers) = ("x".repeat(16 * 1024), ada.connect("/ws").await);
    let mut talk = async |id: &str, count: usize| {
        for _ in 0..count {
            hers.send(&json!({"type": "message.send", "conversation_id": id, "content": text})).await;
            hers.next_of(&["message.new"]).await;
        }
    };
    talk(&long.id, 400).await;
    let mut deaf = grace.connect("/ws?hold=1").await;
    deaf.send(&json!({"type": "resume", "conversations": {&short.id: 0}})).await;
    deaf.next_of(&["resumed"]).await;
    deaf.send(&json!({"type": "resume", "conversations": {&long.id: 0}})).await;
    // The replay of the long conversation is stuck, and the short one fills the send queue until the connection is closed.
    talk(&short.id, 400).await;
    for _ in 0..20 {
        ada.send(&long, "still quick").await;
    }
    let mut received_count = 0;
    while let Ok(Some(Ok(_))) = timeout(TEST_TIMEOUT, deaf.stream.next()).await {
        received_count += 1;
    }
    assert!(received_count < 800, "it was closed as a slow consumer, and read only what was on its way");
}
