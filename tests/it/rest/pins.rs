//! Pinned messages, over REST and WebSocket.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{each, pages};
use crate::support::client::Conversation;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_pin_is_seen_by_all,
    admins_pin_in_groups_over_both_transports,
    behind_a_block_each_takes_back_their_own_pins_alone,
    pins_are_listed_in_pages,
    system_messages_and_deleted_ones_are_not_pinned,
}

fn path(room: &Conversation, message: &Value) -> String {
    format!("{}/{}/pin", room.messages, message["id"].as_str().unwrap())
}

fn pins(room: &Conversation) -> String {
    format!("{}/pins", room.path)
}

async fn a_pin_is_seen_by_all(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut message = grace.send(&room, "at noon").await;
    let (mut one, mut all) = (grace.connect(&room.socket).await, ada.connect("/ws").await);
    for _ in 0..2 {
        assert!(ada.put(&path(&room, &message)).await.expect(204).body.is_empty());
    }
    let event = json!({
        "type": "message.pinned", "conversation_id": room.id, "seq": 2, "message_id": message["id"], "user_id": ada.id,
    });
    for socket in [&mut one, &mut all] {
        assert_eq!(socket.next_of(&["message.pinned"]).await, event);
    }
    let listed = grace.get(&pins(&room)).await.expect(200).json();
    let pinned_at = listed["items"][0]["pinned_at"].clone();
    message["pinned_at"] = pinned_at.clone();
    assert!(pinned_at.is_string());
    let item = json!({"message": message, "user_id": ada.id, "pinned_at": pinned_at});
    assert_eq!(listed, json!({"items": [item], "next": null}));
    let page = grace.get(&room.messages).await.expect(200).json();
    assert_eq!((&page["items"], &page["last_seq"]), (&json!([message]), &json!(2)));
    for _ in 0..2 {
        ada.delete(&path(&room, &message)).await.expect(204);
    }
    let unpinned = one.next_of(&["message.unpinned"]).await;
    assert_eq!((&unpinned["seq"], &unpinned["message_id"]), (&json!(3), &message["id"]));
    assert_eq!(ada.get(&pins(&room)).await.expect(200).json()["items"], json!([]));
    message.as_object_mut().unwrap().remove("pinned_at");
    assert_eq!(grace.get(&room.messages).await.expect(200).json()["items"], json!([message]));
    let mut replay = grace.connect(&format!("{}?after_seq=1", room.socket)).await;
    let (frames, _) = replay.until("resumed").await;
    let frames: Vec<Value> = frames.into_iter().filter(|frame| frame["seq"].is_i64()).collect();
    assert_eq!(frames, [event, unpinned]);
    assert_eq!(
        ada.get(&room.path).await.expect(200).json()["unread_count"],
        1,
        "a pin is not unread and reads nothing"
    );
}

/// Calls an operation on a message over `/ws`. Returns the status.
async fn call(socket: &mut Socket, operation: &str, room: &Conversation, message: &Value) -> u64 {
    let input = json!({"message_id": message["id"]});
    socket.send(&json!({"type": operation, "ref": "r", "conversation_id": room.id, "input": input})).await;
    socket.next_of(&["reply", "error"]).await["status"].as_u64().unwrap()
}

async fn admins_pin_in_groups_over_both_transports(store: StoreKind) {
    let server = Server::on(store).await;
    let owner = server.register("owner1").await;
    let (admin, member) = (server.register("admin1").await, server.register("member1").await);
    let eve = server.register("eve").await;
    let room = owner.group("Lunch", &[&admin, &member]).await;
    owner.patch(&format!("{}/{}", room.members, admin.id), &json!({"role": "admin"})).await.expect(200);
    let unknown = json!({"id": Uuid::now_v7()});
    let users = [(&owner, 204, 200), (&admin, 204, 200), (&member, 403, 200), (&eve, 404, 404)];
    for (user, status, listing) in users {
        let mut socket = user.connect("/ws").await;
        for sender in [&owner, &admin, &member] {
            let message = sender.send(&room, "hello").await;
            user.put(&path(&room, &message)).await.expect(status);
            user.delete(&path(&room, &message)).await.expect(status);
            for operation in ["message.pin", "message.unpin"] {
                assert_eq!(call(&mut socket, operation, &room, &message).await, u64::from(status), "{operation}");
            }
        }
        user.get(&pins(&room)).await.expect(listing);
        let missing = if status == 403 { 404 } else { status.max(404) };
        user.put(&path(&room, &unknown)).await.expect(missing);
        assert_eq!(call(&mut socket, "message.unpin", &room, &unknown).await, u64::from(missing));
    }
}

async fn behind_a_block_each_takes_back_their_own_pins_alone(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let messages = [ada.send(&room, "one").await, grace.send(&room, "two").await];
    let pinned = [(&ada, &messages[1], &messages[0]), (&grace, &messages[0], &messages[1])];
    for (user, own, _) in pinned {
        user.put(&path(&room, own)).await.expect(204);
    }
    ada.put(&format!("/v1/users/{}/block", grace.id)).await.expect(204);
    let forbidden = (403, "forbidden".to_owned());
    for (user, _, others) in pinned {
        let mut socket = user.connect("/ws").await;
        assert_eq!(user.delete(&path(&room, others)).await.problem(), forbidden);
        assert_eq!(call(&mut socket, "message.unpin", &room, others).await, 403);
        user.put(&path(&room, others)).await.expect(204);
    }
    for (user, own, _) in pinned {
        user.delete(&path(&room, own)).await.expect(204);
        user.delete(&path(&room, own)).await.expect(204);
        assert_eq!(user.put(&path(&room, own)).await.problem(), forbidden);
    }
    assert_eq!(ada.get(&pins(&room)).await.expect(200).json()["items"], json!([]));
    ada.delete(&format!("/v1/users/{}/block", grace.id)).await.expect(204);
    grace.put(&path(&room, &messages[0])).await.expect(204);
    ada.delete(&path(&room, &messages[0])).await.expect(204);
}

async fn pins_are_listed_in_pages(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let message = ada.send(&room, &number.to_string()).await;
        ada.put(&path(&room, &message)).await.expect(204);
        ids.push(message["id"].clone());
    }
    ids.reverse();
    let found = pages(&ada, &format!("{}?limit=2", pins(&room)), "/message/id").await;
    assert_eq!(found, (ids, vec![2, 2, 1]), "the newest message first");
    let all = ada.get(&pins(&room)).await.expect(200).json();
    assert_eq!(each(&all, "/message/status"), vec![json!("sent"); 5]);
}

async fn system_messages_and_deleted_ones_are_not_pinned(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let message = ada.send(&room, "hello").await;
    ada.patch(&room.path, &json!({"name": "Dinner"})).await.expect(200);
    let page = ada.get(&room.messages).await.expect(200).json();
    assert_eq!(ada.put(&path(&room, &page["items"][1])).await.problem(), (403, "forbidden".to_owned()));
    ada.put(&path(&room, &message)).await.expect(204);
    ada.delete(&format!("{}/{}", room.messages, message["id"].as_str().unwrap())).await.expect(204);
    for answer in [ada.put(&path(&room, &message)).await, ada.delete(&path(&room, &message)).await] {
        assert_eq!(answer.problem(), (404, "not_found".to_owned()));
    }
    assert_eq!(ada.get(&pins(&room)).await.expect(200).json()["items"], json!([]));
    let page = ada.get(&room.messages).await.expect(200).json();
    assert!(page["items"][0].get("pinned_at").is_none(), "{page}");
}
