//! Whole nodes: processes on one PostgreSQL that NATS joins. They compare themselves with the database every 25 s, which is longer than these
//! tests wait, so what arrives came by NATS or was asked for because of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::task::block_in_place;

use super::until;
use crate::support::client::{Conversation, TestUser};
use crate::support::nats::Nats;
use crate::support::node::Node;
use crate::support::postgres::database;
use crate::support::proxy::{Flow, Proxy};

/// Starts nodes on one database.
async fn nodes(nats: &Nats) -> [Node; 2] {
    nodes_with(&["--nats-url", &nats.url("")]).await
}

/// Starts nodes on one database, with these arguments.
pub(crate) async fn nodes_with(arguments: &[&str]) -> [Node; 2] {
    started([arguments, arguments]).await
}

/// Starts nodes on one database, each with its way to NATS.
async fn nodes_at(nats_urls: [String; 2]) -> [Node; 2] {
    started(nats_urls.each_ref().map(|url| ["--nats-url", url])).await
}

async fn started(arguments: [impl AsRef<[&str]>; 2]) -> [Node; 2] {
    let url = database().await;
    let shared = ["--database-url", &url, "--jwt-secret", "one secret for all the nodes there are"];
    let mut nodes = arguments.map(|arguments| Node::with(&[&shared, arguments.as_ref()].concat()));
    for node in &mut nodes {
        node.start().await;
    }
    nodes
}

/// Waits until both nodes have logged in to NATS. Then a message at the first one is heard at the second.
pub(super) async fn hear_each_other([one, two]: &[Node; 2]) {
    for node in [one, two] {
        node.has_logged("connected to NATS", 1).await;
    }
    let (ada, grace) = (one.register("ada").await, one.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut reader = at(two, &grace).connect("/ws").await;
    ada.send(&room, "hello").await;
    assert_eq!(reader.next_content().await, "hello");
}

/// Returns the same user at another node.
pub(super) fn at(node: &Node, user: &TestUser) -> TestUser {
    TestUser { address: node.address, ..user.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_typing_and_the_ends_of_sessions_reach_the_other_node() {
    let nats = Nats::start().await;
    let [one, two] = nodes(&nats).await;
    let (ada, grace) = (one.register("ada").await, one.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let (mut writer, mut reader) = (ada.connect("/ws").await, at(&two, &grace).connect("/ws").await);
    // Presence comes only from a node that this one has met, as all does that has no number.
    while !reader.next_of(&["presence.state", "presence.diff"]).await.to_string().contains(&ada.id) {}
    ada.send(&room, "hello").await;
    assert_eq!(reader.next_content().await, "hello");
    writer.send(&json!({"type": "typing.start", "conversation_id": room.id})).await;
    assert_eq!(reader.next_of(&["typing.start"]).await["user_id"], ada.id);
    let supper = ada.group("Supper", &[&grace]).await;
    assert_eq!(reader.next_of(&["conversation.created"]).await["conversation"]["id"], supper.id);
    ada.send(&supper, "and here").await;
    assert_eq!(reader.next_content().await, "and here");
    grace.post("/v1/users/logout", &json!({})).await.expect(204);
    assert_eq!(reader.close_code().await, 4504);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_url_with_its_password_can_stand_in_a_file() {
    let nats = Nats::with("authorization { user: node, password: hunter2 }").await;
    let file = nats.folder().join("url");
    std::fs::write(&file, format!("{}\n", nats.url("node:hunter2@"))).unwrap();
    hear_each_other(&nodes_with(&["--nats-url-file", file.to_str().unwrap()]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_nats_does_not_take_arrives() {
    let nats = Nats::with("max_payload: 2048").await;
    let [one, two] = nodes(&nats).await;
    let (ada, grace) = (one.register("ada").await, one.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut reader = at(&two, &grace).connect("/ws").await;
    for text in ["short".to_owned(), "long ".repeat(3_000), "short again".to_owned()] {
        ada.send(&room, &text).await;
        assert_eq!(reader.next_content().await, text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_nats_is_killed_and_paused_under_load() {
    const MESSAGES: usize = 200;
    let mut nats = Nats::start().await;
    let [one, two] = nodes(&nats).await;
    let (ada, grace) = (one.register("ada").await, one.register("grace").await);
    let room = ada.direct(&grace).await;
    let grace = at(&two, &grace);
    let mut sockets = [ada.connect(&room.socket).await, grace.connect(&room.socket).await];
    let written = AtomicUsize::new(0);
    let reached = async |part: usize| until(|| written.load(Ordering::Relaxed) >= part * MESSAGES / 5).await;
    let trouble = async {
        reached(2).await;
        block_in_place(|| nats.kill());
        reached(4).await;
        block_in_place(|| nats.start_again());
        reached(6).await;
        nats.pause();
        reached(8).await;
        nats.resume();
    };
    tokio::join!(write(&ada, &room, MESSAGES, &written), write(&grace, &room, MESSAGES, &written), trouble);
    let all: Vec<i64> = (1..).take(2 * MESSAGES).collect();
    for socket in &mut sockets {
        assert_eq!(socket.next_seqs(2 * MESSAGES).await, all);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_sent_in_vain_is_found_by_the_others_when_it_is_back() {
    let nats = Nats::start().await;
    let proxy = Proxy::to(nats.address());
    let [one, two] = nodes_at([format!("nats://{}", proxy.address), nats.url("")]).await;
    let (ada, grace) = (one.register("ada").await, one.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut reader = at(&two, &grace).connect("/ws").await;
    ada.send(&room, "heard").await;
    assert_eq!(reader.next_content().await, "heard");
    proxy.set_to_target(Flow::Discard);
    ada.send(&room, "in vain").await;
    // It misses the answers to its pings. The other node has noticed nothing.
    one.has_logged("NATS is away", 1).await;
    proxy.set_to_target(Flow::Pass);
    assert_eq!(reader.next_content().await, "in vain");
    assert_eq!(two.count_logged("NATS is away"), 0);
}

async fn write(user: &TestUser, room: &Conversation, messages: usize, written: &AtomicUsize) {
    for number in 0..messages {
        user.send(room, &number.to_string()).await;
        written.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_two_databases_hear_nothing_of_each_other() {
    let nats = Nats::start().await;
    let ([one, two], [other, _idle]) = (nodes(&nats).await, nodes(&nats).await);
    let (ada, grace) = (one.register("ada").await, one.register("grace").await);
    let (other_ada, other_grace) = (other.register("ada").await, other.register("grace").await);
    let (room, other_room) = (ada.direct(&grace).await, other_ada.direct(&other_grace).await);
    let (mut reader, mut other_reader) = (at(&two, &grace).connect("/ws").await, other_grace.connect("/ws").await);
    ada.send(&room, "here").await;
    other_ada.send(&other_room, "there").await;
    assert_eq!(reader.next_content().await, "here");
    assert_eq!(other_reader.next_content().await, "there");
    ada.send(&room, "only here").await;
    other_ada.send(&other_room, "only there").await;
    assert_eq!(reader.next_content().await, "only here");
    assert_eq!(other_reader.next_content().await, "only there");
}
