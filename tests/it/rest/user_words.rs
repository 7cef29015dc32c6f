//! The words by which users are found, when something else than this version of the server has written the names.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::each;
use crate::support::client::TestUser;
use crate::support::postgres::{connect, database};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    users_from_before_there_were_words_are_found_from_the_start,
    words_of_an_earlier_version_are_rewritten_while_the_server_runs,
    a_name_changed_by_an_older_node_is_found_soon,
}

/// A database, and the folder of a file.
struct Database {
    url: String,
    _folder: TempDir,
}

impl Database {
    async fn new(store: StoreKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match store {
            StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("chinwag.db").display()),
            StoreKind::Postgres => database().await,
        };
        Self { url, _folder: folder }
    }

    async fn execute(&self, sql: &str) {
        match self.url.strip_prefix("sqlite:") {
            Some(file) => rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap(),
            None => connect(&self.url).await.batch_execute(sql).await.unwrap(),
        }
    }

    async fn serve(&self) -> Server {
        let heartbeat = Duration::from_millis(50);
        Server::configured(&["--database-url", &self.url], |config| config.heartbeat = heartbeat).await
    }
}

async fn found(user: &TestUser, q: &str) -> Vec<Value> {
    each(&user.get(&format!("/v1/users?q={q}")).await.expect(200).json(), "/username")
}

/// Waits until a search finds exactly these users.
async fn finds(user: &TestUser, q: &str, usernames: &[&str]) {
    let finds = async {
        while found(user, q).await != usernames {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TEST_TIMEOUT, finds).await.unwrap_or_else(|_| panic!("{q} does not find {usernames:?}"));
}

async fn users_from_before_there_were_words_are_found_from_the_start(store: StoreKind) {
    let database = Database::new(store).await;
    let server = database.serve().await;
    let grace = server.register("grace").await;
    grace.patch("/v1/users/me", &serde_json::json!({"name": "Grace Hopper"})).await.expect(200);
    server.stopped().await;
    database.execute("DELETE FROM user_words; UPDATE users SET words_name = NULL, words_version = NULL").await;
    let server = database.serve().await;
    let grace = TestUser::login(server.address, "grace").await;
    assert_eq!(found(&grace, "hopper").await, ["grace"]);
}

async fn words_of_an_earlier_version_are_rewritten_while_the_server_runs(store: StoreKind) {
    let database = Database::new(store).await;
    let server = database.serve().await;
    server.register("ada").await;
    server.stopped().await;
    database
        .execute("UPDATE user_words SET word = 'earlier' WHERE word = 'ada'; UPDATE users SET words_version = 1")
        .await;
    let server = database.serve().await;
    let ada = TestUser::login(server.address, "ada").await;
    finds(&ada, "ada", &["ada"]).await;
}

async fn a_name_changed_by_an_older_node_is_found_soon(store: StoreKind) {
    let database = Database::new(store).await;
    let server = database.serve().await;
    let ada = server.register("ada").await;
    assert_eq!(found(&ada, "lovelace").await, Vec::<Value>::new());
    database.execute("UPDATE users SET name = 'Lady Lovelace', name_key = 'lady lovelace'").await;
    finds(&ada, "lovelace", &["ada"]).await;
}
