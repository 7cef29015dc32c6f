//! Presence while the store does not answer: no frame waits for the write of another user's last-seen time, and no change is lost.

use rusqlite::Connection;
use serde_json::json;
use tokio::time::timeout;

use crate::support::client::TestUser;
use crate::support::postgres::{connect, database};
use crate::support::server::Server;
use crate::support::socket::TEST_TIMEOUT;

/// Sends two requests that the store does not answer. All earlier store calls have failed by their end.
async fn until_the_store_gave_up(request: impl AsyncFn() -> u16) {
    for _ in 0..2 {
        assert_eq!(request().await, 503);
    }
}

/// Waits until the server reports when this user was last seen.
async fn is_last_seen(viewer: &TestUser, other: &TestUser) {
    let path = format!("/v1/users/{}", other.id);
    let seen = async { while !viewer.get(&path).await.expect(200).json()["last_seen_at"].is_string() {} };
    timeout(TEST_TIMEOUT, seen).await.expect("a time in last_seen_at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_sqlite_file_delays_no_diff_and_loses_no_last_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chinwag.db");
    let server = Server::with(&["--database-url", &format!("sqlite:{}", path.display())]).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    let room = ada.group("Lunch", &[&grace, &joan]).await;
    let mut hers = ada.connect("/ws").await;
    let theirs = grace.connect("/ws").await;
    assert_eq!(hers.next_of(&["presence.diff"]).await["online"], json!([grace.id]));

    let other = Connection::open(&path).unwrap();
    other.busy_timeout(TEST_TIMEOUT).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (viewer, path) = (ada.clone(), room.messages.clone());
    let write = tokio::spawn(async move { viewer.post(&path, &json!({"content": "!"})).await.status });
    drop(theirs);
    assert_eq!(hers.next_of(&["presence.diff"]).await["offline"], json!([grace.id]));
    let joans = joan.connect("/ws").await;
    assert_eq!(hers.next_of(&["presence.diff"]).await["online"], json!([joan.id]));
    assert!(!write.is_finished(), "no diff waits until a write fails");
    assert_eq!(write.await.unwrap(), 503);
    drop(joans);
    assert_eq!(hers.next_of(&["presence.diff"]).await["offline"], json!([joan.id]));
    until_the_store_gave_up(async || ada.post(&room.messages, &json!({"content": "?"})).await.status).await;
    other.execute_batch("ROLLBACK").unwrap();
    is_last_seen(&ada, &grace).await;
    is_last_seen(&ada, &joan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_does_not_answer_delays_diffs_and_loses_none() {
    let url = database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let mut hers = ada.connect("/ws").await;
    let theirs = grace.connect("/ws").await;
    assert_eq!(hers.next_of(&["presence.diff"]).await["online"], json!([grace.id]));

    let other = connect(&url).await;
    other.batch_execute("BEGIN; LOCK TABLE members IN ACCESS EXCLUSIVE MODE").await.unwrap();
    drop(theirs);
    until_the_store_gave_up(async || ada.get("/v1/conversations").await.status).await;
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(hers.next_of(&["presence.diff"]).await["offline"], json!([grace.id]));
    is_last_seen(&ada, &grace).await;
    let _theirs = grace.connect("/ws").await;
    assert_eq!(hers.next_of(&["presence.diff"]).await["online"], json!([grace.id]));
}
