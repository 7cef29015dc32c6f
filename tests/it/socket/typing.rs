//! Typing: who is told, how often, and who is not.

use chinwag::limits::{RECEIPTS, SMALL_CONVERSATION_MEMBERS_MAX, TYPING_PERIOD};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::client::{Conversation, TestUser};
use crate::support::crowd::{SECRET, crowd};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    the_others_are_told_that_a_user_types,
    a_flood_of_typing_is_told_once,
    between_blocked_users_nobody_types,
    only_members_type,
    nobody_types_in_a_large_group,
}

const TYPING: [&str; 2] = ["typing.start", "typing.stop"];

async fn say(socket: &mut Socket, kind: &str, room: &Conversation) {
    socket.send(&json!({"type": kind, "conversation_id": room.id})).await;
}

/// Waits until the server has handled what this connection sent.
async fn handled(socket: &mut Socket) {
    socket.send(&json!({"type": "ping"})).await;
    socket.next_of(&["pong"]).await;
}

/// Fails if a frame about typing was sent to this connection.
async fn assert_silent(socket: &mut Socket) {
    socket.assert_silent(&["typing.start", "typing.stop"]).await;
}

fn frame(kind: &str, room: &Conversation, user: &TestUser) -> Value {
    json!({"type": kind, "conversation_id": room.id, "user_id": user.id})
}

async fn the_others_are_told_that_a_user_types(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    let other = ada.group("Dinner", &[&grace]).await;
    let mut listeners = [ada.connect("/ws").await, ada.connect(&room.socket).await, joan.connect("/ws").await];
    let mut elsewhere = [ada.connect(&other.socket).await, ada.connect("/ws?hold=1").await];
    let (mut phone, mut desk) = (grace.connect("/ws").await, grace.connect(&room.socket).await);
    say(&mut phone, "typing.stop", &room).await;
    desk.send(&json!({"type": "typing.start"})).await;
    for listener in &mut listeners {
        assert_eq!(listener.next_of(&TYPING).await, frame("typing.start", &room, &grace));
    }
    handled(&mut desk).await;
    say(&mut phone, "typing.stop", &room).await;
    for listener in &mut listeners {
        assert_eq!(listener.next_of(&TYPING).await, frame("typing.stop", &room, &grace));
    }
    for socket in elsewhere.iter_mut().chain([&mut phone, &mut desk]) {
        assert_silent(socket).await;
    }
    say(&mut phone, "typing.start", &other).await;
    assert_eq!(listeners[0].next_of(&TYPING).await, frame("typing.start", &other, &grace), "each has its own time");
}

async fn a_flood_of_typing_is_told_once(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut adas, mut flood) = (ada.connect("/ws").await, grace.connect("/ws").await);
    for _ in 0..RECEIPTS.burst / 4 {
        say(&mut flood, "typing.start", &room).await;
        say(&mut flood, "typing.stop", &room).await;
    }
    handled(&mut flood).await;
    // The flood may have taken longer than one period.
    let mut told = 0;
    adas.send(&json!({"type": "ping"})).await;
    while adas.next_of(&["typing.start", "typing.stop", "pong"]).await["type"] != "pong" {
        told += 1;
    }
    assert!((2..=6).contains(&told), "{told} frames");
    sleep(TYPING_PERIOD).await;
    say(&mut flood, "typing.start", &room).await;
    assert_eq!(adas.next_of(&TYPING).await, frame("typing.start", &room, &grace));
    for _ in 0..RECEIPTS.burst {
        say(&mut flood, "typing.start", &room).await;
    }
    assert_eq!(flood.next_of(&["error"]).await["code"], "rate_limited");
    grace.send(&room, "a send has a budget of its own").await;
}

async fn between_blocked_users_nobody_types(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let (pair, room) = (ada.direct(&grace).await, joan.group("Lunch", &[&ada, &grace]).await);
    ada.put(&format!("/v1/users/{}/block", grace.id)).await.expect(204);
    let (mut adas, mut graces, mut joans) =
        (ada.connect("/ws").await, grace.connect("/ws").await, joan.connect("/ws").await);
    for room in [&pair, &room] {
        for kind in TYPING {
            say(&mut adas, kind, room).await;
            say(&mut graces, kind, room).await;
        }
    }
    // Joan's come last.
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(joans.next_of(&TYPING).await["user_id"].take());
    }
    for user in [&ada, &grace] {
        assert_eq!(told.iter().filter(|id| **id == user.id).count(), 2, "the group goes on for the others");
    }
    assert_silent(&mut adas).await;
    assert_silent(&mut graces).await;
}

async fn only_members_type(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, eve) =
        (server.register("ada").await, server.register("grace").await, server.register("eve").await);
    let (room, left) = (ada.group("Lunch", &[&grace]).await, ada.group("Left", &[&eve]).await);
    eve.delete(&format!("{}/{}", left.members, eve.id)).await.expect(204);
    let (mut adas, mut eves) = (ada.connect("/ws").await, eve.connect("/ws").await);
    for room in [&room, &left] {
        let start = json!({"type": "typing.start", "ref": "t", "conversation_id": room.id});
        for _ in 0..2 {
            eves.send(&start).await;
            let refused = eves.next_of(&["error"]).await;
            assert_eq!((&refused["code"], &refused["ref"]), (&json!("not_found"), &json!("t")));
        }
        say(&mut eves, "typing.stop", room).await;
    }
    for wrong in [json!({"type": "typing.start"}), json!({"type": "typing.stop", "conversation_id": 7})] {
        eves.send(&wrong).await;
        assert_eq!(eves.next_of(&["error"]).await["code"], "invalid");
    }
    assert_silent(&mut adas).await;
}

async fn nobody_types_in_a_large_group(store: StoreKind) {
    let arguments = ["--rate-limits", "off", "--jwt-secret", SECRET];
    let (server, held) = Server::held_with(store, &arguments).await;
    let (users, room) = crowd(&server, &*held, SMALL_CONVERSATION_MEMBERS_MAX + 1).await;
    let small = users[0].group("Lunch", &[&users[1]]).await;
    let (mut listener, mut typist) = (users[0].connect("/ws").await, users[1].connect("/ws").await);
    for room in [&room, &small] {
        for kind in TYPING {
            say(&mut typist, kind, room).await;
        }
    }
    assert_eq!(listener.next_of(&TYPING).await, frame("typing.start", &small, &users[1]));
}
