//! Sending messages and reading the history.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{each, refused_fields};
use crate::support::client::{Conversation, TestUser};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    a_message_is_sent,
    the_same_id_is_the_same_message,
    the_id_of_a_system_message_is_taken,
    an_id_has_the_same_forms_in_paths_as_in_json,
    an_answer_names_a_message_of_its_conversation,
    history_is_read_in_pages,
    pages_of_history_are_bounded,
    a_message_is_read_once_all_others_have_read_it,
    what_happens_to_members_and_names_is_in_the_history,
}

async fn page(user: &TestUser, room: &Conversation, query: &str) -> Value {
    user.get(&format!("{}?{query}", room.messages)).await.expect(200).json()
}

async fn a_message_is_sent(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let content = "  hi 👋🏽,\r\n\t\u{202e}as \"written\"\u{7} ";
    let answer = ada.post(&room.messages, &json!({"content": content, "type": "text"})).await.expect(201);
    let message = answer.json();
    let location = format!("{}?around_seq=1", room.messages);
    assert_eq!(answer.header("location"), Some(location.as_str()));
    let expected = json!({
        "id": message["id"], "conversation_id": room.id, "seq": 1, "sender_id": ada.id, "type": "text",
        "content": content, "reply_to": null, "timestamp": message["timestamp"], "edited_at": null,
        "deleted_at": null, "reactions": [], "status": "sent",
    });
    assert_eq!(message, expected, "the text stays as it is written");
    assert!(message["timestamp"].as_str().unwrap().ends_with('Z'));
    Uuid::parse_str(message["id"].as_str().unwrap()).unwrap();
    assert_eq!(grace.get(&location).await.expect(200).json()["items"], json!([message]));

    let again = ada.post(&room.messages, &json!({"content": content})).await.expect(201).json();
    assert_eq!(again["seq"], 2, "without an id a retry is a new message");
    assert_ne!(again["id"], message["id"]);
    for kind in ["system", "image", "", "TEXT"] {
        let refused = ada.post(&room.messages, &json!({"content": "x", "type": kind})).await;
        assert_eq!(refused_fields(&refused), ["type"], "{kind}");
    }
}

async fn the_same_id_is_the_same_message(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, other) = (ada.group("Lunch", &[&grace]).await, ada.direct(&grace).await);
    // Any UUID, not only version 7.
    for (index, id) in [Uuid::now_v7(), Uuid::from_u128(1), Uuid::max()].into_iter().enumerate() {
        let send = json!({"id": id, "content": "once"});
        let first = ada.post(&room.messages, &send).await.expect(201).json();
        assert_eq!((&first["id"], &first["seq"]), (&json!(id), &json!(index + 1)));
        let mut shouted = send.clone();
        shouted["id"] = json!(id.to_string().to_uppercase());
        for retry in [&send, &shouted, &json!({"id": id, "content": "something else"})] {
            assert_eq!(ada.post(&room.messages, retry).await.expect(200).json(), first, "{retry}");
        }
        let taken = grace.post(&room.messages, &send).await;
        assert_eq!(taken.problem(), (409, "id_taken".to_owned()));
        assert!(!String::from_utf8_lossy(&taken.body).contains("once"), "it tells nothing of the first");
        ada.post(&other.messages, &send).await.expect(201);
    }
    assert_eq!(ada.get(&room.path).await.json()["last_seq"], 3);
}

async fn the_id_of_a_system_message_is_taken(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    ada.patch(&room.path, &json!({"name": "Supper"})).await.expect(200);
    let renamed = page(&ada, &room, "").await["items"][0].clone();
    assert_eq!((&renamed["type"], &renamed["sender_id"]), (&json!("system"), &json!(ada.id)));
    for user in [&ada, &grace] {
        let answer = user.post(&room.messages, &json!({"id": renamed["id"], "content": "Supper"})).await;
        assert_eq!(answer.problem(), (409, "id_taken".to_owned()));
    }
    assert_eq!(page(&ada, &room, "").await["last_seq"], 1);
}

async fn an_id_has_the_same_forms_in_paths_as_in_json(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let id = Uuid::parse_str(&room.id).unwrap();
    let upper = room.id.to_uppercase();
    for (index, form) in
        [upper, id.simple().to_string(), id.braced().to_string(), id.urn().to_string()].iter().enumerate()
    {
        let path = format!("/v1/conversations/{}", form.replace('{', "%7B").replace('}', "%7D"));
        assert_eq!(ada.get(&path).await.expect(200).json()["id"], room.id.as_str(), "{form}");
        let sent = ada.post(&format!("{path}/messages"), &json!({"content": form})).await.expect(201).json();
        let mut socket =
            grace.connect(&format!("/ws/{form}?after_seq={index}").replace('{', "%7B").replace('}', "%7D")).await;
        socket
            .send(&json!({"type": "message.edit", "conversation_id": form, "message_id": sent["id"], "content": "x"}))
            .await;
        assert_eq!(socket.next_of(&["message.new"]).await["message"], sent, "{form}");
        assert_eq!(socket.next_of(&["error"]).await["code"], "forbidden", "{form}: the message is found");
    }
    for other in [&room.id[1..], &format!("{{{}", room.id), &format!("{}0", room.id)] {
        ada.get(&format!("/v1/conversations/{other}")).await.expect(404);
    }
}

async fn an_answer_names_a_message_of_its_conversation(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, other) = (ada.group("Lunch", &[&grace]).await, ada.direct(&grace).await);
    let (first, elsewhere) = (ada.send(&room, "hungry?").await, ada.send(&other, "psst").await);
    let reply = json!({"content": "yes", "reply_to": first["id"]});
    assert_eq!(grace.post(&room.messages, &reply).await.expect(201).json()["reply_to"], first["id"]);
    let own = Uuid::now_v7();
    for (id, reply_to) in
        [(json!(null), &elsewhere["id"]), (json!(null), &json!(Uuid::now_v7())), (json!(own), &json!(own))]
    {
        let refused = grace.post(&room.messages, &json!({"id": id, "content": "?", "reply_to": reply_to})).await;
        assert_eq!(refused_fields(&refused), ["reply_to"]);
    }
    assert_eq!(ada.get(&room.path).await.json()["last_seq"], 2);
}

async fn history_is_read_in_pages(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    assert_eq!(page(&ada, &room, "").await, json!({"items": [], "has_more": false, "last_seq": 0}));
    for number in 1..=10 {
        ada.send(&room, &number.to_string()).await;
    }
    // The query, the numbers (without the last), and the value of `has_more` in the requested direction.
    for (query, expected, more) in [
        ("", 1..11, false),
        ("limit=10", 1..11, false),
        ("limit=9", 2..11, true),
        ("limit=3", 8..11, true),
        ("limit=1", 10..11, true),
        ("before_seq=8&limit=3", 5..8, true),
        ("before_seq=4&limit=3", 1..4, false),
        ("before_seq=4&limit=2", 2..4, true),
        ("before_seq=1", 1..1, false),
        ("before_seq=0", 1..1, false),
        ("before_seq=9223372036854775807&limit=2", 9..11, true),
        ("after_seq=0&limit=3", 1..4, true),
        ("after_seq=7&limit=3", 8..11, false),
        ("after_seq=6&limit=3", 7..10, true),
        ("after_seq=10", 1..1, false),
        ("after_seq=9223372036854775807", 1..1, false),
    ] {
        let found = page(&grace, &room, query).await;
        assert_eq!(each(&found, "/seq"), expected.collect::<Vec<_>>(), "oldest first: {query}");
        assert_eq!((&found["has_more"], &found["last_seq"]), (&json!(more), &json!(10)), "{query}");
    }
    for (query, expected, before, after) in [
        ("around_seq=5&limit=4", 3..=6, true, true),
        ("around_seq=5&limit=1", 5..=5, true, true),
        ("around_seq=1&limit=4", 1..=2, false, true),
        ("around_seq=10&limit=4", 8..=10, true, false),
        ("around_seq=5", 1..=10, false, false),
        ("around_seq=0&limit=4", 1..=2, false, true),
        ("around_seq=99&limit=4", 9..=10, true, false),
    ] {
        let found = page(&grace, &room, query).await;
        assert_eq!(each(&found, "/seq"), expected.collect::<Vec<_>>(), "{query}");
        let more = (&found["has_more_before"], &found["has_more_after"]);
        assert_eq!(more, (&json!(before), &json!(after)), "{query}");
        assert_eq!((&found["has_more"], &found["last_seq"]), (&Value::Null, &json!(10)), "{query}");
    }
}

async fn pages_of_history_are_bounded(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let count = 205;
    let mut socket = ada.connect(&room.socket).await;
    for _ in 0..count {
        socket.send(&json!({"type": "message.send", "content": "x"})).await;
    }
    socket.next_seqs(count).await;
    for (query, length) in [("", 50), ("limit=200", 200), ("after_seq=0", 50), ("around_seq=100", 50)] {
        assert_eq!(page(&grace, &room, query).await["items"].as_array().unwrap().len(), length, "{query}");
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("after_seq=-1", "after_seq"),
        ("around_seq=x", "around_seq"),
        ("before_seq=9223372036854775808", "before_seq"),
        ("before_seq=1&after_seq=1", "before_seq"),
    ] {
        let refused = grace.get(&format!("{}?{query}", room.messages)).await;
        assert_eq!(refused_fields(&refused), [field], "{query}");
    }
}

async fn a_message_is_read_once_all_others_have_read_it(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    let status = async |user: &TestUser| page(user, &room, "limit=1&before_seq=2").await["items"][0]["status"].clone();
    let send = json!({"id": Uuid::now_v7(), "content": "one"});
    assert_eq!(ada.post(&room.messages, &send).await.expect(201).json()["status"], "sent");
    assert_eq!(status(&ada).await, "sent");
    grace.send(&room, "two").await; // a reply implies that she has read
    assert_eq!(status(&ada).await, "sent", "the least of the others'");
    joan.send(&room, "three").await;
    assert_eq!(status(&ada).await, "read");
    assert_eq!(status(&grace).await, "sent", "receipts are shown for the reader's own messages alone");
    assert_eq!(ada.post(&room.messages, &send).await.expect(200).json()["status"], "read");
    let all = page(&grace, &room, "").await;
    assert_eq!(each(&all, "/status"), ["sent", "sent", "sent"], "ada has not read what came after hers");
}

async fn what_happens_to_members_and_names_is_in_the_history(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace]).await;
    ada.send(&room, "hi").await;
    let member = format!("{}/{}", room.members, joan.id);
    ada.post(&room.members, &json!({"user_id": joan.id})).await.expect(201);
    ada.patch(&member, &json!({"role": "admin"})).await.expect(200);
    joan.patch(&room.path, &json!({"name": "Supper"})).await.expect(200);
    ada.delete(&member).await.expect(204);
    let all = page(&grace, &room, "").await;
    assert_eq!(each(&all, "/seq"), [1, 2, 3, 4, 5]);
    assert_eq!(each(&all, "/type"), ["text", "system", "system", "system", "system"]);
    let contents =
        ["hi", "Ada added Joan", "Ada made Joan an admin", "Joan named the conversation “Supper”", "Ada removed Joan"];
    assert_eq!(each(&all, "/content"), contents);
    assert!(all["items"][0].get("system").is_none());
    let notes: Vec<&Value> = (1..5).map(|index| &all["items"][index]["system"]).collect();
    let expected = [
        json!({"kind": "member.added", "user_id": joan.id, "role": "member"}),
        json!({"kind": "member.updated", "user_id": joan.id, "role": "admin"}),
        json!({"kind": "conversation.updated", "name": "Supper"}),
        json!({"kind": "member.removed", "user_id": joan.id}),
    ];
    assert_eq!(notes, expected.iter().collect::<Vec<_>>());
    assert_eq!(grace.get(&room.path).await.json()["unread_count"], 1, "system messages are not unread");
    let system = &all["items"][1]["id"];
    grace.post(&room.messages, &json!({"content": "welcome", "reply_to": system})).await.expect(201);
}
