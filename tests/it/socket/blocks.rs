//! Blocks: what open sockets show of the other user, and what they are told.

use chinwag::limits::SMALL_CONVERSATION_MEMBERS_MAX;
use hyper::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::presence::{Client, Fixture};
use crate::support::client::{Conversation, TestUser};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    a_block_hides_both_from_open_sockets_and_its_end_shows_them,
    nobody_is_told_of_changes_behind_a_block,
    blocking_back_tells_nothing,
    a_blocker_who_leaves_at_once_is_not_shown_for_ever,
    an_event_of_a_member_hides_them_and_the_others_are_told,
    a_group_that_outgrows_presence_tells_nothing_of_the_blocked,
    a_block_while_a_connection_begins_is_announced_after_its_state,
    a_block_whose_answer_is_lost_is_announced,
    a_blocked_user_who_tries_everything_reaches_nobody,
}

fn path(user: &TestUser) -> String {
    format!("/v1/users/{}/block", user.id)
}

/// Ada and Bob, who share a direct conversation and a group, and Joan, who is in the group.
struct People {
    server: Server,
    ada: TestUser,
    bob: TestUser,
    joan: TestUser,
    room: Conversation,
}

impl People {
    async fn on(store: StoreKind) -> Self {
        let server = Server::on_with(store, &["--rate-limits", "off"]).await;
        let (ada, bob, joan) =
            (server.register("ada").await, server.register("bob").await, server.register("joan").await);
        ada.direct(&bob).await;
        let room = joan.group("Lunch", &[&ada, &bob]).await;
        Self { server, ada, bob, joan, room }
    }
}

/// Reads frames about presence until one has `marker` in this list. Fails if one of them names `hidden`.
async fn assert_never_named(client: &mut Client, hidden: &TestUser, list: &str, marker: &TestUser) {
    loop {
        let frame = client.read().await;
        assert!(!frame.to_string().contains(&hidden.id), "{frame}");
        if frame[list].to_string().contains(&marker.id) {
            return;
        }
    }
}

async fn a_block_hides_both_from_open_sockets_and_its_end_shows_them(store: StoreKind) {
    let People { ada, bob, joan, room, server: _server } = People::on(store).await;
    let mut adas = Client::of(&ada, "/ws").await;
    let mut bobs = Client::of(&bob, "/ws?hold=1").await;
    let mut bobs_room = Client::of(&bob, &room.socket).await;
    let mut joans = Client::of(&joan, "/ws").await;
    adas.shows(&[&bob, &joan]).await;
    for client in [&mut bobs, &mut bobs_room] {
        client.shows(&[&ada, &joan]).await;
    }
    joans.shows(&[&ada, &bob]).await;

    ada.put(&path(&bob)).await.expect(204);
    adas.shows(&[&joan]).await;
    for client in [&mut bobs, &mut bobs_room] {
        // As if Ada had gone.
        client.shows(&[&joan]).await;
    }
    for path in ["/ws", room.socket.as_str()] {
        let mut bobs = Client::of(&bob, path).await;
        let state = bobs.read().await;
        assert_eq!(state["users"], json!({joan.id.clone(): "online"}), "a new connection");
    }
    ada.delete(&path(&bob)).await.expect(204);
    adas.shows(&[&bob, &joan]).await;
    for client in [&mut bobs, &mut bobs_room] {
        client.shows(&[&ada, &joan]).await;
    }
    drop((adas, bobs, bobs_room));
    joans.shows(&[]).await;
}

async fn nobody_is_told_of_changes_behind_a_block(store: StoreKind) {
    let People { server, ada, bob, joan, room } = People::on(store).await;
    ada.put(&path(&bob)).await.expect(204);
    let mut bobs = Client::of(&bob, "/ws").await;
    let mut bobs_room = Client::of(&bob, &room.socket).await;
    let mut joans = Client::of(&joan, "/ws").await;
    let mut tests = 0;
    for connected in [true, false, true] {
        let adas = if connected { Some(ada.connect("/ws").await) } else { None };
        if connected {
            joans.shows(&[&ada, &bob]).await;
        }
        drop(adas);
        joans.shows(&[&bob]).await;
        // A further user tells that all changes so far were announced.
        tests += 1;
        let marker = server.register(&format!("marker{tests}")).await;
        joan.post(&room.members, &json!({"user_id": marker.id})).await.expect(201);
        let markers = marker.connect("/ws").await;
        for client in [&mut bobs, &mut bobs_room] {
            assert_never_named(client, &ada, "online", &marker).await;
        }
        drop(markers);
        joans.shows(&[&bob]).await;
    }
}

async fn blocking_back_tells_nothing(store: StoreKind) {
    let People { server, ada, bob, joan, room } = People::on(store).await;
    ada.put(&path(&bob)).await.expect(204);
    let mut bobs = Client::of(&bob, "/ws").await;
    let _adas = ada.connect("/ws").await;
    let mut joans = Client::of(&joan, "/ws").await;
    joans.shows(&[&ada, &bob]).await;
    for _ in 0..3 {
        bob.put(&path(&ada)).await.expect(204);
        bob.delete(&path(&ada)).await.expect(204);
        bob.delete(&path(&ada)).await.expect(204);
    }
    let marker = server.register("marker").await;
    joan.post(&room.members, &json!({"user_id": marker.id})).await.expect(201);
    let _markers = marker.connect("/ws").await;
    assert_never_named(&mut bobs, &ada, "online", &marker).await;
}

async fn a_blocker_who_leaves_at_once_is_not_shown_for_ever(store: StoreKind) {
    let People { ada, bob, server: _server, .. } = People::on(store).await;
    for (is_announced, blocks_first) in [(true, true), (false, true), (true, false), (false, false), (true, true)] {
        // He sees her by an announcement, or by the state of a new connection.
        let (adas, mut bobs) = if is_announced {
            let bobs = Client::of(&bob, "/ws").await;
            (ada.connect("/ws").await, bobs)
        } else {
            let adas = ada.connect("/ws").await;
            (adas, Client::of(&bob, "/ws").await)
        };
        bobs.shows(&[&ada]).await;
        if blocks_first {
            ada.put(&path(&bob)).await.expect(204);
            drop(adas);
        } else {
            // The server knows that she has gone, and has not announced it yet.
            drop(adas);
            let user = format!("/v1/users/{}", ada.id);
            while bob.get(&user).await.expect(200).json()["status"] == "online" {}
            ada.put(&path(&bob)).await.expect(204);
        }
        bobs.shows(&[]).await;
        ada.delete(&path(&bob)).await.expect(204);
    }
}

async fn an_event_of_a_member_hides_them_and_the_others_are_told(store: StoreKind) {
    let People { ada, bob, joan, room, server: _server } = People::on(store).await;
    let member = format!("{}/{}", room.members, ada.id);
    joan.delete(&member).await.expect(204);
    ada.put(&path(&bob)).await.expect(204);
    let _adas = ada.connect("/ws").await;
    let mut bobs = bob.connect(&room.socket).await;
    let mut joans = Client::of(&joan, "/ws").await;
    // It comes after `hello`, and would tell what a later difference tells.
    while joans.read().await["type"] != "presence.state" {}
    joan.post(&room.members, &json!({"user_id": ada.id})).await.expect(201);
    let event = bobs.next_of(&["member.added"]).await;
    let user = &event["member"]["user"];
    assert_eq!(
        (&user["id"], &user["status"], &user["last_seen_at"]),
        (&json!(ada.id), &json!("offline"), &Value::Null)
    );
    joans.shows(&[&ada, &bob]).await;
    joan.patch(&member, &json!({"role": "admin"})).await.expect(200);
    let event = bobs.next_of(&["member.updated"]).await;
    assert_eq!(event["member"]["user"]["status"], "offline");
    // The others are told.
    while joans.read().await["online"] != json!([ada.id]) {}

    // A replay has one reader.
    let replayed = async |user: &TestUser| {
        let mut socket = user.connect(&format!("{}?after_seq=0", room.socket)).await;
        socket.next_of(&["member.updated"]).await["member"]["user"]["status"].clone()
    };
    assert_eq!((replayed(&bob).await, replayed(&joan).await), (json!("offline"), json!("online")));
}

async fn a_group_that_outgrows_presence_tells_nothing_of_the_blocked(store: StoreKind) {
    let fixture = Fixture::on(store).await;
    let server = &fixture.server;
    let (ada, bob, joan) = (server.register("ada").await, server.register("bob").await, server.register("joan").await);
    let mut members = vec![ada.id.clone(), bob.id.clone()];
    while i64::try_from(members.len()).unwrap() + 1 < SMALL_CONVERSATION_MEMBERS_MAX {
        members.push(fixture.extra(i64::try_from(members.len()).unwrap()).await);
    }
    let body = json!({"type": "group", "name": "All", "member_ids": members});
    let room = Conversation::from(&joan.post("/v1/conversations", &body).await.expect(201).json());
    let one_more = fixture.extra(SMALL_CONVERSATION_MEMBERS_MAX).await;
    ada.put(&path(&bob)).await.expect(204);
    let _adas = ada.connect("/ws").await;
    let mut bobs = Client::of(&bob, "/ws").await;
    let mut bobs_room = Client::of(&bob, &room.socket).await;
    let mut joans = Client::of(&joan, "/ws").await;
    joans.shows(&[&ada, &bob]).await;
    for client in [&mut bobs, &mut bobs_room] {
        client.shows(&[&joan]).await;
    }
    joan.post(&room.members, &json!({"user_id": one_more})).await.expect(201);
    assert_never_named(&mut bobs, &ada, "offline", &joan).await;
    joans.shows(&[]).await;
    joan.delete(&format!("{}/{one_more}", room.members)).await.expect(204);
    assert_never_named(&mut bobs, &ada, "online", &joan).await;
    while !bobs_room.read().await["online_count"].is_number() {}
    let state = loop {
        let frame = bobs_room.read().await;
        if frame["type"] == "presence.state" {
            break frame;
        }
    };
    assert_eq!(state["users"], json!({joan.id.clone(): "online"}));
    joans.shows(&[&ada, &bob]).await;
}

async fn a_block_while_a_connection_begins_is_announced_after_its_state(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let (ada, bob) = (server.register("ada").await, server.register("bob").await);
    ada.direct(&bob).await;
    let mut adas = ada.connect("/ws").await;
    adas.set_up().await;
    let mut co_members = held.hold("co_members", 1);
    let beginning = tokio::spawn({
        let bob = bob.clone();
        async move { Client::of(&bob, "/ws").await }
    });
    co_members.reached().await;
    // Ada was announced before him or with him, so from now on only his connection asks for blocks.
    while !adas.next_of(&["presence.diff"]).await["online"].to_string().contains(&bob.id) {}
    // Bob's connection reads that there are no blocks, and gets the answer after the block was announced.
    let mut first_look = held.hold("blocks_with", 1);
    co_members.release();
    first_look.reached().await;
    ada.put(&path(&bob)).await.expect(204);
    // Both are told of the block at the same time.
    while !adas.next_of(&["presence.diff"]).await["offline"].to_string().contains(&bob.id) {}
    first_look.release();
    let mut bobs = beginning.await.unwrap();
    while !bobs.read().await["users"].to_string().contains(&ada.id) {}
    bobs.shows(&[]).await;
}

async fn a_block_whose_answer_is_lost_is_announced(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let (ada, bob) = (server.register("ada").await, server.register("bob").await);
    let direct = ada.direct(&bob).await;
    let _adas = ada.connect("/ws").await;
    let mut bobs = Client::of(&bob, "/ws").await;
    bobs.shows(&[&ada]).await;
    held.lose("insert_block", 1);
    assert_eq!(ada.put(&path(&bob)).await.problem(), (503, "unavailable".to_owned()));
    bobs.shows(&[]).await;
    assert_eq!(bob.post(&direct.messages, &json!({"content": "?"})).await.problem().0, 403);
    ada.put(&path(&bob)).await.expect(204);
}

/// Everything that a user can do over REST to reach another one, with the expected status.
fn attempts(
    direct: &Conversation,
    own: &Conversation,
    room: &Conversation,
    his: &str,
    victim: &str,
) -> Vec<(Method, String, Value, u16)> {
    let member = |conversation: &Conversation, id: &str| format!("{}/{id}", conversation.members);
    let one = format!("{}/{his}", direct.messages);
    let create = "/v1/conversations".to_owned();
    vec![
        (Method::POST, direct.messages.clone(), json!({"content": "hey"}), 403),
        (Method::POST, direct.messages.clone(), json!({"content": "hey", "reply_to": his}), 403),
        (Method::PATCH, one, json!({"content": "hey"}), 403),
        (Method::PATCH, direct.path.clone(), json!({"name": "hey"}), 403),
        (Method::DELETE, direct.path.clone(), Value::Null, 403),
        (Method::DELETE, member(direct, victim), Value::Null, 403),
        (Method::PATCH, member(direct, victim), json!({"role": "owner"}), 403),
        // The conversation that exists, which tells her nothing.
        (Method::POST, create.clone(), json!({"type": "direct", "member_ids": [victim]}), 200),
        (Method::POST, create.clone(), json!({"type": "direct", "member_ids": [victim], "id": Uuid::now_v7()}), 200),
        // Groups without her.
        (Method::POST, create.clone(), json!({"type": "group", "name": "hey", "member_ids": [victim]}), 201),
        (Method::POST, own.members.clone(), json!({"user_id": victim}), 403),
        (Method::POST, own.members.clone(), json!({"user_id": victim, "role": "admin"}), 403),
        // In the group of both, what any member may do to her.
        (Method::PATCH, member(room, victim), json!({"role": "admin"}), 403),
        (Method::DELETE, member(room, victim), Value::Null, 403),
        // Blocking back, and ending that.
        (Method::PUT, format!("/v1/users/{victim}/block"), Value::Null, 204),
        (Method::POST, direct.messages.clone(), json!({"content": "hey"}), 403),
        (Method::DELETE, format!("/v1/users/{victim}/block"), Value::Null, 204),
        (Method::POST, direct.messages.clone(), json!({"content": "hey"}), 403),
    ]
}

async fn a_blocked_user_who_tries_everything_reaches_nobody(store: StoreKind) {
    let People { server: _server, ada, bob, joan, room } = People::on(store).await;
    let direct = bob.direct(&ada).await;
    let own = bob.group("Mine", &[]).await;
    let his = bob.send(&direct, "hello").await;
    let his = his["id"].as_str().unwrap();
    ada.put(&path(&bob)).await.expect(204);
    let before = ada.get("/v1/conversations").await.expect(200).json();
    let mut adas = ada.connect("/ws").await;
    let mut bobs = bob.connect("/ws").await;
    for (method, path, body, status) in attempts(&direct, &own, &room, his, &ada.id) {
        let answer = bob.try_call(method.clone(), &path, (!body.is_null()).then_some(&body)).await.unwrap();
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
    }
    let frames = [
        json!({"type": "message.send", "conversation_id": direct.id, "content": "hey"}),
        json!({"type": "message.send", "conversation_id": direct.id, "content": "hey", "id": Uuid::now_v7(), "reply_to": his}),
        json!({"type": "message.edit", "conversation_id": direct.id, "message_id": his, "content": "hey"}),
        json!({"type": "message.send", "conversation_id": direct.id, "input": {"content": "hey"}}),
        json!({"type": "message.edit", "conversation_id": direct.id, "input": {"message_id": his, "content": "hey"}}),
        json!({"type": "member.add", "conversation_id": own.id, "input": {"user_id": ada.id}}),
    ];
    for frame in frames {
        bobs.send(&frame).await;
        let answer = bobs.next_of(&["error", "reply", "message.new", "message.updated"]).await;
        assert_eq!((&answer["status"], &answer["code"]), (&json!(403), &json!("forbidden")), "{frame}: {answer}");
        assert_eq!(answer["detail"], "This user does not accept this.", "{frame}");
    }
    joan.send(&room, "the end").await;
    loop {
        let frame = adas.next().await;
        if frame["message"]["content"] == "the end" {
            break;
        }
        assert!(["presence.state", "presence.diff"].contains(&frame["type"].as_str().unwrap()), "{frame}");
        assert!(!frame.to_string().contains(&bob.id), "{frame}");
    }
    let after = ada.get("/v1/conversations").await.expect(200).json();
    let ids = |list: &Value| -> Vec<(String, Value)> {
        let mut ids: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["id"].to_string(), item["last_seq"].clone()))
            .collect();
        ids.retain(|(id, _)| !id.contains(&room.id));
        ids
    };
    assert_eq!(ids(&after), ids(&before));
}
