//! Opening a store, and opening it again.

use chinwag::store;

use super::Fixture;
use crate::support::postgres::database;

conformance!(
    what_is_done_is_there_for_another_process,
    many_may_open_at_once,
    many_may_migrate_at_once,
    a_database_newer_than_the_binary_can_live_with_is_refused,
);

async fn what_is_done_is_there_for_another_process(store: &Fixture) {
    assert!(["sqlite", "postgres"].contains(&store.kind()));
    assert!(store.url.starts_with(store.kind()), "{}", store.kind());
    assert!(store.lanes() >= 1);
    store.ping().await.unwrap();
    let ada = store.register("ada").await;
    let another = store.another().await;
    another.ping().await.unwrap();
    assert_eq!(another.user(ada).await.unwrap(), store.user(ada).await.unwrap());
    assert!(another.user(ada).await.unwrap().is_some());
}

async fn many_may_open_at_once(store: &Fixture) {
    // Nodes that start together would conflict in the first migration: on a database that is not opened yet, and often enough that
    // two do conflict.
    for round in 0..if store.kind() == "sqlite" { 40 } else { 5 } {
        let url = another_database(store, round).await;
        many_open(&url, store.kind()).await;
    }
}

async fn many_may_migrate_at_once(store: &Fixture) {
    let schema = match store.kind() {
        "sqlite" => include_str!("../../../src/store/sqlite/schema.sql"),
        _ => include_str!("../../../schema.sql"),
    };
    let (_, first) = schema.split("\n-- Version ").nth(1).unwrap().split_once('\n').unwrap();
    let version_1 = "CREATE TABLE schema_versions (version bigint PRIMARY KEY, needs bigint NOT NULL); \
         INSERT INTO schema_versions (version, needs) VALUES (1, 1)";
    let first = format!("{first};\n{version_1}");
    for round in 0..if store.kind() == "sqlite" { 20 } else { 5 } {
        let url = another_database(store, round).await;
        execute(&url, &first).await;
        many_open(&url, store.kind()).await;
    }
}

/// Returns the URL of a database that is not opened yet.
async fn another_database(store: &Fixture, number: usize) -> String {
    match store.url.strip_suffix("chinwag.db") {
        Some(folder) => format!("{folder}{number}.db"),
        None => database().await,
    }
}

/// Opens a database as nodes do that start together.
async fn many_open(url: &str, kind: &'static str) {
    let openers: Vec<_> = (0..4)
        .map(|_| {
            let url = url.to_owned();
            tokio::spawn(async move { store::open(&url).await.map(|store| store.kind()) })
        })
        .collect();
    for opener in openers {
        assert_eq!(opener.await.unwrap(), Ok(kind));
    }
}

async fn a_database_newer_than_the_binary_can_live_with_is_refused(store: &Fixture) {
    let url = store.url.clone();
    let newer = "INSERT INTO schema_versions (version, needs) VALUES (9998, 1)";
    execute(&url, newer).await;
    assert!(store::open(&url).await.is_ok(), "newer, but this binary can live with it");
    let too_new = "INSERT INTO schema_versions (version, needs) VALUES (9999, 9999)";
    execute(&url, too_new).await;
    let error = store::open(&url).await.map(|store| store.kind()).unwrap_err();
    assert!(error.detail.contains("schema version 9999"), "{error}");
}

/// Changes the database as another version of Chinwag would.
async fn execute(url: &str, sql: &str) {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let (path, sql) = (path.to_owned(), sql.to_owned());
        let write = move || rusqlite::Connection::open(path).unwrap().execute_batch(&sql).unwrap();
        tokio::task::spawn_blocking(write).await.unwrap();
    } else {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    }
}
