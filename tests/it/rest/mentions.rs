//! Mentions, over REST and WebSocket.

use serde_json::{Value, json};

use super::each;
use crate::support::client::{Conversation, TestUser};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    a_mention_is_seen_by_all_and_counted_for_one,
    whom_a_text_can_mention,
    the_devices_are_told_how_many_mentions_are_left,
    who_is_blocked_mentions_without_effect,
    a_mention_of_two_hundred_people_has_a_bound,
}

/// Returns `unread_count` and `mention_count` of a conversation, by itself and in the list.
async fn counts(user: &TestUser, room: &Conversation) -> Value {
    let of = |view: &Value| json!([view["unread_count"], view["mention_count"]]);
    let one = of(&user.get(&room.path).await.expect(200).json());
    let list = user.get("/v1/conversations").await.expect(200).json();
    let listed = list["items"].as_array().unwrap().iter().find(|item| item["id"] == room.id).unwrap();
    assert_eq!(of(listed), one);
    one
}

/// Returns `mentions` and `mentions_all` of a message.
fn mentions(message: &Value) -> Value {
    json!([message["mentions"], message["mentions_all"]])
}

async fn a_mention_is_seen_by_all_and_counted_for_one(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    let mut device = joan.connect("/ws").await;
    ada.send(&room, "hello, all").await;
    let sent = ada.send(&room, "hello @Grace.").await;
    assert_eq!(mentions(&sent), json!([[grace.id], null]));
    let plain = device.next_of(&["message.new"]).await;
    assert!(plain["message"].get("mentions").is_none() && plain["message"].get("mentions_all").is_none(), "{plain}");
    assert_eq!(device.next_of(&["message.new"]).await["message"], sent);
    let page = joan.get(&room.messages).await.expect(200).json();
    assert_eq!(page["items"][1], sent);
    assert_eq!((counts(&grace, &room).await, counts(&joan, &room).await), (json!([2, 1]), json!([2, 0])));
    let listed = joan.get("/v1/conversations").await.expect(200).json();
    assert_eq!(listed["items"][0]["last_message"], sent);

    let path = format!("{}/{}", room.messages, sent["id"].as_str().unwrap());
    let edited = ada.patch(&path, &json!({"content": "hello @joan and @all"})).await.expect(200).json();
    assert_eq!(mentions(&edited), json!([[joan.id], true]));
    assert_eq!(device.next_of(&["message.updated"]).await["message"], edited);
    assert_eq!((counts(&grace, &room).await, counts(&joan, &room).await), (json!([2, 0]), json!([2, 0])));
    ada.delete(&path).await.expect(204);
    let deleted = device.next_of(&["message.deleted"]).await["message"].clone();
    assert_eq!(mentions(&deleted), json!([null, null]));
    let mut replay = joan.connect(&format!("{}?after_seq=0", room.socket)).await;
    let (frames, _) = replay.until("resumed").await;
    assert!(frames.iter().all(|frame| mentions(&frame["message"]) == json!([null, null])), "{frames:?}");
}

async fn whom_a_text_can_mention(store: StoreKind) {
    let server = Server::on(store).await;
    let (owner, admin) = (server.register("owner1").await, server.register("admin1").await);
    let (member, eve) = (server.register("member1").await, server.register("eve").await);
    let (room, other) = (owner.group("Lunch", &[&admin, &member]).await, owner.direct(&member).await);
    owner.patch(&format!("{}/{}", room.members, admin.id), &json!({"role": "admin"})).await.expect(200);
    eve.group("Elsewhere", &[&member]).await;
    let nobody = json!([null, null]);
    for (user, room, all) in [
        (&owner, &room, json!([null, true])),
        (&admin, &room, json!([null, true])),
        (&member, &room, nobody.clone()),
        (&owner, &other, nobody.clone()),
        (&member, &other, nobody.clone()),
    ] {
        assert_eq!(mentions(&user.send(room, "@all").await), all);
        let mut socket = user.connect("/ws").await;
        socket.send(&json!({"type": "message.send", "conversation_id": room.id, "content": "@ALL"})).await;
        assert_eq!(mentions(&socket.next_of(&["message.new", "error"]).await["message"]), all);
        let users = [&owner, &admin, &member].map(|user| user.id.clone());
        let expected = if room.id == other.id { json!([users[0], users[2]]) } else { json!(users) };
        let sent = user.send(room, "@OWNER1 @admin1, @member1! @eve @nobody x@admin1").await;
        assert_eq!(mentions(&sent), json!([expected, null]), "strangers stay text");
    }
    for text in ["mail member1@admin1", "`@admin1`", "https://example.org/@admin1", "@admin12", "@", "@@admin1"] {
        assert_eq!(mentions(&owner.send(&room, text).await), nobody, "{text}");
    }
}

async fn the_devices_are_told_how_many_mentions_are_left(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    for text in ["@grace", "@all", "hello", "@grace"] {
        ada.send(&room, text).await;
    }
    let mut device = grace.connect("/ws").await;
    let mut told = async || {
        let state = device.next_of(&["conversation.state"]).await;
        json!([state["unread_count"], state["mention_count"]])
    };
    assert_eq!(counts(&grace, &room).await, json!([4, 3]));
    grace.read(&room, 1).await.expect(204);
    assert_eq!(told().await, json!([3, 2]));
    grace.put_json(&format!("{}/notifications", room.path), &json!({"level": "mentions"})).await.expect(204);
    assert_eq!(told().await, json!([3, 2]));
    grace.read(&room, 4).await.expect(204);
    assert_eq!(told().await, json!([0, 0]));
    grace.put_json(&format!("{}/unread", room.path), &json!({"from_seq": 2})).await.expect(204);
    assert_eq!(told().await, json!([3, 2]));
    assert_eq!(counts(&grace, &room).await, json!([3, 2]));
}

async fn who_is_blocked_mentions_without_effect(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    grace.put(&format!("/v1/users/{}/block", ada.id)).await.expect(204);
    for text in ["@grace", "@all"] {
        assert_ne!(mentions(&ada.send(&room, text).await), json!([null, null]), "the sender does not see the block");
    }
    assert_eq!(counts(&grace, &room).await, json!([2, 0]));
}

async fn a_mention_of_two_hundred_people_has_a_bound(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let ada = server.register("ada").await;
    let mut members = Vec::new();
    for number in 0..60 {
        members.push(server.register(&format!("user{number}")).await);
    }
    let room = ada.group("Lunch", &members.iter().collect::<Vec<_>>()).await;
    let text = (0..200).map(|number| format!("@user{number} ")).collect::<Vec<_>>().concat();
    let sent = ada.send(&room, &text).await;
    let expected: Vec<&str> = members[..50].iter().map(|member| member.id.as_str()).collect();
    assert_eq!(mentions(&sent), json!([expected, null]), "further names stay text");
    assert_eq!(counts(&members[49], &room).await, json!([1, 1]));
    assert_eq!(counts(&members[50], &room).await, json!([1, 0]));
    let strangers = (100..1_500).map(|number| format!("@user{number} ")).collect::<Vec<_>>().concat();
    assert_eq!(mentions(&ada.send(&room, &format!("{strangers}@user1")).await), json!([null, null]));
    let page = ada.get(&room.messages).await.expect(200).json();
    assert_eq!(each(&page, "/seq"), [1, 2]);
}
