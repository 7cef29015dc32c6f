//! Reactions over WebSocket, and their events.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chinwag::limits::REACTIONS;
use futures_util::future::join_all;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Conversation, TestUser};
use crate::support::rng::FaultRun;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_reaction_is_delivered_to_all_and_answered_after_its_event,
    whoever_was_away_hears_of_reactions,
    reactions_are_refused_over_websocket_as_over_rest,
    a_deletion_among_reactions_leaves_none,
    a_reaction_in_doubt_is_one_event,
    a_storm_of_reactions_is_a_few_events,
}

const THUMB: &str = "\u{1F44D}";
const HEART: &str = "\u{2764}\u{FE0F}";

/// Calls an operation on a message. Returns the answer, and skips the frames before it.
async fn call(socket: &mut Socket, operation: &str, room: &Conversation, message: &Value, emoji: &str) -> Value {
    let input = json!({"message_id": message["id"], "emoji": emoji});
    let frame = json!({"type": operation, "ref": "r", "conversation_id": room.id, "input": input});
    socket.send(&frame).await;
    socket.next_of(&["reply", "error"]).await
}

fn path(room: &Conversation, message: &Value, emoji: &str) -> String {
    let emoji = utf8_percent_encode(emoji, NON_ALPHANUMERIC);
    format!("{}/{}/reactions/{emoji}", room.messages, message["id"].as_str().unwrap())
}

async fn a_reaction_is_delivered_to_all_and_answered_after_its_event(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let message = ada.send(&room, "hello").await;
    let (mut one, mut all) = (grace.connect(&room.socket).await, ada.connect("/ws").await);
    let input = json!({"message_id": message["id"], "emoji": "\u{2764}"});
    all.send(&json!({"type": "reaction.add", "ref": "r", "conversation_id": room.id, "input": input})).await;
    let mut expected = json!({
        "type": "reactions.changed", "conversation_id": room.id, "seq": 2, "message_id": message["id"],
        "reactions": [{"emoji": HEART, "count": 1}],
        "changes": [{"user_id": ada.id, "emoji": HEART, "added": true}],
    });
    let kinds = ["reactions.changed", "reply", "error"];
    assert_eq!(all.next_of(&kinds).await, expected, "before the answer, and without the message");
    let reply = all.next_of(&kinds).await;
    assert_eq!((&reply["type"], &reply["status"], &reply["body"]), (&json!("reply"), &json!(204), &Value::Null));
    assert_eq!(one.next_of(&kinds).await, expected, "the same for all");

    grace.put(&path(&room, &message, THUMB)).await.expect(204);
    let reply = call(&mut one, "reaction.remove", &room, &message, THUMB).await;
    assert_eq!(reply["status"], 204, "{reply}");
    assert_eq!(call(&mut one, "reaction.remove", &room, &message, THUMB).await["status"], 204, "again");
    let added = all.next_of(&kinds).await;
    assert_eq!((&added["seq"], &added["reactions"][1]), (&json!(3), &json!({"emoji": THUMB, "count": 1})));
    expected["seq"] = json!(4);
    expected["changes"] = json!([{"user_id": grace.id, "emoji": THUMB, "added": false}]);
    assert_eq!(all.next_of(&kinds).await, expected);
    assert_eq!(ada.send(&room, "next").await["seq"], 5, "what changed nothing took no number");
}

async fn whoever_was_away_hears_of_reactions(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let message = ada.send(&room, "hello").await;
    let mut live = ada.connect(&room.socket).await;
    for emoji in [THUMB, HEART] {
        grace.put(&path(&room, &message, emoji)).await.expect(204);
    }
    grace.delete(&path(&room, &message, THUMB)).await.expect(204);
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.push(live.next_of(&["reactions.changed"]).await);
    }
    for after in 1..=4 {
        let mut replay = grace.connect(&format!("{}?after_seq={after}", room.socket)).await;
        let (frames, _) = replay.until("resumed").await;
        let frames: Vec<Value> = frames.into_iter().filter(|frame| frame["seq"].is_i64()).collect();
        assert_eq!(frames, expected[after - 1..], "after {after}");
    }
    let mut replay = grace.connect(&format!("{}?after_seq=0", room.socket)).await;
    let new = replay.next_of(&["message.new"]).await;
    assert_eq!(new["message"]["reactions"], json!([{"emoji": HEART, "count": 1}]), "a message as it is now");
}

async fn reactions_are_refused_over_websocket_as_over_rest(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    let room = ada.group("Lunch", &[]).await;
    let message = ada.send(&room, "hello").await;
    let unknown = json!({"id": Uuid::now_v7()});
    let (mut hers, mut theirs) = (ada.connect("/ws").await, eve.connect("/ws").await);
    for operation in ["reaction.add", "reaction.remove"] {
        for (is_member, message, emoji, code) in [
            (false, &message, THUMB, "not_found"),
            (true, &unknown, THUMB, "not_found"),
            (true, &message, "thumb", "invalid"),
            (true, &message, "", "invalid"),
        ] {
            let socket = if is_member { &mut hers } else { &mut theirs };
            let error = call(socket, operation, &room, message, emoji).await;
            assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{operation}: {error}");
        }
    }
    let mut refused = Value::Null;
    for _ in 0..=2 * REACTIONS.burst {
        refused = call(&mut hers, "reaction.add", &room, &message, THUMB).await;
        if refused["type"] == "error" {
            break;
        }
    }
    assert_eq!((&refused["code"], &refused["status"]), (&json!("rate_limited"), &json!(429)), "{refused}");
    hers.send(&json!({"type": "message.send", "conversation_id": room.id, "content": "sends go on"})).await;
    assert_eq!(hers.next_of(&["message.new", "error"]).await["type"], "message.new");
}

async fn a_deletion_among_reactions_leaves_none(store: StoreKind) {
    const USERS: usize = 6;
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let mut others = Vec::new();
    for number in 0..USERS {
        others.push(server.register(&format!("user{number}")).await);
    }
    let room = ada.group("Lunch", &others.iter().collect::<Vec<_>>()).await;
    let message = ada.send(&room, "hello").await;
    let mut live = ada.connect(&room.socket).await;
    let reacting = others.iter().map(async |user| {
        let mut statuses = HashSet::new();
        for emoji in [THUMB, HEART, "\u{1F389}", "\u{1F602}"] {
            statuses.insert(user.put(&path(&room, &message, emoji)).await.status);
        }
        statuses
    });
    let deleting = async {
        live.next_of(&["reactions.changed"]).await;
        ada.delete(&format!("{}/{}", room.messages, message["id"].as_str().unwrap())).await.expect(204);
    };
    let (statuses, ()) = tokio::join!(join_all(reacting), deleting);
    assert!(statuses.iter().flatten().all(|status| [204, 404].contains(status)), "{statuses:?}");
    ada.send(&room, "last").await;
    let (before, _) = live.until("message.new").await;
    let numbered: Vec<&str> =
        before.iter().filter(|frame| frame["seq"].is_i64()).map(|frame| frame["type"].as_str().unwrap()).collect();
    let deleted = numbered.iter().position(|kind| *kind == "message.deleted").unwrap();
    assert_eq!(numbered[deleted + 1..], ["message.new"], "nothing follows the deletion");
    let page = others[0].get(&room.messages).await.expect(200).json();
    assert_eq!((&page["items"][0]["content"], &page["items"][0]["reactions"]), (&json!(""), &json!([])));
    // A client that was away ends without reactions, too: the tombstone comes first and last.
    let mut replay = others[0].connect(&format!("{}?after_seq=0", room.socket)).await;
    let (frames, _) = replay.until("resumed").await;
    assert!(
        frames.iter().filter_map(|frame| frame["message"].get("reactions")).all(|reactions| *reactions == json!([]))
    );
}

async fn a_reaction_in_doubt_is_one_event(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let message = ada.send(&room, "hello").await;
    let mut socket = grace.connect(&room.socket).await;
    held.lose("apply", 1);
    ada.put(&path(&room, &message, THUMB)).await.expect(204);
    let event = socket.next_of(&["reactions.changed"]).await;
    assert_eq!((&event["seq"], &event["reactions"]), (&json!(2), &json!([{"emoji": THUMB, "count": 1}])));
    ada.send(&room, "next").await;
    let (frames, _) = socket.until("message.new").await;
    assert_eq!(frames.iter().filter(|frame| frame["type"] == "reactions.changed").count(), 0, "{frames:?}");
}

async fn a_storm_of_reactions_is_a_few_events(store: StoreKind) {
    const KINDS: [&str; 10] = ["😀", "😃", "😄", "😁", "😆", "😅", "🤣", "😂", "🙂", "🙃"];
    let run = FaultRun::new("a storm of reactions");
    let users = run.full_size(15, 60);
    let (server, held) = Server::held(store).await;
    let (ada, bystander) = (server.register("ada").await, server.register("bystander").await);
    let mut crowd = Vec::new();
    for number in 0..users {
        crowd.push(server.register(&format!("user{number}")).await);
    }
    let members: Vec<&TestUser> = crowd.iter().chain([&bystander]).collect();
    let room = ada.group("Hall", &members).await;
    let message = ada.send(&room, "Free cake").await;
    // Two bring the kinds, since nobody has all of them alone.
    for (number, emoji) in KINDS.iter().enumerate() {
        [&ada, &bystander][number % 2].put(&path(&room, &message, emoji)).await.expect(204);
    }
    let mut live = ada.connect(&room.socket).await;
    let commits = held.calls("apply");
    let is_over = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let reacting = async {
        let reactions = crowd.iter().flat_map(|user| KINDS.map(|emoji| (user, emoji)));
        let reactions = reactions.map(async |(user, emoji)| {
            let answer = user.try_call(Method::PUT, &path(&room, &message, emoji), None).await;
            assert_eq!(answer.unwrap().status, 204);
        });
        join_all(reactions).await;
        is_over.store(true, Ordering::Relaxed);
    };
    let sending = async {
        let (mut sent, mut longest) = (0, Duration::ZERO);
        while !is_over.load(Ordering::Relaxed) {
            let begun = Instant::now();
            bystander.send(&room, "meanwhile").await;
            longest = longest.max(begun.elapsed());
            sent += 1;
        }
        (sent, longest)
    };
    let ((), (sent, longest)) = tokio::join!(reacting, sending);
    let took = started.elapsed();
    let commits = held.calls("apply") - commits;
    ada.send(&room, "the end").await;
    let (mut events, mut bytes, mut seqs) = (Vec::new(), 0, Vec::new());
    loop {
        let frame = live.next_of(&["reactions.changed", "message.new"]).await;
        seqs.push(frame["seq"].as_i64().unwrap());
        if frame["type"] == "reactions.changed" {
            bytes += frame.to_string().len();
            events.push(frame);
        } else if frame["message"]["content"] == "the end" {
            break;
        }
    }
    assert!(seqs.iter().zip(&seqs[1..]).all(|(one, next)| one + 1 == *next), "{seqs:?}");
    let count = users * KINDS.len();
    let last: u64 = events.last().unwrap()["reactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["count"].as_u64().unwrap())
        .sum();
    assert_eq!(usize::try_from(last), Ok(count + KINDS.len()));
    run.print(format_args!(
        "{store:?}: {count} reactions of {users} members in {took:.1?}: {} events of {bytes} bytes for each listener, {commits} commits; \
         a bystander sent {sent} messages, the slowest in {longest:.1?}",
        events.len()
    ));
    assert_eq!(events.len(), commits, "a batch that changes the message is one event");
    assert!(commits < count / 2, "{commits} commits of {count} reactions");
}
