//! The list of each user's conversations, which only a distributed database has as a table.

use crate::support::citus::{distributed_database, fill};
use crate::support::operated::{empty_database, run};
use crate::support::postgres::connect;
use crate::support::server::{Server, StoreKind};

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_differ_from_the_members_are_found_and_made_again() {
    let url = distributed_database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let (ada, bob) = (server.register("ada").await, server.register("bob").await);
    let room = ada.group("Room", &[&bob]).await;
    let gone = ada.group("Gone", &[&bob]).await;
    ada.delete(&gone.path).await.expect(204);
    bob.delete(&format!("{}/{}", room.members, bob.id)).await.expect(204);
    server.stopped().await;
    let ended = run(&url, "", &["check"]).await;
    assert!(ended.succeeded, "{ended:?}");

    let client = connect(&url).await;
    let damage = format!(
        "DELETE FROM user_conversations WHERE user_id = '{}'; INSERT INTO user_conversations VALUES ('{}', '{}')",
        ada.id, bob.id, room.id
    );
    client.batch_execute(&damage).await.unwrap();
    let ended = run(&url, "", &["check"]).await;
    let faults: Vec<&str> = ended.stdout.lines().collect();
    let [missing, left, _] = faults[..] else { panic!("{ended:?}") };
    assert!(missing.starts_with(&format!("user_conversations.missing: conversation {} user {}", room.id, ada.id)));
    assert!(left.starts_with(&format!("user_conversations.left: conversation {} user {}", room.id, bob.id)));

    client.batch_execute(&fill()).await.unwrap();
    let ended = run(&url, "", &["check"]).await;
    assert!(ended.succeeded, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_makes_the_lists() {
    let (from, _folder) = empty_database(StoreKind::Sqlite).await;
    let server = Server::with(&["--database-url", &from]).await;
    let (ada, bob) = (server.register("ada").await, server.register("bob").await);
    ada.group("Room", &[&bob]).await;
    server.stopped().await;
    let url = distributed_database().await;
    let ended = run(&url, "", &["copy", "--from", &from]).await;
    assert!(ended.succeeded && ended.stdout.contains("The database has no faults"), "{ended:?}");
    let rows: i64 = connect(&url).await.query_one("SELECT count(*) FROM user_conversations", &[]).await.unwrap().get(0);
    assert_eq!(rows, 2);
}

/// Citus refuses the statements with which other databases are checked for these faults.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_counter_and_a_missing_message_are_found() {
    let url = distributed_database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let (ada, bob) = (server.register("ada").await, server.register("bob").await);
    let (room, other) = (ada.group("Room", &[&bob]).await, ada.group("Other", &[&bob]).await);
    let message = ada.send(&other, "saved").await;
    ada.put(&format!("{}/{}/saved", other.messages, message["id"].as_str().unwrap())).await.expect(204);
    server.stopped().await;
    let damage = format!(
        "INSERT INTO saved_messages VALUES ('{}', '{}', gen_random_uuid(), now()); DELETE FROM counters WHERE conversation_id = '{}'",
        ada.id, other.id, room.id
    );
    connect(&url).await.batch_execute(&damage).await.unwrap();
    let ended = run(&url, "", &["check"]).await;
    let faults: Vec<&str> = ended.stdout.lines().collect();
    let [counter, saved, _] = faults[..] else { panic!("{ended:?}") };
    assert!(counter.starts_with(&format!("counters.missing: conversation {} ", room.id)), "{counter}");
    assert!(saved.starts_with(&format!("saved_messages.message_id: conversation {} message ", other.id)), "{saved}");
}
