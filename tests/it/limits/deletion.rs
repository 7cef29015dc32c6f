//! A long conversation is deleted at once for its members, and in steps for everybody else.

use std::sync::Arc;
use std::time::Duration;

use chinwag::domain::command::NewMessage;
use chinwag::domain::message::Content;
use chinwag::domain::{ConversationId, MessageId, Timestamp, UserId};
use chinwag::limits::{BATCH_ROWS_MAX, SWEPT_ROWS};
use chinwag::store::{Messages, NumberedWrites, Range};
use tokio::time::{sleep, timeout};

use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    a_long_conversation_disappears_at_once_and_is_swept_while_others_write,
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
