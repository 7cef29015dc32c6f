//! A client that sends too fast gets a retry hint, over REST and WebSocket.

use std::time::{Duration, Instant};

use chinwag::limits::{NEW_MEMBERS, READS, REFRESHES, UNREAD_SCANNED_MAX, UNREAD_SCANNED_PER_TOKEN, WRITES};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::support::client::{Conversation, Response, TestUser, post};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};

on_each_store! {
    what_comes_too_fast_is_refused_and_may_come_again,
    a_list_with_many_messages_to_count_costs_what_it_takes,
}

/// Sends many messages at once until some are refused. Returns the refusals and the number of accepted messages.
async fn send_until_refused(socket: &mut Socket) -> (Vec<Value>, usize) {
    const AT_ONCE: usize = 100;
    let mut taken = 0;
    loop {
        for _ in 0..AT_ONCE {
            socket.send(&json!({"type": "message.send", "id": Uuid::now_v7(), "content": "fast"})).await;
        }
        let mut refused = Vec::new();
        for _ in 0..AT_ONCE {
            let answer = socket.next_of(&["message.new", "error"]).await;
            if answer["type"] == "error" { refused.push(answer) } else { taken += 1 }
        }
        if !refused.is_empty() {
            return (refused, taken);
        }
    }
}

/// Posts many messages at once until one is refused. Returns the refusal and the number of accepted messages.
async fn post_until_refused(user: &TestUser, room: &Conversation) -> (Response, usize) {
    const AT_ONCE: usize = 50;
    let mut taken = 0;
    loop {
        let bodies: Vec<Value> = (0..AT_ONCE).map(|_| json!({"content": "fast"})).collect();
        let answers = join_all(bodies.iter().map(|body| user.post(&room.messages, body))).await;
        taken += answers.iter().filter(|answer| answer.status == 201).count();
        if let Some(refused) = answers.into_iter().find(|answer| answer.status != 201) {
            return (refused, taken);
        }
    }
}

async fn a_list_with_many_messages_to_count_costs_what_it_takes(store: StoreKind) {
    const ROOMS: usize = 10;
    let (server, held) = Server::held_with(store, &[]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    for number in 0..ROOMS {
        let room = ada.group(&format!("room {number}"), &[&grace]).await;
        // Her own messages do not count as unread, so that all of them are looked at.
        held.commit_elsewhere(&room, &ada, UNREAD_SCANNED_MAX).await;
        let mark = json!({"from_seq": 1});
        ada.put_json(&format!("{}/unread", room.path), &mark).await.expect(204);
    }
    // A page counts as five reads, and one for each so many messages.
    let page_tokens = f64::from(u32::try_from(5 + ROOMS * UNREAD_SCANNED_MAX / UNREAD_SCANNED_PER_TOKEN).unwrap());
    let (started, mut taken) = (Instant::now(), 0.0);
    for _ in 0..60 {
        let answer = ada.get("/v1/conversations").await;
        if answer.status == 200 {
            assert_eq!(answer.json()["items"].as_array().unwrap().len(), ROOMS);
            taken += 1.0;
        } else {
            assert_eq!(answer.problem(), (429, "rate_limited".to_owned()));
        }
    }
    let regained = started.elapsed().as_secs_f64() * f64::from(READS.per_minute) / 60.0;
    let paid = taken * page_tokens;
    // The last page may cost more than was left.
    assert!(paid <= f64::from(READS.burst) + regained + page_tokens, "{taken} pages of {page_tokens} reads");
    assert!(paid >= f64::from(READS.burst) - page_tokens - 100.0, "what there is can be used: {taken} pages");
    // Others pay for the unread messages that they have, which ends the look at 100.
    for _ in 0..30 {
        grace.get("/v1/conversations").await.expect(200);
    }
}

async fn what_comes_too_fast_is_refused_and_may_come_again(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut hers = ada.connect(&room.socket).await;

    let (refused, taken) = send_until_refused(&mut hers).await;
    assert!(taken >= usize::try_from(WRITES.burst).unwrap(), "{taken}");
    for error in &refused {
        assert_eq!((&error["code"], &error["status"]), (&json!("rate_limited"), &json!(429)), "{error}");
        assert_eq!(error["retryable"], true, "{error}");
        assert!((1..=20).contains(&error["retry_after_ms"].as_u64().unwrap()), "50 a second come back: {error}");
        Uuid::parse_str(error["ref"].as_str().unwrap()).unwrap();
    }
    let (answer, posted) = post_until_refused(&ada, &room).await;
    assert_eq!(answer.problem(), (429, "rate_limited".to_owned()), "the same over REST");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(answer.json()["retry_after_ms"].is_u64(), "{answer:?}");

    // No other client is delayed, and no refused message has a number.
    let answer = grace.send(&room, "take your time").await;
    let before = i64::try_from(taken + posted).unwrap();
    assert_eq!(answer["seq"], before + 1);

    let id = &refused[0]["ref"];
    let retry = json!({"type": "message.send", "id": id, "content": "again"});
    let arrived = loop {
        hers.send(&retry).await;
        let answer = hers.next_of(&["message.new", "error"]).await;
        match &answer["message"]["id"] {
            Value::Null => {
                // The pause that the server asks for.
                let wait = answer["retry_after_ms"].as_u64().unwrap();
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            arrived if arrived == id => break answer,
            _ => {} // the posted messages
        }
    };
    assert_eq!((&arrived["seq"], &arrived["message"]["content"]), (&json!(before + 2), &json!("again")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_listen_is_closed() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut hers, mut theirs) = (ada.connect(&room.socket).await, grace.connect(&room.socket).await);
    for number in 0..10_000 {
        let send = json!({"type": "message.send", "content": number.to_string()});
        // The connection is closed during the send.
        if futures_util::SinkExt::send(&mut *hers.stream, Message::text(send.to_string())).await.is_err() {
            break;
        }
    }
    assert_eq!(hers.close_code().await, 4029);
    theirs.send(&json!({"type": "message.send", "content": "peace"})).await;
    while theirs.next_content().await != "peace" {}
    ada.connect(&room.socket).await;
}

/// Calls until a call is refused for its rate. Returns the number of calls before it, and the refusal.
async fn until_refused<F: Future<Output = Response>>(call: impl Fn() -> F) -> (u32, Response) {
    for before in 0..10_000 {
        let answer = call().await;
        if answer.status == 429 {
            assert_eq!(answer.problem(), (429, "rate_limited".to_owned()));
            return (before, answer);
        }
    }
    panic!("nothing was refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_conversations_cost_their_members() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    // Nothing is stored for them, since nobody has these ids. The calls are charged before that is known.
    let strangers: Vec<Uuid> = (0..999).map(|_| Uuid::now_v7()).collect();
    let group = json!({"id": Uuid::now_v7(), "type": "group", "member_ids": strangers});
    let (before, refused) = until_refused(|| ada.post("/v1/conversations", &group)).await;
    assert_eq!(before, NEW_MEMBERS.burst / 1_000);
    let wait = refused.json()["retry_after_ms"].as_u64().unwrap();
    assert!((40_000..=50_000).contains(&wait), "20 members a second come back: {wait}");
    grace.group("Lunch", &[&ada]).await;
    ada.get("/v1/users/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_with_a_commit_of_their_own_cost_more_than_sends() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let rename = json!({"name": "Ada L."});
    let (renames, _) = until_refused(|| ada.patch("/v1/users/me", &rename)).await;
    let at_once = WRITES.burst / 10;
    assert!((at_once..3 * at_once).contains(&renames), "{renames}");
    // The bucket is the same, and has room for a send before it has room for another change.
    let room_for_a_send = async { while ada.post(&room.messages, &json!({"content": "hi"})).await.status != 201 {} };
    timeout(TEST_TIMEOUT, room_for_a_send).await.expect("50 sends a second come back");
    grace.patch("/v1/users/me", &rename).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_have_a_rate_of_their_own() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (pages, _) = until_refused(|| ada.get(&room.messages)).await;
    let at_once = READS.burst / 5;
    assert!((at_once..3 * at_once).contains(&pages), "{pages}");
    ada.send(&room, "sends do not pay for reads").await;
    grace.get(&room.messages).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_refreshed_once_in_ten_seconds_for_good() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let mut token = ada.refresh_token.clone();
    let refresh = async |token: &str| post(server.address, "/v1/users/refresh", &json!({"refresh_token": token})).await;
    let mut refreshed = 0;
    let refused = loop {
        let answer = refresh(&token).await;
        if answer.status != 200 {
            break answer;
        }
        token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
        refreshed += 1;
    };
    // A slow machine takes so long for them that one or two more have come due.
    assert!((REFRESHES.burst..REFRESHES.burst + 3).contains(&refreshed), "{refreshed}");
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    let wait = refused.json()["retry_after_ms"].as_u64().unwrap();
    assert!((1..=10_000).contains(&wait), "{wait}");
    ada.get("/v1/users/me").await.expect(200);
    refresh(&grace.refresh_token).await.expect(200);
}
