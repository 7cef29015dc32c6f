//! Blocks between two users.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{each, nameless, pages, refused_fields};
use crate::support::client::{Conversation, PASSWORD, TestUser};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    blocks_are_made_listed_and_ended,
    a_direct_conversation_is_closed_for_both,
    the_presence_of_the_other_is_hidden_everywhere,
    groups_of_both_go_on_whatever_their_roles,
    nobody_with_a_block_is_added_by_the_other,
    a_block_and_a_refusal_answer_the_same_and_take_as_long,
}

fn path(user: &TestUser) -> String {
    format!("/v1/users/{}/block", user.id)
}

async fn block(actor: &TestUser, user: &TestUser) {
    actor.put(&path(user)).await.expect(204);
}

async fn blocks_are_made_listed_and_ended(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, bob) = (server.register("ada").await, server.register("Bob").await);
    let (cid, zoe) = (server.register("cid").await, server.register("zoe").await);
    for user in [&zoe, &bob, &cid, &bob] {
        assert!(ada.put(&path(user)).await.expect(204).body.is_empty());
    }
    let list = ada.get("/v1/users/me/blocks").await.expect(200).json();
    assert_eq!(each(&list, "/user/username"), ["Bob", "cid", "zoe"]);
    assert!(each(&list, "/created_at").iter().all(Value::is_string), "{list}");
    for limit in [1, 2, 3] {
        let (found, _) = pages(&ada, &format!("/v1/users/me/blocks?limit={limit}"), "/user/username").await;
        assert_eq!(found, ["Bob", "cid", "zoe"]);
    }
    assert_eq!(bob.get("/v1/users/me/blocks").await.expect(200).json(), json!({"items": [], "next": null}));

    assert_eq!(refused_fields(&ada.put(&path(&ada)).await), ["user_id"]);
    for unknown in [Uuid::now_v7().to_string(), "nonsense".to_owned()] {
        let unknown = format!("/v1/users/{unknown}/block");
        assert_eq!(ada.put(&unknown).await.problem(), (404, "not_found".to_owned()));
        assert_eq!(ada.delete(&unknown).await.problem(), (404, "not_found".to_owned()));
    }
    for _ in 0..2 {
        ada.delete(&path(&bob)).await.expect(204);
    }
    zoe.delete(&path(&ada)).await.expect(204);
    let list = ada.get("/v1/users/me/blocks").await.expect(200).json();
    assert_eq!(each(&list, "/user/username"), ["cid", "zoe"], "nobody ends a block of another");

    let deleted = cid.try_call(hyper::Method::DELETE, "/v1/users/me", Some(&json!({"password": PASSWORD}))).await;
    deleted.unwrap().expect(204);
    let list = ada.get("/v1/users/me/blocks").await.expect(200).json();
    assert_eq!(each(&list, "/user/username"), ["zoe"], "a block ends with either account");
    assert_eq!(ada.put(&path(&cid)).await.problem(), (404, "not_found".to_owned()));
    ada.delete(&path(&cid)).await.expect(204);
}

async fn a_direct_conversation_is_closed_for_both(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, bob) = (server.register("ada").await, server.register("bob").await);
    let direct = ada.direct(&bob).await;
    let (hers, his) = (ada.send(&direct, "hello").await, bob.send(&direct, "hi").await);
    block(&ada, &bob).await;
    let declined = json!({"type": "about:blank", "title": "Forbidden", "status": 403, "code": "forbidden",
                          "detail": "This user does not accept this.", "retryable": false});
    for (user, message) in [(&ada, &hers), (&bob, &his)] {
        let sent = user.post(&direct.messages, &json!({"content": "?"})).await;
        assert_eq!(nameless(&sent), (403, declined.clone()));
        let own = format!("{}/{}", direct.messages, message["id"].as_str().unwrap());
        assert_eq!(nameless(&user.patch(&own, &json!({"content": "?"})).await), (403, declined.clone()));
        let retry = json!({"id": message["id"], "content": message["content"]});
        let retried = user.post(&direct.messages, &retry).await.expect(200).json();
        assert_eq!(retried["seq"], message["seq"], "a retry of what was sent before");
        let history = user.get(&direct.messages).await.expect(200).json();
        assert_eq!(each(&history, "/seq"), [1, 2], "the history stays");
    }
    let own = format!("{}/{}", direct.messages, his["id"].as_str().unwrap());
    bob.delete(&own).await.expect(204);
    ada.delete(&path(&bob)).await.expect(204);
    ada.send(&direct, "hello again").await;
    bob.send(&direct, "hi").await;
    let history = ada.get(&direct.messages).await.expect(200).json();
    assert_eq!(each(&history, "/seq"), [1, 2, 4, 5], "what was refused has no number");
}

/// Returns every object of `about` in the answers to `reader`: its status and if it has a `last_seen_at`.
async fn presence_of(reader: &TestUser, about: &TestUser, rooms: &[&Conversation]) -> Vec<(String, bool)> {
    let mut paths = vec![
        format!("/v1/users/{}", about.id),
        "/v1/users".to_owned(),
        "/v1/users?q=o".to_owned(),
        "/v1/conversations".to_owned(),
    ];
    for room in rooms {
        paths.extend([room.path.clone(), room.members.clone()]);
    }
    let mut found = Vec::new();
    for path in paths {
        let answer = reader.get(&path).await.expect(200).json();
        collect(&answer, &about.id, &mut found);
    }
    // Answers to changes have users as well.
    let again = json!({"type": "direct", "member_ids": [about.id]});
    collect(&reader.post("/v1/conversations", &again).await.json(), &about.id, &mut found);
    found
}

fn collect(value: &Value, id: &str, found: &mut Vec<(String, bool)>) {
    match value {
        Value::Object(members) => {
            if members.get("id").is_some_and(|other| other == id) && members.contains_key("last_seen_at") {
                found.push((members["status"].as_str().unwrap().to_owned(), members["last_seen_at"].is_string()));
            }
            members.values().for_each(|value| collect(value, id, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, id, found)),
        _ => {}
    }
}

async fn the_presence_of_the_other_is_hidden_everywhere(store: StoreKind) {
    let server = Server::on(store).await;
    let (olga, otto, ozzy) =
        (server.register("olga").await, server.register("otto").await, server.register("ozzy").await);
    let (direct, group) = (olga.direct(&otto).await, olga.group("Lunch", &[&otto, &ozzy]).await);
    // Everybody was connected before, so that they have a last_seen_at, and is connected now.
    let mut sockets = Vec::new();
    for user in [&olga, &otto, &ozzy] {
        let mut socket = user.connect("/ws").await;
        socket.stream.close(None).await.unwrap();
        while !user.get("/v1/users/me").await.json()["last_seen_at"].is_string() {}
        sockets.push(user.connect("/ws").await);
    }
    let rooms = [&direct, &group];
    let (shown, hidden) = (("online".to_owned(), true), ("offline".to_owned(), false));
    assert_eq!(presence_of(&otto, &olga, &rooms).await, vec![shown.clone(); 8]);
    block(&olga, &otto).await;
    assert_eq!(presence_of(&otto, &olga, &rooms).await, vec![hidden.clone(); 8], "the blocked");
    assert_eq!(presence_of(&olga, &otto, &rooms).await, vec![hidden.clone(); 8], "the blocker");
    assert_eq!(presence_of(&ozzy, &olga, &[&group]).await, vec![shown.clone(); 5], "anybody else");
    let blocks = olga.get("/v1/users/me/blocks").await.expect(200).json();
    assert_eq!(
        (each(&blocks, "/user/status"), each(&blocks, "/user/last_seen_at")),
        (vec![json!("offline")], vec![Value::Null])
    );
    // The answer to a change of the member, and to the change of oneself.
    let promoted = olga.patch(&format!("{}/{}", group.members, otto.id), &json!({"role": "admin"})).await.expect(200);
    let mut found = Vec::new();
    collect(&promoted.json(), &otto.id, &mut found);
    assert_eq!(found, [hidden]);
    assert_eq!(olga.get("/v1/users/me").await.json()["status"], "online", "one sees oneself");

    olga.delete(&path(&otto)).await.expect(204);
    assert_eq!(presence_of(&otto, &olga, &rooms).await, vec![shown; 8]);
}

async fn groups_of_both_go_on_whatever_their_roles(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, bob, cat) = (server.register("ada").await, server.register("bob").await, server.register("cat").await);
    block(&ada, &bob).await;
    // Somebody else brings them together: as owner and as members.
    let room = cat.group("Lunch", &[&ada, &bob]).await;
    for user in [&ada, &bob, &cat] {
        user.send(&room, "to all").await;
    }
    let member = |user: &TestUser| format!("{}/{}", room.members, user.id);
    cat.patch(&member(&ada), &json!({"role": "admin"})).await.expect(200);
    ada.delete(&member(&bob)).await.expect(204);
    cat.post(&room.members, &json!({"user_id": bob.id})).await.expect(201);
    cat.patch(&member(&ada), &json!({"role": "owner"})).await.expect(200);
    // An owner assigns roles to whoever is in.
    ada.patch(&member(&bob), &json!({"role": "admin"})).await.expect(200);
    let history = bob.get(&room.messages).await.expect(200).json();
    assert_eq!(each(&history, "/sender_id")[..3], [ada.id.as_str(), bob.id.as_str(), cat.id.as_str()]);
    bob.delete(&member(&bob)).await.expect(204);
}

async fn nobody_with_a_block_is_added_by_the_other(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, bob, cat) = (server.register("ada").await, server.register("bob").await, server.register("cat").await);
    block(&ada, &bob).await;
    for (actor, other) in [(&ada, &bob), (&bob, &ada)] {
        let direct = actor.post("/v1/conversations", &json!({"type": "direct", "member_ids": [other.id]})).await;
        assert_eq!(direct.problem(), (403, "forbidden".to_owned()));
        assert_eq!(direct.json()["detail"], "This user does not accept this.");
        let body = json!({"type": "group", "name": "Lunch", "member_ids": [other.id, cat.id]});
        let group = actor.post("/v1/conversations", &body).await.expect(201).json();
        assert_eq!((&group["not_added"], &group["member_count"]), (&json!([other.id]), &json!(2)));
        let members = format!("/v1/conversations/{}/members", group["id"].as_str().unwrap());
        let added = actor.post(&members, &json!({"user_id": other.id})).await;
        assert_eq!(added.json()["detail"], "This user does not accept this.");
        // Somebody else adds them, and they are both in.
        actor.patch(&format!("{members}/{}", cat.id), &json!({"role": "admin"})).await.expect(200);
        cat.post(&members, &json!({"user_id": other.id})).await.expect(201);
        actor.post(&members, &json!({"user_id": other.id})).await.expect(200);
    }
    ada.delete(&path(&bob)).await.expect(204);
    bob.post("/v1/conversations", &json!({"type": "direct", "member_ids": [ada.id]})).await.expect(201);
}

async fn a_block_and_a_refusal_answer_the_same_and_take_as_long(store: StoreKind) {
    const ROUNDS: usize = 150;
    /// Far below what another round trip to the store would take more, and far above what two medians of the same differ by.
    const RATIO_MAX: f64 = 2.0;
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let mallory = server.register("mallory").await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    block(&ada, &mallory).await;
    for (user, contact_from) in [(&grace, "nobody"), (&joan, "contacts")] {
        user.patch("/v1/users/me", &json!({"settings": {"contact_from": contact_from}})).await.expect(200);
    }
    let users = [&ada, &grace, &joan];
    let mut times: [Vec<Duration>; 3] = Default::default();
    // By turns, so that whatever else the machine does slows all of them.
    for _ in 0..ROUNDS {
        for (user, times) in users.iter().zip(&mut times) {
            let input = json!({"type": "direct", "member_ids": [user.id]});
            let started = Instant::now();
            let answer = mallory.post("/v1/conversations", &input).await;
            times.push(started.elapsed());
            assert_eq!(nameless(&answer).0, 403);
            assert_eq!(nameless(&answer).1["detail"], "This user does not accept this.");
        }
    }
    let [blocked, refuses, accepts_contacts] = times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2].as_secs_f64()
    });
    for refused in [refuses, accepts_contacts] {
        let ratio = blocked / refused;
        assert!(
            ratio < RATIO_MAX && ratio > 1.0 / RATIO_MAX,
            "a block {blocked:.5} s, a refusal {refuses:.5} s, not a contact {accepts_contacts:.5} s"
        );
    }
}
