//! Saved messages, over REST and WebSocket.

use hyper::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{each, pages};
use crate::support::client::{Conversation, TestUser};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_message_is_saved_for_its_user_alone,
    every_member_and_nobody_else_saves,
    what_is_gone_shows_no_content,
    saved_messages_are_listed_in_pages,
}

const LIST: &str = "/v1/users/me/saved";

fn path(room: &Conversation, message: &Value) -> String {
    format!("{}/{}/saved", room.messages, message["id"].as_str().unwrap())
}

async fn listed(user: &TestUser) -> Value {
    user.get(LIST).await.expect(200).json()
}

async fn a_message_is_saved_for_its_user_alone(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, other) = (ada.group("Lunch", &[&grace]).await, ada.group("Dinner", &[&grace]).await);
    let message = ada.send(&room, "at noon").await;
    let mut devices =
        [grace.connect("/ws").await, grace.connect("/ws?hold=1").await, grace.connect(&room.socket).await];
    let (mut elsewhere, mut adas) = (grace.connect(&other.socket).await, ada.connect("/ws").await);
    for _ in 0..2 {
        assert!(grace.put(&path(&room, &message)).await.expect(204).body.is_empty());
    }
    let list = listed(&grace).await;
    let saved_at = list["items"][0]["saved_at"].clone();
    assert!(saved_at.is_string());
    let ids = json!({"conversation_id": room.id, "message_id": message["id"]});
    let item =
        json!({"conversation_id": room.id, "message_id": message["id"], "saved_at": saved_at, "message": message});
    assert_eq!(list, json!({"items": [item], "next": null}));
    assert_eq!(listed(&ada).await, json!({"items": [], "next": null}));
    for _ in 0..2 {
        grace.delete(&path(&room, &message)).await.expect(204);
    }
    for device in &mut devices {
        let told = device.next_of(&["message.saved"]).await;
        let expected = json!({"type": "message.saved", "conversation_id": room.id, "message_id": message["id"], "saved_at": saved_at});
        assert_eq!(told, expected);
        let told = device.next_of(&["message.saved", "message.unsaved"]).await;
        let expected = json!({"type": "message.unsaved", "conversation_id": ids["conversation_id"], "message_id": ids["message_id"]});
        assert_eq!(told, expected, "the same again is told to nobody");
    }
    elsewhere.assert_silent(&["message.saved"]).await;
    for kind in ["message.saved", "message.unsaved"] {
        adas.assert_silent(&[kind]).await;
    }
    assert_eq!(listed(&grace).await["items"], json!([]));
    let page = grace.get(&room.messages).await.expect(200).json();
    assert_eq!((&page["items"], &page["last_seq"]), (&json!([message]), &json!(1)), "it takes no number");
}

/// Calls an operation on a message over `/ws`. Returns the status.
async fn call(socket: &mut Socket, operation: &str, room: &Conversation, message: &Value) -> u64 {
    let input = json!({"message_id": message["id"]});
    socket.send(&json!({"type": operation, "ref": "r", "conversation_id": room.id, "input": input})).await;
    socket.next_of(&["reply", "error"]).await["status"].as_u64().unwrap()
}

async fn every_member_and_nobody_else_saves(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let owner = server.register("owner1").await;
    let (admin, member) = (server.register("admin1").await, server.register("member1").await);
    let (eve, lin) = (server.register("eve").await, server.register("lin").await);
    let room = owner.group("Lunch", &[&admin, &member, &lin]).await;
    owner.patch(&format!("{}/{}", room.members, admin.id), &json!({"role": "admin"})).await.expect(200);
    lin.delete(&format!("{}/{}", room.members, lin.id)).await.expect(204);
    let (left, unknown) = (room.clone(), json!({"id": Uuid::now_v7()}));
    for (user, status) in [(&owner, 204), (&admin, 204), (&member, 204), (&eve, 404), (&lin, 404)] {
        let mut socket = user.connect("/ws").await;
        for sender in [&owner, &admin, &member] {
            let message = sender.send(&room, "hello").await;
            user.put(&path(&room, &message)).await.expect(status);
            assert_eq!(listed(user).await["items"].as_array().unwrap().len(), usize::from(status == 204), "{status}");
            user.delete(&path(&room, &message)).await.expect(status);
            for operation in ["message.save", "message.unsave", "message.unsave"] {
                assert_eq!(call(&mut socket, operation, &left, &message).await, u64::from(status), "{operation}");
            }
        }
        user.put(&path(&room, &unknown)).await.expect(404);
        user.delete(&path(&room, &unknown)).await.expect(404);
        assert_eq!(listed(user).await["items"], json!([]));
    }
    owner.patch(&room.path, &json!({"name": "Dinner"})).await.expect(200);
    let page = owner.get(&room.messages).await.expect(200).json();
    let system = page["items"].as_array().unwrap().iter().find(|item| item["type"] == "system").unwrap();
    assert_eq!(owner.put(&path(&room, system)).await.problem(), (403, "forbidden".to_owned()));
    let nobody = TestUser { token: "x".to_owned(), ..eve.clone() };
    assert_eq!(nobody.get(LIST).await.problem().0, 401);
    assert_eq!(nobody.put(&path(&room, system)).await.problem().0, 401);
    assert_eq!(owner.try_call(Method::POST, LIST, Some(&json!({}))).await.unwrap().problem().0, 405);
}

async fn what_is_gone_shows_no_content(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let (kept, deleted) = (ada.send(&room, "kept").await, ada.send(&room, "secret").await);
    for message in [&kept, &deleted] {
        grace.put(&path(&room, message)).await.expect(204);
    }
    ada.delete(&format!("{}/{}", room.messages, deleted["id"].as_str().unwrap())).await.expect(204);
    assert_eq!(each(&listed(&grace).await, "/message"), [Value::Null, kept.clone()]);
    assert_eq!(grace.put(&path(&room, &deleted)).await.problem(), (404, "not_found".to_owned()));
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    assert_eq!(each(&listed(&grace).await, "/message"), [Value::Null, Value::Null]);
    grace.delete(&path(&room, &deleted)).await.expect(204);
    assert_eq!(each(&listed(&grace).await, "/message_id"), [kept["id"].clone()]);
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);
    assert_eq!(each(&listed(&grace).await, "/message/content"), ["kept"]);
}

async fn saved_messages_are_listed_in_pages(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let rooms = [ada.group("Lunch", &[]).await, ada.direct(&grace).await];
    let mut ids = Vec::new();
    for number in 0..5 {
        let room = &rooms[number % 2];
        let message = ada.send(room, &number.to_string()).await;
        ada.put(&path(room, &message)).await.expect(204);
        ids.push(message["id"].clone());
    }
    ids.reverse();
    let found = pages(&ada, &format!("{LIST}?limit=2"), "/message/id").await;
    assert_eq!(found, (ids, vec![2, 2, 1]), "the one that was saved last first");
    assert_eq!(each(&listed(&ada).await, "/message/status"), vec![json!("sent"); 5]);
    for bad in ["limit=0", "limit=201", "cursor=AA", "cursor="] {
        assert_eq!(ada.get(&format!("{LIST}?{bad}")).await.problem(), (422, "invalid".to_owned()), "{bad}");
    }
}
