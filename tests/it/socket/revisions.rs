//! Editing and deleting messages, over REST and WebSocket.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Conversation, TestUser};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    an_edit_and_a_deletion_are_heard_by_all,
    both_transports_revise,
    a_revision_that_changes_nothing_is_answered_alone,
    a_retry_gets_the_message_as_it_is_now,
    only_those_who_may_revise,
    whoever_was_away_hears_what_is_there_now,
}

struct Fixture {
    _server: Server,
    ada: TestUser,
    grace: TestUser,
    room: Conversation,
}

impl Fixture {
    async fn set(store: StoreKind) -> Self {
        let server = Server::on(store).await;
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        let room = ada.group("Lunch", &[&grace]).await;
        Self { _server: server, ada, grace, room }
    }

    fn path(&self, message: &Value) -> String {
        format!("{}/{}", self.room.messages, message["id"].as_str().unwrap())
    }
}

async fn an_edit_and_a_deletion_are_heard_by_all(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let Fixture { ada, grace, room, .. } = &fixture;
    let (mut one, mut all) = (grace.connect(&room.socket).await, ada.connect("/ws").await);
    let message = ada.send(room, "tpyo").await;
    let edited = ada.patch(&fixture.path(&message), &json!({"content": "typo"})).await.expect(200).json();
    assert_eq!((&edited["content"], &edited["seq"], &edited["status"]), (&json!("typo"), &json!(1), &json!("sent")));
    assert!(edited["edited_at"].is_string() && edited["deleted_at"].is_null());
    let gone = ada.delete(&fixture.path(&message)).await.expect(204);
    assert!(gone.body.is_empty());
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.next_of(&["message.new"]).await["message"], message);
        let updated = socket.next_of(&["message.updated", "message.deleted"]).await;
        assert_eq!((&updated["type"], &updated["seq"]), (&json!("message.updated"), &json!(2)));
        assert_eq!((&updated["message"], &updated["conversation_id"]), (&edited, &json!(room.id)));
        let deleted = socket.next_of(&["message.updated", "message.deleted"]).await;
        assert_eq!((&deleted["type"], &deleted["seq"]), (&json!("message.deleted"), &json!(3)));
        assert_eq!((&deleted["message"]["content"], &deleted["message"]["seq"]), (&json!(""), &json!(1)));
        assert!(deleted["message"]["deleted_at"].is_string());
    }
    let page = grace.get(&room.messages).await.expect(200).json();
    assert_eq!((&page["last_seq"], page["items"].as_array().unwrap().len()), (&json!(3), 1));
    assert_eq!(page["items"][0]["content"], "");
}

async fn both_transports_revise(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let Fixture { ada, grace, room, .. } = &fixture;
    let (mut one, mut all) = (ada.connect(&room.socket).await, grace.connect("/ws").await);
    // The frames of one client keep their order, so a client can edit a message before its acknowledgement.
    let id = Uuid::now_v7();
    one.send(&json!({"type": "message.send", "id": id, "content": "a"})).await;
    one.send(&json!({"type": "message.edit", "message_id": id, "content": "b"})).await;
    one.send(&json!({"type": "message.delete", "message_id": id})).await;
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.next_seqs(3).await, [1, 2, 3]);
    }
    let mut silent = grace.connect("/ws?hold=1").await;
    let message = grace.send(room, "c").await;
    let mut frame = json!({"type": "message.edit", "message_id": message["id"], "content": "d"});
    silent.send(&frame).await;
    let missing = silent.next_of(&["error"]).await;
    assert_eq!((&missing["errors"][0]["field"], &missing["ref"]), (&json!("conversation_id"), &message["id"]));
    frame["conversation_id"] = json!(room.id);
    silent.send(&frame).await;
    let updated = silent.next_of(&["message.updated", "error"]).await;
    assert_eq!((&updated["type"], &updated["seq"]), (&json!("message.updated"), &json!(5)), "its own answer");
    silent.send(&json!({"type": "message.delete", "conversation_id": room.id, "message_id": message["id"]})).await;
    let deleted = silent.next_of(&["message.deleted", "error"]).await;
    assert_eq!((&deleted["type"], &deleted["seq"]), (&json!("message.deleted"), &json!(6)), "{deleted}");
    assert_eq!(all.next_seqs(3).await, [4, 5, 6]);
}

async fn a_revision_that_changes_nothing_is_answered_alone(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let Fixture { ada, grace, room, .. } = &fixture;
    let message = ada.send(room, "as it is").await;
    let (mut mine, mut theirs) = (ada.connect(&room.socket).await, grace.connect(&room.socket).await);
    mine.send(&json!({"type": "message.edit", "message_id": message["id"], "content": "as it is"})).await;
    let answer = mine.next_of(&["message.updated"]).await;
    assert_eq!(answer["message"], message);
    assert!(answer.get("seq").is_none(), "nothing happened");
    assert_eq!(ada.patch(&fixture.path(&message), &json!({"content": "as it is"})).await.expect(200).json(), message);
    ada.delete(&fixture.path(&message)).await.expect(204);
    ada.delete(&fixture.path(&message)).await.expect(204);
    mine.send(&json!({"type": "message.delete", "message_id": message["id"]})).await;
    assert_eq!(mine.next_of(&["message.deleted"]).await["seq"], 2);
    let again = mine.next_of(&["message.deleted"]).await;
    assert!(again.get("seq").is_none() && again["message"]["deleted_at"].is_string());
    ada.send(room, "next").await;
    assert_eq!(theirs.next_seqs(2).await, [2, 3], "others receive the events that happened, and no other");
}

async fn a_retry_gets_the_message_as_it_is_now(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let Fixture { ada, room, .. } = &fixture;
    let send = json!({"id": Uuid::now_v7(), "content": "first"});
    let message = ada.post(&room.messages, &send).await.expect(201).json();
    let edited = ada.patch(&fixture.path(&message), &json!({"content": "second"})).await.expect(200).json();
    assert_eq!(ada.post(&room.messages, &send).await.expect(200).json(), edited);
    ada.delete(&fixture.path(&message)).await.expect(204);
    let mut socket = ada.connect(&room.socket).await;
    socket.send(&json!({"type": "message.send", "id": send["id"], "content": "first"})).await;
    let again = socket.next_of(&["message.new"]).await;
    assert_eq!((&again["message"]["content"], &again["seq"]), (&json!(""), &json!(1)));
    assert!(again["message"]["deleted_at"].is_string());
    assert_eq!(ada.post(&room.messages, &send).await.expect(200).json(), again["message"]);
}

async fn only_those_who_may_revise(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let Fixture { ada, grace, room, .. } = &fixture;
    let (hers, theirs) = (ada.send(room, "hers").await, grace.send(room, "theirs").await);
    let edit = json!({"content": "mine"});
    let code = |(status, code): (u16, String)| format!("{status} {code}");
    assert_eq!(code(grace.patch(&fixture.path(&hers), &edit).await.problem()), "403 forbidden");
    assert_eq!(code(grace.delete(&fixture.path(&hers)).await.problem()), "403 forbidden");
    assert_eq!(code(ada.patch(&fixture.path(&theirs), &edit).await.problem()), "403 forbidden", "not even its owner");
    ada.delete(&fixture.path(&theirs)).await.expect(204);
    assert_eq!(
        code(grace.patch(&fixture.path(&theirs), &edit).await.problem()),
        "404 not_found",
        "it is no longer visible"
    );
    let eve = TestUser::register(ada.address, "eve").await;
    assert_eq!(code(eve.patch(&fixture.path(&hers), &edit).await.problem()), "404 not_found");
    let mut socket = grace.connect(&room.socket).await;
    socket.send(&json!({"type": "message.edit", "message_id": hers["id"], "content": "x"})).await;
    let refused = socket.next_of(&["error"]).await;
    assert_eq!((&refused["code"], &refused["ref"]), (&json!("forbidden"), &hers["id"]));
}

async fn whoever_was_away_hears_what_is_there_now(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let Fixture { ada, grace, room, .. } = &fixture;
    let mut secret = Vec::new();
    for number in 0..250 {
        let message = ada.send(room, &format!("secret {number}")).await;
        if number % 50 == 0 {
            ada.patch(&fixture.path(&message), &json!({"content": "milder"})).await.expect(200);
            ada.delete(&fixture.path(&message)).await.expect(204);
            secret.push(message["id"].clone());
        }
    }
    let mut socket = grace.connect("/ws?hold=1").await;
    socket.send(&json!({"type": "resume", "conversations": {&room.id: 0}})).await;
    let mut expected = 0;
    loop {
        let frame = socket.next_of(&["message.new", "message.updated", "message.deleted", "resumed"]).await;
        if frame["type"] == "resumed" {
            assert_eq!(frame["last_seq"], 260);
            break;
        }
        expected += 1;
        assert_eq!(frame["seq"], expected);
        if secret.contains(&frame["message"]["id"]) {
            assert_eq!(frame["message"]["content"], "", "nothing deleted comes back: {frame}");
        }
    }
    assert_eq!(expected, 260);
}
