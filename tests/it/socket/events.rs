//! The events that a client receives without a request: presence, conversations, members; and the end of a connection.

use std::time::Duration;

use chinwag::domain::ConversationId;
use chinwag::store;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::support::client::{PASSWORD, TestUser};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    members_coming_and_going_are_events,
    a_new_conversation_is_told_and_heard,
    people_are_seen_to_come_and_go,
    a_session_that_ends_takes_its_sockets_along,
}

async fn members_coming_and_going_are_events(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let (mut hers, mut theirs) = (grace.connect(&room.socket).await, joan.connect("/ws").await);

    ada.post(&room.members, &json!({"user_id": joan.id})).await.expect(201);
    assert_eq!(theirs.next_of(&["conversation.created"]).await["conversation"]["id"], room.id.as_str());
    let added = theirs.next_of(&["member.added"]).await;
    assert_eq!(added, hers.next_of(&["member.added"]).await);
    assert_eq!((&added["seq"], &added["message"]["content"]), (&json!(1), &json!("Ada added Joan")));
    assert_eq!(added["message"]["system"]["user_id"], joan.id.as_str());
    assert_eq!(added["member"]["user"]["username"], "joan");

    let member = format!("{}/{}", room.members, joan.id);
    ada.patch(&member, &json!({"role": "admin"})).await.expect(200);
    assert_eq!(theirs.next_of(&["member.updated"]).await["member"]["role"], "admin");
    joan.patch(&room.path, &json!({"name": "Supper"})).await.expect(200);
    let renamed = hers.next_of(&["conversation.updated"]).await;
    assert_eq!((&renamed["seq"], &renamed["conversation"]["name"]), (&json!(3), &json!("Supper")));

    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    assert_eq!(hers.next_of(&["member.removed"]).await["seq"], 4, "a removed member receives it");
    assert_eq!(hers.close_code().await, 4503);
    ada.delete(&member).await.expect(204);
    assert_eq!(theirs.next_of(&["member.removed"]).await["message"]["content"], "Ada removed Grace");
    let removed = theirs.next_of(&["member.removed"]).await;
    assert_eq!(removed["message"]["content"], "Ada removed Joan");
    let version = &joan.open("/ws").await.next_of(&["hello"]).await["membership_version"];
    assert_eq!(&removed["membership_version"], version, "so she need not ask for her conversations");
    ada.send(&room, "all alone").await;
    theirs.send(&json!({"type": "message.send", "conversation_id": room.id, "content": "?", "ref": "r"})).await;
    let refused = theirs.next_of(&["error", "message.new"]).await;
    assert_eq!((&refused["code"], &refused["ref"]), (&json!("not_found"), &json!("r")), "and nothing before it");

    let mut replayed = ada.connect(&format!("{}?after_seq=0", room.socket)).await;
    assert_eq!(replayed.next_seqs(6).await, [1, 2, 3, 4, 5, 6]);
}

async fn a_new_conversation_is_told_and_heard(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let mut theirs = grace.connect("/ws").await;
    let room = ada.group("Lunch", &[&grace]).await;
    let created = theirs.next_of(&["conversation.created"]).await;
    assert_eq!((&created["conversation"]["id"], &created["membership_version"]), (&json!(room.id), &json!(1)));
    ada.send(&room, "welcome").await;
    assert_eq!(theirs.next_content().await, "welcome");

    let mut one = grace.connect(&room.socket).await;
    assert_eq!(grace.delete(&room.path).await.problem(), (403, "forbidden".to_owned()));
    ada.delete(&room.path).await.expect(204);
    assert_eq!(theirs.next_of(&["conversation.deleted"]).await["membership_version"], 2);
    assert_eq!(one.close_code().await, 4503);
    assert_eq!(ada.get(&room.messages).await.status, 404);
}

async fn people_are_seen_to_come_and_go(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, eve) =
        (server.register("ada").await, server.register("grace").await, server.register("eve").await);
    let room = ada.direct(&grace).await;
    let mut hers = ada.connect("/ws").await;
    assert_eq!(hers.next_of(&["presence.state"]).await["users"], json!({}));
    let stranger = eve.connect("/ws").await;
    let theirs = grace.connect(&room.socket).await;
    let came = hers.next_of(&["presence.diff"]).await;
    assert_eq!(
        (&came["online"], &came["offline"]),
        (&json!([grace.id]), &json!([])),
        "users without a common conversation are not included"
    );
    assert_eq!(ada.get(&format!("/v1/users/{}", grace.id)).await.json()["status"], "online");
    let mut second = ada.connect(&room.socket).await;
    assert_eq!(second.next_of(&["presence.state"]).await["users"], json!({&grace.id: "online"}));

    drop((theirs, stranger));
    let went = hers.next_of(&["presence.diff"]).await;
    assert_eq!((&went["online"], &went["offline"]), (&json!([]), &json!([grace.id])));
    let grace_now = async || ada.get(&format!("/v1/users/{}", grace.id)).await.json();
    assert_eq!(grace_now().await["status"], "offline");
    // A busy store may take longer than the announcement waits for it.
    let seen = async { while !grace_now().await["last_seen_at"].is_string() {} };
    timeout(TEST_TIMEOUT, seen).await.expect("a time in last_seen_at");
}

async fn a_session_that_ends_takes_its_sockets_along(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let elsewhere = TestUser::login(server.address, "ada").await;
    let (mut here, mut there) = (ada.connect("/ws").await, elsewhere.connect("/ws").await);
    ada.post("/v1/users/logout", &json!({})).await.expect(204);
    assert_eq!(here.close_code().await, 4504);
    assert_eq!(ada.get("/v1/users/me").await.problem(), (401, "session_ended".to_owned()));
    there.send(&json!({"type": "ping"})).await;
    there.next_of(&["pong"]).await;
    elsewhere.get("/v1/users/me").await.expect(200);

    let third = TestUser::login(server.address, "ada").await;
    let change = json!({"password": "a new one entirely", "current_password": PASSWORD});
    third.patch("/v1/users/me", &change).await.expect(200);
    assert_eq!(there.close_code().await, 4504, "a new password ends the other sessions");
    third.get("/v1/users/me").await.expect(200);
}

#[tokio::test]
async fn pings_find_peers_that_are_gone() {
    let server = Server::configured(&[], |config| config.heartbeat = Duration::from_millis(50)).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (mut there, mut gone) = (ada.connect("/ws").await, grace.connect("/ws").await);
    let mut pings = 0;
    while pings < 6 {
        // The library answers a ping at the next read or write.
        let message = timeout(TEST_TIMEOUT, there.stream.next()).await.unwrap().unwrap().unwrap();
        pings += usize::from(message.is_ping());
    }
    there.send(&json!({"type": "ping"})).await;
    there.next_of(&["pong"]).await;
    // This client reads only now, long after two unanswered pings.
    assert_eq!(gone.close_code().await, 4012);
}

#[tokio::test]
async fn a_drain_says_goodbye_and_loses_nothing() {
    let mut server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut hers, mut theirs) = (ada.connect(&room.socket).await, grace.connect("/ws").await);
    for number in 0..50 {
        hers.send(&json!({"type": "message.send", "content": number.to_string()})).await;
    }
    assert_eq!(hers.next_content().await, "0", "they are being taken");
    server.stop();
    let mut acknowledged = 1;
    while hers.next_of(&["message.new", "draining"]).await["type"] != "draining" {
        acknowledged += 1;
    }
    // Sends in flight at the start of the drain are answered between the hint and the close.
    let code = loop {
        match timeout(TEST_TIMEOUT, hers.stream.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(_) => acknowledged += 1,
            Message::Close(close) => break close.map(|close| u16::from(close.code)),
            _ => {}
        }
    };
    let hint = theirs.next_of(&["draining"]).await;
    assert!(hint["reconnect_after_ms"].as_u64().unwrap() >= 500);
    assert_eq!((code, theirs.close_code().await), (Some(1012), 1012));
    drop((hers, theirs));

    let data = server.stopped().await;
    let store = store::open(&format!("sqlite:{}", data.path().join("chinwag.db").display())).await.unwrap();
    let stored = store.head(ConversationId::parse(&room.id).unwrap()).await.unwrap();
    assert_eq!(stored, Some(acknowledged), "what is stored was answered, and what was answered is stored");
}

#[tokio::test]
async fn a_peer_that_closes_is_answered() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let mut socket = ada.connect("/ws").await;
    socket.raw(Message::Close(Some(CloseFrame { code: 4321.into(), reason: "bye".into() }))).await;
    assert_eq!(socket.close_code().await, 4321);
}
