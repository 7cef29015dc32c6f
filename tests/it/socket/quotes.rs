//! Answers show the beginning of the message that they answer, over both transports.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::server::{Server, StoreKind};

on_each_store! {
    an_answer_shows_what_it_answers,
    what_a_client_says_of_a_quote_is_ignored,
}

async fn an_answer_shows_what_it_answers(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let (mut one, mut all) = (grace.connect(&room.socket).await, ada.connect("/ws").await);
    let first = ada.send(&room, "at noon?").await;
    assert!(first.get("quote").is_none(), "a message that answers none has no quote");
    let id = Uuid::now_v7();
    let send = json!({"type": "message.send", "id": id, "content": "yes", "reply_to": first["id"]});
    one.send(&send).await;
    let mut quote = json!({"seq": 1, "sender_id": ada.id, "type": "text", "content": "at noon?", "deleted_at": null});
    let mut frames = Vec::new();
    for socket in [&mut one, &mut all] {
        socket.next_of(&["message.new"]).await;
        frames.push(socket.next_of(&["message.new"]).await);
    }
    assert_eq!(frames[0], frames[1], "the same bytes for all");
    assert_eq!((&frames[0]["message"]["reply_to"], &frames[0]["message"]["quote"]), (&first["id"], &quote));
    one.send(&send).await;
    assert_eq!(one.next_of(&["message.new"]).await, frames[0], "a retry");
    let retry = json!({"id": id, "content": "yes", "reply_to": first["id"]});
    assert_eq!(grace.post(&room.messages, &retry).await.expect(200).json()["quote"], quote);

    let path = format!("{}/{}", room.messages, first["id"].as_str().unwrap());
    ada.patch(&path, &json!({"content": "at one?"})).await.expect(200);
    quote["content"] = json!("at one?");
    let quoted = async || {
        let page = grace.get(&room.messages).await.expect(200).json();
        let mut replay = grace.connect(&format!("{}?after_seq=1", room.socket)).await;
        let replayed = replay.next_of(&["message.new"]).await["message"]["quote"].take();
        assert_eq!(page["items"][1]["quote"], replayed);
        replayed
    };
    assert_eq!(quoted().await, quote, "an edit shows");
    let answer = format!("{}/{id}", room.messages);
    let edited = grace.patch(&answer, &json!({"content": "yes!"})).await.expect(200).json();
    assert_eq!(edited["quote"], quote);
    assert_eq!(all.next_of(&["message.updated"]).await["message"]["content"], "at one?");
    assert_eq!(all.next_of(&["message.updated"]).await["message"]["quote"], quote);

    ada.delete(&path).await.expect(204);
    let deleted: Value = quoted().await;
    assert_eq!((&deleted["content"], &deleted["seq"]), (&json!(""), &json!(1)), "a deletion hides");
    assert!(deleted["deleted_at"].is_string(), "{deleted}");
}

async fn what_a_client_says_of_a_quote_is_ignored(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let first = ada.send(&room, "true").await;
    let forged = json!({"sender_id": ada.id, "content": "forged"});
    let send = json!({"content": "look", "reply_to": first["id"], "quote": forged});
    let answer = ada.post(&room.messages, &send).await.expect(201).json();
    assert_eq!(answer["quote"]["content"], "true");
    let alone = ada.post(&room.messages, &json!({"content": "look", "quote": forged})).await.expect(201).json();
    assert!(alone.get("quote").is_none(), "{alone}");
}
