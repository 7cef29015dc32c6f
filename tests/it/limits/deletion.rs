//! A long conversation, and a user whom many added, are deleted at once for their users, and in steps for everybody else.

use std::sync::Arc;
use std::time::Duration;

use chinwag::domain::block::NewBlock;
use chinwag::domain::command::NewMessage;
use chinwag::domain::message::Content;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{ConversationId, MessageId, Timestamp, UserId};
use chinwag::limits::{BATCH_ROWS_MAX, SWEPT_ROWS};
use chinwag::store::{Blocks, Messages, NumberedWrites, Range, Users};
use hyper::Method;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::client::PASSWORD;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    a_long_conversation_disappears_at_once_and_is_swept_while_others_write,
    a_user_whom_many_added_is_gone_at_once_and_swept_while_others_write,
    a_part_of_the_sweep_that_fails_does_not_stop_the_others,
}

async fn a_long_conversation_disappears_at_once_and_is_swept_while_others_write(store: StoreKind) {
    const BATCHES: usize = 12;
    let (server, held_store) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (long, other) = (ada.group("Long", &[&grace]).await, grace.group("Other", &[]).await);
    let conversation_id = ConversationId::parse(&long.id).unwrap();
    let sender_id = UserId::parse(&ada.id).unwrap();
    let content = Content::parse("word ".repeat(20)).unwrap();
    for _ in 0..BATCHES {
        let new = || {
            let (id, content, timestamp) = (MessageId::new(), content.clone(), Timestamp::now());
            NewMessage { conversation_id, id, sender_id, content, reply_to: None, timestamp }
        };
        let batch: Arc<[NewMessage]> = (0..BATCH_ROWS_MAX).map(|_| new()).collect();
        assert!(held_store.commit(0, batch).await.unwrap().iter().all(Result::is_ok));
    }

    let mut hers = grace.connect("/ws").await;
    ada.delete(&long.path).await.expect(204);
    assert_eq!(hers.next_of(&["conversation.deleted"]).await["conversation"]["id"], long.id);
    assert_eq!(grace.get(&long.messages).await.status, 404);
    assert_eq!(grace.get("/v1/conversations").await.json()["items"].as_array().unwrap().len(), 1);
    let left = async || !held_store.messages(conversation_id, Range::Newest, 1).await.unwrap().is_empty();
    assert!(left().await, "it is not deleted in one go");
    let sweeping = async {
        let mut sent = 0;
        while left().await {
            grace.send(&other, "meanwhile").await;
            sent += 1;
            sleep(Duration::from_millis(1)).await;
        }
        sent
    };
    let sent = timeout(TEST_TIMEOUT, sweeping).await.expect("it is swept");
    assert!(sent > 1, "{sent} sends between the steps");
    assert!(held_store.calls("sweep_deleted") >= BATCHES * BATCH_ROWS_MAX / SWEPT_ROWS);
}

async fn a_user_whom_many_added_is_gone_at_once_and_swept_while_others_write(store: StoreKind) {
    const BLOCKERS: usize = 3 * SWEPT_ROWS;
    let (server, held_store) = Server::held(store).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let other = grace.direct(&joan).await;
    // Directly in the store: over REST they take a while.
    let (user_id, created_at) = (UserId::parse(&ada.id).unwrap(), Timestamp::now());
    let mut blockers = Vec::new();
    for number in 0..BLOCKERS {
        let (id, name) = (UserId::new(), format!("user{number}"));
        let (username, name) = (Username::parse(&name).unwrap(), Name::parse(&name).unwrap());
        held_store.insert_user(&User { id, username, name, created_at, last_seen_at: None }, "hash").await.unwrap();
        held_store.insert_block(&NewBlock { user_id: id, blocked_id: user_id, created_at }).await.unwrap();
        blockers.push(id);
    }
    let mut first_step = held_store.hold("sweep_user", 1);
    ada.try_call(Method::DELETE, "/v1/users/me", Some(&json!({"password": PASSWORD}))).await.unwrap().expect(204);
    first_step.reached().await;
    let left = async || held_store.blocks_with(user_id, &blockers).await.unwrap().len();
    assert!((1..BLOCKERS).contains(&left().await), "she is swept in steps");
    grace.send(&other, "meanwhile").await;
    first_step.release();
    let sweeping = async {
        let mut seen = Vec::new();
        while seen.last() != Some(&0) {
            grace.send(&other, "meanwhile").await;
            seen.push(left().await);
        }
        seen
    };
    let seen = timeout(TEST_TIMEOUT, sweeping).await.expect("she is swept");
    assert!(seen.is_sorted_by(|before, after| before >= after), "{seen:?}");
}

async fn a_part_of_the_sweep_that_fails_does_not_stop_the_others(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    ada.send(&room, "soon gone").await;
    let swept = async |rounds: usize| {
        while held_store.calls("sweep_removals") < rounds {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(TEST_TIMEOUT, swept(1)).await.expect("the sweep at start");
    for part in ["delete_memberless", "sweep_reports"] {
        held_store.lose(part, 1);
    }
    ada.delete(&room.path).await.expect(204);
    timeout(TEST_TIMEOUT, swept(2)).await.expect("the last part is swept too");
    let id = ConversationId::parse(&room.id).unwrap();
    assert_eq!(held_store.messages(id, Range::Newest, 1).await, Ok(Vec::new()));
}
