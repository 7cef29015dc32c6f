//! Receipts over WebSocket: what a user's devices are told, what a crowd costs, and what survives an end.

use std::time::Duration;

use chinwag::auth::Tokens;
use chinwag::domain::conversation::{ConversationKind, GroupName, NewConversation};
use chinwag::domain::session::Session;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{ConversationId, Timestamp, UserId};
use chinwag::limits::{RECEIPT_FRAMES_PERIOD, RECEIPTS, SMALL_CONVERSATION_MEMBERS_MAX};
use chinwag::store::{Members, Store};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::support::client::{Conversation, TestUser};
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
    what_was_read_before_a_drain_is_written,
    what_was_answered_survives_a_crash,
    the_others_are_told_how_far_members_are,
    who_switches_receipts_off_is_told_of_deliveries_alone,
    a_send_a_mark_and_a_block_are_told_to_nobody,
    a_large_group_is_told_nothing,
    two_hundred_who_read_at_once_cost_one_frame_a_second,
}

async fn say(socket: &mut Socket, kind: &str, room: &Conversation, seq: i64) {
    socket.send(&json!({"type": kind, "conversation_id": room.id, "seq": seq})).await;
}

/// Returns the next `conversation.state` without its type.
async fn state(socket: &mut Socket) -> Value {
    let mut frame = socket.next_of(&["conversation.state"]).await;
    frame.as_object_mut().unwrap().remove("type");
    frame
}

fn expected(room: &Conversation, read_seq: i64, unread_from_seq: Option<i64>, unread: i64, last_seq: i64) -> Value {
    json!({"conversation_id": room.id, "read_seq": read_seq, "unread_from_seq": unread_from_seq,
           "unread_count": unread, "mention_count": 0, "last_seq": last_seq})
}

/// Fails if a frame of this type comes before the answer to a ping.
async fn assert_silent(socket: &mut Socket, kind: &str) {
    socket.send(&json!({"type": "ping"})).await;
    let frame = socket.next_of(&[kind, "pong"]).await;
    assert_eq!(frame["type"], "pong", "{frame}");
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
    assert_silent(&mut elsewhere, "conversation.state").await;
    assert_silent(&mut adas, "conversation.state").await;
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
    assert_eq!(state(&mut device).await["read_seq"], 1);
    assert_eq!(state(&mut device).await, expected(&room, 100, None, 0, 100));
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

const OF_OTHERS: [&str; 2] = ["message.read", "message.delivered"];

/// Reads frames about receipts until one has these of a member. Returns its type.
async fn told(socket: &mut Socket, room: &Conversation, user: &TestUser, receipt: Value) -> Value {
    loop {
        let mut frame = socket.next_of(&OF_OTHERS).await;
        assert_eq!(frame["conversation_id"], room.id);
        if frame["receipts"][&user.id] == receipt {
            return frame["type"].take();
        }
    }
}

async fn the_others_are_told_how_far_members_are(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    for text in ["one", "two"] {
        ada.send(&room, text).await;
    }
    let mut listeners = [ada.connect("/ws").await, ada.connect(&room.socket).await, joan.connect("/ws").await];
    let mut silent = ada.connect("/ws?hold=1").await;
    let mut device = grace.connect("/ws").await;
    say(&mut device, "message.delivered", &room, 2).await;
    for listener in &mut listeners {
        let kind = told(listener, &room, &grace, json!({"delivered_seq": 2, "read_seq": 0})).await;
        assert_eq!(kind, "message.read", "it says how far she has read, too");
    }
    say(&mut device, "message.read", &room, 1).await;
    joan.read(&room, 2).await.expect(204);
    for listener in &mut listeners[..2] {
        told(listener, &room, &grace, json!({"delivered_seq": 2, "read_seq": 1})).await;
    }
    told(&mut listeners[2], &room, &grace, json!({"delivered_seq": 2, "read_seq": 1})).await;
    let mut late = ada.connect(&format!("{}?after_seq=2", room.socket)).await;
    let resumed = late.next_of(&["resumed"]).await;
    let expected = json!({ada.id.clone(): {"delivered_seq": 2, "read_seq": 2},
        grace.id.clone(): {"delivered_seq": 2, "read_seq": 1}, joan.id.clone(): {"delivered_seq": 2, "read_seq": 2}});
    assert_eq!(resumed["receipts"], expected);
    for kind in OF_OTHERS {
        assert_silent(&mut silent, kind).await;
    }
}

async fn who_switches_receipts_off_is_told_of_deliveries_alone(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for text in ["one", "two"] {
        ada.send(&room, text).await;
    }
    let (mut graces, mut adas) = (grace.connect("/ws").await, ada.connect("/ws").await);
    let switch = async |user: &TestUser, on: bool| {
        user.patch("/v1/users/me", &json!({"settings": {"send_receipts": on}})).await.expect(200);
    };
    switch(&ada, false).await;
    let mut later = ada.connect(&room.socket).await;
    say(&mut graces, "message.delivered", &room, 1).await;
    for listener in [&mut adas, &mut later] {
        let kind = told(listener, &room, &grace, json!({"delivered_seq": 1, "read_seq": null})).await;
        assert_eq!(kind, "message.delivered");
    }
    told(&mut graces, &room, &grace, json!({"delivered_seq": 1, "read_seq": 0})).await;
    say(&mut graces, "message.read", &room, 1).await;
    told(&mut graces, &room, &grace, json!({"delivered_seq": 1, "read_seq": 1})).await;
    for listener in [&mut adas, &mut later] {
        for kind in OF_OTHERS {
            assert_silent(listener, kind).await;
        }
    }
    adas.send(&json!({"type": "resume", "conversations": {&room.id: 2}})).await;
    let of = |read_seq: Option<i64>, delivered_seq: i64| json!({"delivered_seq": delivered_seq, "read_seq": read_seq});
    let receipts = adas.next_of(&["resumed"]).await["receipts"].take();
    assert_eq!((&receipts[&ada.id], &receipts[&grace.id]), (&of(Some(2), 2), &of(None, 1)));

    switch(&ada, true).await;
    switch(&grace, false).await;
    say(&mut graces, "message.read", &room, 2).await;
    let kind = told(&mut adas, &room, &grace, json!({"delivered_seq": 2, "read_seq": null})).await;
    assert_eq!(kind, "message.delivered", "what she has read was delivered");
    adas.send(&json!({"type": "resume", "conversations": {&room.id: 2}})).await;
    assert_eq!(adas.next_of(&["resumed"]).await["receipts"][&grace.id], of(None, 2));
}

async fn a_send_a_mark_and_a_block_are_told_to_nobody(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (pair, room) = (ada.direct(&grace).await, ada.group("Lunch", &[&grace]).await);
    for room in [&pair, &room] {
        ada.send(room, "one").await;
        ada.send(room, "two").await;
    }
    let (mut adas, mut graces) = (ada.connect("/ws").await, grace.connect("/ws").await);
    grace.put(&format!("/v1/users/{}/block", ada.id)).await.expect(204);
    say(&mut graces, "message.read", &pair, 2).await;
    state(&mut graces).await;
    say(&mut graces, "message.unread", &room, 1).await;
    state(&mut graces).await;
    grace.send(&room, "three").await;
    // A frame about them would come with this one or before it.
    say(&mut graces, "message.delivered", &room, 3).await;
    ada.send(&room, "four").await;
    say(&mut graces, "message.delivered", &room, 4).await;
    let frame = adas.next_of(&OF_OTHERS).await;
    let expected = json!({grace.id.clone(): {"delivered_seq": 4, "read_seq": 3}});
    assert_eq!((&frame["conversation_id"], &frame["receipts"]), (&json!(room.id), &expected));
}

pub(super) const SECRET: &str = "one secret for all the nodes there are";

/// Inserts users with a session, without the passwords that a registration hashes, and a group of them.
pub(super) async fn crowd(server: &Server, store: &dyn Store, count: i64) -> (Vec<TestUser>, Conversation) {
    let (tokens, now, day) = (Tokens::new(SECRET.as_bytes(), Duration::from_secs(3_600)), Timestamp::now(), 86_400);
    let mut users = Vec::new();
    for number in 0..count {
        let name = format!("member{number}");
        let user = User {
            id: UserId::new(),
            username: Username::parse(&name).unwrap(),
            name: Name::parse(&name).unwrap(),
            created_at: now,
            last_seen_at: None,
        };
        store.insert_user(&user, "no password").await.unwrap();
        let session = Session::new(user.id, now, now.plus(Duration::from_secs(day)));
        store.insert_session(&session).await.unwrap();
        let token = tokens.access(user.id, session.id, now).unwrap();
        users.push(TestUser { address: server.address, id: user.id.to_string(), token, refresh_token: String::new() });
    }
    let ids: Vec<UserId> = users.iter().map(|user| UserId::parse(&user.id).unwrap()).collect();
    let group = NewConversation {
        id: ConversationId::new(),
        kind: ConversationKind::Group,
        name: Some(GroupName::parse("All").unwrap()),
        creator_id: ids[0],
        created_at: now,
        other_ids: ids[1..].to_vec(),
        has_quotas: false,
    };
    store.create_conversation(&group).await.unwrap();
    let room = Conversation::from(&json!({"id": group.id}));
    (users, room)
}

async fn a_large_group_is_told_nothing(store: StoreKind) {
    let arguments = ["--rate-limits", "off", "--jwt-secret", SECRET];
    let (server, held) = Server::held_with(store, &arguments).await;
    let (users, room) = crowd(&server, &*held, SMALL_CONVERSATION_MEMBERS_MAX + 1).await;
    let (ada, grace) = (&users[0], &users[1]);
    let small = ada.group("Lunch", &[grace]).await;
    for room in [&room, &small] {
        ada.send(room, "hello").await;
    }
    let (mut adas, mut graces) = (ada.connect("/ws").await, grace.connect("/ws").await);
    say(&mut graces, "message.read", &room, 1).await;
    assert_eq!(state(&mut graces).await, expected(&room, 1, None, 0, 1), "her devices are");
    say(&mut graces, "message.read", &small, 1).await;
    told(&mut adas, &small, grace, json!({"delivered_seq": 1, "read_seq": 1})).await;
    let history = ada.get(&room.messages).await.expect(200).json();
    assert_eq!(history["items"][0]["status"], "sent");
}

async fn two_hundred_who_read_at_once_cost_one_frame_a_second(store: StoreKind) {
    let arguments = ["--rate-limits", "off", "--jwt-secret", SECRET];
    let (server, held) = Server::held_with(store, &arguments).await;
    let (users, room) = crowd(&server, &*held, SMALL_CONVERSATION_MEMBERS_MAX).await;
    users[0].send(&room, "read this").await;
    let mut sockets = Vec::new();
    for user in &users {
        sockets.push(user.connect(&room.socket).await);
    }
    let started = Instant::now();
    join_all(sockets.iter_mut().map(async |socket| {
        say(socket, "message.read", &room, 1).await;
    }))
    .await;
    let everybody = users.len() - 1; // the sender has read it before
    let frames = join_all(sockets.iter_mut().map(async |socket| {
        let (mut known, mut frames, mut bytes) = (std::collections::HashSet::new(), 0, 0);
        while known.len() < everybody {
            let frame = socket.next_of(&OF_OTHERS).await;
            frames += 1;
            bytes += frame.to_string().len();
            known.extend(frame["receipts"].as_object().unwrap().keys().cloned());
        }
        (frames, bytes)
    }))
    .await;
    let (elapsed, writes) = (started.elapsed(), held.calls("update_receipts"));
    let most = frames.iter().map(|(frames, _)| *frames).max().unwrap();
    let bytes = frames.iter().map(|(_, bytes)| *bytes).max().unwrap();
    println!(
        "{store:?}: {everybody} readers in {elapsed:.1?}: {writes} writes; a listener got {most} frames, {bytes} bytes"
    );
    let seconds = elapsed.div_duration_f64(RECEIPT_FRAMES_PERIOD).ceil();
    assert!(f64::from(most) <= seconds + 1.0, "{most} frames in {elapsed:?}");
    assert!(writes <= 20, "{writes} writes");
}
