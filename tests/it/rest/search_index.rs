//! The index of messages keeps up with what is sent, whatever else it has to do.

use std::time::Duration;

use chinwag::domain::ConversationId;
use chinwag::domain::message_search::{IndexedEvent, WORDS_VERSION, index_step};
use chinwag::limits::INDEX_BATCH_MESSAGES;
use chinwag::store::{MessageSearch, Messages};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{sleep, timeout};

use crate::support::client::TestUser;
use crate::support::held_store::HeldStore;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    a_new_message_is_found_before_a_long_conversation_is_indexed,
    a_new_message_is_found_before_a_long_conversation_is_swept,
    a_message_is_found_though_the_scan_was_faster_and_knew_less,
}

/// Several batches of the index, and several steps of a sweep.
const LONG: usize = 2 * INDEX_BATCH_MESSAGES + 500;

/// Returns the number of messages that a search finds on its first page.
async fn found(user: &TestUser, q: &str) -> usize {
    let q = utf8_percent_encode(q, NON_ALPHANUMERIC);
    user.get(&format!("/v1/search?q={q}")).await.expect(200).json()["items"].as_array().unwrap().len()
}

async fn until_found(user: &TestUser, q: &str) {
    let searching = async {
        while found(user, q).await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TEST_TIMEOUT, searching).await.unwrap_or_else(|_| panic!("{q} is not found"));
}

/// Waits until the scan of the start is over, so that the next one is a minute away.
async fn until_scanned(store: &HeldStore) {
    let scanning = async {
        while !store.index_versions().await.unwrap().iter().any(|index| index.is_complete) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TEST_TIMEOUT, scanning).await.expect("the first scan ends");
}

async fn a_new_message_is_found_before_a_long_conversation_is_indexed(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let ada = server.register("ada").await;
    let (long, short) = (ada.group("Long", &[]).await, ada.group("Short", &[]).await);
    until_scanned(&held).await;
    held.commit_elsewhere(&long, &ada, LONG).await;
    // The newest event is tried by itself, and is left out, since those before it are not indexed. Then the long conversation gets a turn.
    let mut alone = held.hold("index_messages", 1);
    ada.send(&long, "the newest of the long one").await;
    alone.reached().await;
    ada.send(&short, "lunch").await;
    let mut second_turn = held.hold("index_messages", 2);
    alone.release();
    second_turn.reached().await;
    assert_eq!(found(&ada, "lunch").await, 1, "it waits for no other conversation");
    assert_eq!(found(&ada, "newest").await, 0, "the long one is not at its end");
    second_turn.release();
    until_found(&ada, "newest").await;
}

async fn a_new_message_is_found_before_a_long_conversation_is_swept(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let ada = server.register("ada").await;
    let (long, short) = (ada.group("Long", &[]).await, ada.group("Short", &[]).await);
    until_scanned(&held).await;
    held.commit_elsewhere(&long, &ada, LONG).await;
    ada.send(&long, "the newest of the long one").await;
    until_found(&ada, "newest").await;
    let mut first_step = held.hold("sweep_index", 1);
    ada.delete(&long.path).await.expect(204);
    first_step.reached().await;
    ada.send(&short, "lunch").await;
    // The batch with the new message comes between this step and the one after it.
    let mut third_step = held.hold("sweep_index", 2);
    first_step.release();
    third_step.reached().await;
    assert_eq!(found(&ada, "lunch").await, 1, "it waits for no other conversation");
    third_step.release();
}

async fn a_message_is_found_though_the_scan_was_faster_and_knew_less(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    until_scanned(&held).await;
    // Another node indexes the first message between the reading and the writing of this one.
    let id = ConversationId::parse(&room.id).unwrap();
    held.commit_elsewhere(&room, &ada, 1).await;
    let mut reading = held.hold("events_to_index", 1);
    ada.send(&room, "soup").await;
    reading.reached().await;
    let events = held.events(id, 0, 1).await.unwrap();
    let step = index_step(id, 0, events.iter().map(IndexedEvent::of)).unwrap();
    assert_eq!(held.index_messages(WORDS_VERSION, vec![step]).await, Ok(Vec::new()));
    reading.release();
    until_found(&ada, "soup").await;
}
