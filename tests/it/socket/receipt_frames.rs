//! Receipts over WebSocket: what the other members are told, and what a crowd costs.

use std::collections::HashSet;

use chinwag::limits::{RECEIPT_FRAMES_PERIOD, RECEIPTS_PAUSE, SMALL_CONVERSATION_MEMBERS_MAX};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::receipts::{expected, say, state};
use crate::support::client::{Conversation, TestUser};
use crate::support::crowd::{SECRET, crowd};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    the_others_are_told_how_far_members_are,
    who_switches_receipts_off_is_told_of_deliveries_alone,
    receipts_of_a_conversation_are_told_once_a_second,
    a_send_and_a_mark_are_told_to_nobody,
    between_blocked_users_no_receipt_is_told,
    a_large_group_is_told_nothing,
    two_hundred_who_read_at_once_cost_one_frame_a_second,
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
        silent.assert_silent(&[kind]).await;
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
            listener.assert_silent(&[kind]).await;
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

async fn receipts_of_a_conversation_are_told_once_a_second(store: StoreKind) {
    const READS: i64 = 30;
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for _ in 0..READS {
        ada.send(&room, "hello").await;
    }
    let mut adas = ada.connect("/ws").await;
    let started = Instant::now();
    for seq in 1..=READS {
        grace.read(&room, seq).await.expect(204);
    }
    let mut frames = 0;
    loop {
        let frame = adas.next_of(&OF_OTHERS).await;
        frames += 1;
        if frame["receipts"][&grace.id]["read_seq"] == READS {
            break;
        }
    }
    let periods = started.elapsed().div_duration_f64(RECEIPT_FRAMES_PERIOD);
    println!("{store:?}: {READS} reads in {periods:.1} s were {frames} frames");
    assert!(f64::from(frames) <= periods + 2.0, "{frames} frames in {periods} s");
}

async fn a_send_and_a_mark_are_told_to_nobody(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    ada.send(&room, "one").await;
    let (mut adas, mut graces) = (ada.connect("/ws").await, grace.connect("/ws").await);
    say(&mut graces, "message.unread", &room, 1).await;
    state(&mut graces).await;
    grace.send(&room, "two").await;
    // A frame about them would come with this one or before it.
    say(&mut graces, "message.delivered", &room, 2).await;
    ada.send(&room, "three").await;
    say(&mut graces, "message.delivered", &room, 3).await;
    let frame = adas.next_of(&OF_OTHERS).await;
    let expected = json!({grace.id.clone(): {"delivered_seq": 3, "read_seq": 2}});
    assert_eq!((&frame["conversation_id"], &frame["receipts"]), (&json!(room.id), &expected));
}

/// Reads frames about receipts until a member has read up to `read_seq`. Returns all members whom they name.
async fn named(socket: &mut Socket, user: &TestUser, read_seq: i64) -> HashSet<String> {
    let mut named = HashSet::new();
    loop {
        let frame = socket.next_of(&OF_OTHERS).await;
        named.extend(frame["receipts"].as_object().unwrap().keys().cloned());
        if frame["receipts"][&user.id]["read_seq"] == read_seq {
            return named;
        }
    }
}

async fn between_blocked_users_no_receipt_is_told(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let (room, pair) = (ada.group("Lunch", &[&grace, &joan]).await, ada.direct(&grace).await);
    for room in [&room, &pair] {
        for text in ["one", "two", "three", "four"] {
            ada.send(room, text).await;
        }
    }
    let mut adas = [ada.connect("/ws").await, ada.connect(&room.socket).await];
    let (mut graces, mut joans) = (grace.connect("/ws").await, joan.connect("/ws").await);
    grace.read(&room, 1).await.expect(204);
    for listener in &mut adas {
        named(listener, &grace, 1).await;
    }
    named(&mut joans, &grace, 1).await;
    assert_eq!(held.calls("blocked_members"), 0, "without blocks there is nothing to ask for");

    let block = format!("/v1/users/{}/block", ada.id);
    grace.put(&block).await.expect(204);
    // What is not sent for want of an answer is sent a second later.
    held.lose("blocked_members", 1);
    grace.read(&pair, 4).await.expect(204);
    grace.read(&room, 2).await.expect(204);
    named(&mut joans, &grace, 2).await;
    joan.read(&room, 4).await.expect(204);
    for listener in &mut adas {
        assert!(!named(listener, &joan, 4).await.contains(&grace.id), "Grace's would come before it");
    }
    joan.send(&room, "five").await;
    ada.read(&room, 5).await.expect(204);
    named(&mut joans, &ada, 5).await;
    ada.send(&room, "six").await;
    joan.read(&room, 6).await.expect(204);
    assert!(!named(&mut graces, &joan, 6).await.contains(&ada.id), "Ada's would come before it");

    for (reader, other) in [(&ada, &grace), (&grace, &ada)] {
        let mut late = reader.connect(&format!("{}?after_seq=6", room.socket)).await;
        let receipts = late.next_of(&["resumed"]).await["receipts"].take();
        assert_eq!(receipts[&other.id], json!({"delivered_seq": 0, "read_seq": null}), "where they joined");
        assert_eq!(receipts[&joan.id], json!({"delivered_seq": 6, "read_seq": 6}));
    }

    let role = json!({"role": "admin"});
    ada.patch(&format!("{}/{}", room.members, grace.id), &role).await.expect(200);
    for listener in &mut adas {
        let event = listener.next_of(&["member.updated"]).await;
        let shown = (&event["member"]["delivered_seq"], &event["member"]["read_seq"]);
        assert_eq!(shown, (&json!(0), &Value::Null), "a live event shows no receipts");
    }
    for (reader, delivered_seq) in [(&ada, 0), (&joan, 2)] {
        let mut late = reader.connect(&format!("{}?after_seq=6", room.socket)).await;
        let event = late.next_of(&["member.updated"]).await;
        assert_eq!(event["member"]["delivered_seq"], delivered_seq, "a replay has one reader");
    }

    grace.delete(&block).await.expect(204);
    grace.read(&room, 7).await.expect(204);
    for listener in &mut adas {
        named(listener, &grace, 7).await;
    }
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
        let (mut known, mut frames, mut bytes) = (HashSet::new(), 0, 0);
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
    let pauses = elapsed.div_duration_f64(RECEIPTS_PAUSE).ceil();
    assert!(f64::from(u32::try_from(writes).unwrap()) <= pauses + 1.0, "{writes} writes in {elapsed:?}");
}
