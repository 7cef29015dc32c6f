//! Leaving many conversations at once.

use chinwag::limits::{LEAVES_MAX, WRITES};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{each, refused_fields};
use crate::support::client::{Conversation, Response, TestUser};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    each_conversation_has_an_answer_of_its_own,
    a_victim_of_many_groups_is_out_of_them_soon,
}

async fn leave(user: &TestUser, ids: &[&str]) -> Response {
    user.post("/v1/conversations/leave", &json!({"conversation_ids": ids})).await
}

async fn each_conversation_has_an_answer_of_its_own(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, bob) = (server.register("ada").await, server.register("bob").await);
    let (one, two, hers) =
        (ada.group("One", &[&bob]).await, ada.group("Two", &[&bob]).await, bob.group("Mine", &[&ada]).await);
    let (direct, foreign, alone) =
        (ada.direct(&bob).await, ada.group("Theirs", &[]).await, bob.group("Alone", &[]).await);
    let unknown = Uuid::now_v7().to_string();
    let mut socket = ada.connect(&one.socket).await;
    let ids = [&one.id, &hers.id, &direct.id, &foreign.id, &unknown, &one.id, &two.id, &alone.id].map(String::as_str);
    let answer = leave(&bob, &ids).await.expect(200).json();
    assert_eq!(
        each(&answer, "/conversation_id"),
        [ids[0], ids[1], ids[2], ids[3], ids[4], ids[6], ids[7]],
        "each once"
    );
    assert_eq!(each(&answer, "/status"), [204, 403, 403, 404, 404, 204, 204]);
    let refused: Vec<&Value> =
        answer["items"].as_array().unwrap().iter().filter(|item| item["status"] != 204).collect();
    let own = bob.delete(&format!("{}/{}", hers.members, bob.id)).await;
    assert_eq!((&refused[0]["detail"], &refused[0]["code"]), (&own.json()["detail"], &json!("forbidden")));
    assert_eq!(answer["items"][0], json!({"conversation_id": one.id, "status": 204}));

    let event = socket.next_of(&["member.removed"]).await;
    assert_eq!((&event["seq"], &event["message"]["content"]), (&json!(1), &json!("Bob left")), "a numbered event");
    for room in [&one, &two, &alone] {
        assert_eq!(bob.get(&room.path).await.problem(), (404, "not_found".to_owned()));
    }
    let again = leave(&bob, &[&one.id]).await.expect(200).json();
    assert_eq!(each(&again, "/status"), [404]);
    assert_eq!(leave(&bob, &[]).await.expect(200).json(), json!({"items": []}));
    let many: Vec<String> = (0..=LEAVES_MAX).map(|_| Uuid::now_v7().to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refused_fields(&leave(&bob, &many).await), ["conversation_ids"]);
    assert_eq!(refused_fields(&leave(&bob, &["nonsense"]).await), ["conversation_ids[0]"]);
}

async fn a_victim_of_many_groups_is_out_of_them_soon(store: StoreKind) {
    let server = Server::on(store).await;
    let (mallory, victim) = (server.register("mallory").await, server.register("victim").await);
    // Conversations with somebody who knows one count for no day's quota.
    let kept = victim.direct(&mallory).await;
    let mut rooms: Vec<Conversation> = Vec::new();
    while rooms.len() < 3 * LEAVES_MAX {
        rooms.push(mallory.group("Spam", &[&victim]).await);
    }
    let ids: Vec<&str> = rooms.iter().map(|room| room.id.as_str()).collect();
    for ids in ids.chunks(LEAVES_MAX) {
        let answer = leave(&victim, ids).await.expect(200).json();
        assert_eq!(each(&answer, "/status"), vec![json!(204); ids.len()]);
    }
    let left = victim.get("/v1/conversations").await.expect(200).json();
    assert_eq!(each(&left, "/id"), [kept.id.as_str()]);
    assert_eq!(each(&mallory.get(&rooms[0].messages).await.json(), "/content"), ["Victim left"]);
    // It costs a part of its writes.
    let mut calls = 3;
    while leave(&victim, &[]).await.status == 200 {
        calls += 1;
    }
    assert!((25..60).contains(&calls), "{calls} calls of {} writes", WRITES.burst);
}
