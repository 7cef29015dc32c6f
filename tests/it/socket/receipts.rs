//! Read state over WebSocket: what a user's devices are told, what a flood costs, and what survives an end.

use std::time::Duration;

use chinwag::domain::{ConversationId, UserId};
use chinwag::limits::RECEIPTS;
use chinwag::store::Members;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::client::Conversation;
use crate::support::node::Node;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};

on_each_store! {
    a_read_is_told_to_all_devices_of_the_user_alone,
    a_receipt_that_changes_nothing_is_told_to_nobody,
    every_member_and_nobody_else_reads_over_a_socket,
    a_flood_of_reads_is_slowed_and_harms_nobody,
    reads_are_gathered_while_the_store_writes,
    a_store_that_does_not_answer_loses_no_read,
    a_batch_that_the_store_does_not_take_is_written_in_parts,
    what_is_unread_is_counted_after_the_write,
    a_count_that_fails_lets_others_go_first,
    what_was_read_before_a_drain_is_written,
    what_was_answered_survives_a_crash,
}

pub(super) async fn say(socket: &mut Socket, kind: &str, room: &Conversation, seq: i64) {
    socket.send(&json!({"type": kind, "conversation_id": room.id, "seq": seq})).await;
}

/// Returns the next `conversation.state` without its type.
pub(super) async fn state(socket: &mut Socket) -> Value {
    let mut frame = socket.next_of(&["conversation.state"]).await;
    frame.as_object_mut().unwrap().remove("type");
    frame
}

pub(super) fn expected(
    room: &Conversation,
    read_seq: i64,
    unread_from_seq: Option<i64>,
    unread: i64,
    last_seq: i64,
) -> Value {
    json!({"conversation_id": room.id, "read_seq": read_seq, "unread_from_seq": unread_from_seq,
           "unread_count": unread, "mention_count": 0, "notifications": {"level": "all", "until": null}, "last_seq": last_seq})
}

async fn a_read_is_told_to_all_devices_of_the_user_alone(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, other) = (ada.group("Lunch", &[&grace]).await, ada.group("Dinner", &[&grace]).await);
    for text in ["one", "two", "three"] {
        ada.send(&room, text).await;
    }
    let mut devices =
        [grace.connect("/ws").await, grace.connect("/ws?hold=1").await, grace.connect(&room.socket).await];
    let mut elsewhere = grace.connect(&other.socket).await;
    let mut adas = ada.connect("/ws").await;
    say(&mut devices[0], "message.read", &room, 2).await;
    for device in &mut devices {
        assert_eq!(state(device).await, expected(&room, 2, None, 1, 3));
    }
    say(&mut devices[2], "message.unread", &room, 1).await;
    for device in &mut devices {
        assert_eq!(state(device).await, expected(&room, 2, Some(1), 3, 3));
    }
    grace.read(&room, 3).await.expect(204);
    for device in &mut devices {
        assert_eq!(state(device).await, expected(&room, 3, None, 0, 3));
    }
    elsewhere.assert_silent(&["conversation.state"]).await;
    adas.assert_silent(&["conversation.state"]).await;
}

async fn a_receipt_that_changes_nothing_is_told_to_nobody(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "one").await;
    let mut device = grace.connect("/ws").await;
    grace.read(&room, 1).await.expect(204);
    state(&mut device).await;
    for seq in [0, 1, i64::MAX] {
        grace.read(&room, seq).await.expect(204);
    }
    say(&mut device, "message.delivered", &room, 1).await;
    ada.send(&room, "two").await;
    say(&mut device, "message.delivered", &room, 2).await;
    // This one is written after them.
    grace.read(&room, 2).await.expect(204);
    assert_eq!(state(&mut device).await, expected(&room, 2, None, 0, 2));
}

async fn every_member_and_nobody_else_reads_over_a_socket(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, eve) =
        (server.register("ada").await, server.register("grace").await, server.register("eve").await);
    let (room, left) = (ada.group("Lunch", &[&grace]).await, ada.group("Left", &[&eve]).await);
    ada.send(&room, "hello").await;
    ada.send(&left, "hello").await;
    let mut eves = eve.connect("/ws").await;
    eve.delete(&format!("{}/{}", left.members, eve.id)).await.expect(204);
    eves.next_of(&["member.removed"]).await;
    for room in [&room, &left] {
        for kind in ["message.read", "message.delivered", "message.unread"] {
            let frame = json!({"type": kind, "ref": kind, "conversation_id": room.id, "seq": 1});
            eves.send(&frame).await;
            let refused = eves.next_of(&["error", "conversation.state"]).await;
            let answer = (&refused["code"], &refused["ref"], &refused["conversation_id"]);
            assert_eq!(answer, (&json!("not_found"), &json!(kind), &json!(room.id)), "{refused}");
        }
    }
    let mut graces = grace.connect("/ws").await;
    say(&mut graces, "message.read", &room, 1).await;
    assert_eq!(state(&mut graces).await, expected(&room, 1, None, 0, 1));
}

async fn a_flood_of_reads_is_slowed_and_harms_nobody(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "hello").await;
    let mut flood = grace.connect("/ws").await;
    for _ in 0..RECEIPTS.burst + 200 {
        say(&mut flood, "message.read", &room, 1).await;
    }
    let refused = flood.next_of(&["error"]).await;
    assert_eq!(refused["code"], "rate_limited", "{refused}");
    assert!(refused["retry_after_ms"].is_u64(), "{refused}");
    grace.send(&room, "a send has a budget of its own").await;
    ada.read(&room, 2).await.expect(204);
    flood.send(&json!({"type": "ping"})).await;
    flood.next_of(&["pong"]).await;
}

async fn reads_are_gathered_while_the_store_writes(store: StoreKind) {
    let (server, gate) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for _ in 0..100 {
        ada.send(&room, "hello").await;
    }
    let mut hold = gate.hold("update_receipts", 1);
    let mut device = grace.connect("/ws").await;
    say(&mut device, "message.read", &room, 1).await;
    hold.reached().await;
    for seq in 2..=100 {
        say(&mut device, "message.read", &room, seq).await;
    }
    device.send(&json!({"type": "ping"})).await;
    device.next_of(&["pong"]).await;
    hold.release();
    while state(&mut device).await != expected(&room, 100, None, 0, 100) {}
    assert_eq!(gate.calls("update_receipts"), 2, "the newest counts");
}

async fn a_store_that_does_not_answer_loses_no_read(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "one").await;
    let mut device = grace.connect("/ws").await;
    for number in 1..=3 {
        held.lose("update_receipts", number);
    }
    say(&mut device, "message.unread", &room, 1).await;
    let view = async || grace.get(&room.path).await.expect(200).json();
    // Its effect is there at once, though its answer is lost, and it is tried until an answer comes.
    let retried = async {
        while held.calls("update_receipts") < 4 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TEST_TIMEOUT, retried).await.expect("it is tried again");
    assert_eq!(view().await["unread_from_seq"], 1);
    held.lose("update_receipts", 1);
    grace.read(&room, 1).await.expect(204);
    assert_eq!((&view().await["unread_from_seq"], &view().await["read_seq"]), (&Value::Null, &json!(1)));
}

async fn a_batch_that_the_store_does_not_take_is_written_in_parts(store: StoreKind) {
    const ROOMS: usize = 16;
    let (server, gate) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let mut rooms = Vec::new();
    for number in 0..ROOMS {
        let room = ada.group(&number.to_string(), &[&grace]).await;
        ada.send(&room, "hello").await;
        rooms.push(room);
    }
    let mut device = grace.connect("/ws").await;
    let mut hold = gate.hold("update_receipts", 1);
    for number in 2..=4 {
        gate.lose("update_receipts", number);
    }
    say(&mut device, "message.read", &rooms[0], 1).await;
    hold.reached().await;
    for room in &rooms[1..] {
        say(&mut device, "message.read", room, 1).await;
    }
    device.send(&json!({"type": "ping"})).await;
    device.next_of(&["pong"]).await;
    hold.release();
    grace.read(&rooms[ROOMS - 1], 1).await.expect(204);
    // One, then 15, 7 and 3 that are not taken, then 1, 2, 4 and 8.
    let calls = gate.calls("update_receipts");
    assert!(calls >= 8, "{calls} calls");
    for room in &rooms {
        assert_eq!(grace.get(&room.path).await.expect(200).json()["read_seq"], 1);
    }
}

async fn a_count_that_fails_lets_others_go_first(store: StoreKind) {
    let (server, gate) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let rooms = [ada.group("Lunch", &[&grace]).await, ada.group("Dinner", &[&grace]).await];
    for room in &rooms {
        ada.send(room, "hello").await;
    }
    let (mut device, mut adas) = (grace.connect("/ws").await, ada.connect("/ws").await);
    let mut hold = gate.hold("unread_states", 1);
    say(&mut device, "message.read", &rooms[0], 1).await;
    hold.reached().await;
    say(&mut device, "message.read", &rooms[1], 1).await;
    while adas.next_of(&["message.read"]).await["conversation_id"] != rooms[1].id {}
    hold.lose();
    for room in [&rooms[1], &rooms[0]] {
        assert_eq!(state(&mut device).await, expected(room, 1, None, 0, 1));
    }
}

async fn what_is_unread_is_counted_after_the_write(store: StoreKind) {
    let (server, gate) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for text in ["one", "two", "three"] {
        ada.send(&room, text).await;
    }
    let (mut device, mut adas) = (grace.connect("/ws").await, ada.connect("/ws").await);
    let mut hold = gate.hold("unread_states", 1);
    say(&mut device, "message.read", &room, 1).await;
    hold.reached().await;
    say(&mut device, "message.read", &room, 2).await;
    // Neither further writes nor the others wait for the count.
    while adas.next_of(&["message.read"]).await["receipts"][&grace.id]["read_seq"] != 2 {}
    hold.lose();
    assert_eq!(state(&mut device).await, expected(&room, 2, None, 1, 3), "a count that fails is tried again");
    gate.lose("unread_states", 1);
    grace.read(&room, 3).await.expect(204);
    assert_eq!(state(&mut device).await, expected(&room, 3, None, 0, 3), "and holds up no answer");
}

async fn what_was_read_before_a_drain_is_written(store: StoreKind) {
    let (mut server, gate) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let mut rooms = Vec::new();
    for number in 0..20 {
        let room = ada.group(&number.to_string(), &[&grace]).await;
        ada.send(&room, "hello").await;
        rooms.push(room);
    }
    let mut device = grace.connect("/ws").await;
    let mut hold = gate.hold("update_receipts", 1);
    say(&mut device, "message.read", &rooms[0], 1).await;
    hold.reached().await;
    for room in &rooms[1..] {
        say(&mut device, "message.read", room, 1).await;
    }
    device.send(&json!({"type": "ping"})).await;
    device.next_of(&["pong"]).await;
    server.stop();
    device.close_code().await;
    drop(device);
    // The worker is stopped when nobody is served any more.
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TEST_TIMEOUT, refused).await.expect("the listener closes");
    hold.release();
    let _folder = timeout(TEST_TIMEOUT, server.stopped()).await.expect("it stops");
    for room in &rooms {
        let (id, user_id) = (ConversationId::parse(&room.id).unwrap(), UserId::parse(&grace.id).unwrap());
        let member = gate.member(id, user_id).await.unwrap().unwrap();
        assert_eq!((member.read_seq, member.delivered_seq), (1, 1));
    }
    assert!(gate.calls("update_receipts") <= 3, "{} calls", gate.calls("update_receipts"));
}

async fn what_was_answered_survives_a_crash(store: StoreKind) {
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let room = ada.direct(&grace).await;
    for seq in 1..=3 {
        ada.send(&room, "hello").await;
        grace.read(&room, seq).await.expect(204);
        node.kill().await;
        node.start().await;
        assert_eq!(grace.get(&room.path).await.expect(200).json()["read_seq"], seq);
    }
}
