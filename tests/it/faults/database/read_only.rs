//! A database server that is read-only on open connections and writable on new ones, as after a failover behind one address.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::support::client::{Response, TestUser};
use crate::support::postgres::{connect, database};
use crate::support::server::Server;
use crate::support::socket::TEST_TIMEOUT;
use chinwag::limits::POSTGRES_READERS;

/// Makes each connection that writes a message or a user read-only from its next transaction on.
const TURN: &str = "CREATE TABLE turned (pid integer PRIMARY KEY); \
     CREATE FUNCTION turn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO turned VALUES (pg_backend_pid()) ON CONFLICT DO NOTHING; \
         PERFORM set_config('default_transaction_read_only', 'on', false); \
         RETURN NULL; \
     END $$; \
     CREATE TRIGGER turn AFTER INSERT ON messages EXECUTE FUNCTION turn(); \
     CREATE TRIGGER turn AFTER UPDATE ON users EXECUTE FUNCTION turn()";
/// Leaves connections as they are from now on.
const LEAVE: &str = "DROP TRIGGER turn ON messages; DROP TRIGGER turn ON users";
/// Counts the read-only connections that are open.
const LEFT: &str = "SELECT count(*) FROM turned JOIN pg_stat_activity USING (pid)";

async fn left(held_store: &Client) -> i64 {
    held_store.query_one(LEFT, &[]).await.unwrap().get(0)
}

/// Waits until no read-only connection is open.
async fn all_are_gone(held_store: &Client) {
    let gone = async {
        while left(held_store).await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TEST_TIMEOUT, gone).await.expect("connections that only read are closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_stays_read_only_commits_no_message_and_is_replaced() {
    let url = database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let held_store = connect(&url).await;
    // In several conversations, so that each lane of the journal writes.
    let group = async || ada.group("Lunch", &[&grace]).await;
    let rooms = join_all((0..8).map(|_| group())).await;
    held_store.batch_execute(TURN).await.unwrap();
    join_all(rooms.iter().map(|room| ada.send(room, "the last one here"))).await;
    held_store.batch_execute(LEAVE).await.unwrap();
    assert!(left(&held_store).await > 0, "no connection only reads");

    // The journal retries within the same call.
    let sent = join_all(rooms.iter().map(|room| ada.send(room, "and the first one there"))).await;
    assert!(sent.iter().all(|message| message["seq"] == 2), "{sent:?}");
    all_are_gone(&held_store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_the_pool_that_stays_read_only_fails_once_and_is_replaced() {
    const ALL: usize = POSTGRES_READERS as usize;
    let url = database().await;
    let server = Server::with(&["--database-url", &url, "--rate-limits", "off"]).await;
    let ada = server.register("ada").await;
    let held_store = connect(&url).await;
    held_store.batch_execute(TURN).await.unwrap();
    rename(&ada).await.expect(200);
    held_store.batch_execute(LEAVE).await.unwrap();
    assert_eq!(left(&held_store).await, 1);

    // Operations outside the journal have no retry: each read-only connection costs one call. The pool uses one after the other.
    let mut failed = 0;
    for _ in 0..ALL {
        let answer = rename(&ada).await;
        if answer.status != 200 {
            assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
            failed += 1;
        }
    }
    assert_eq!(failed, 1);
    for _ in 0..ALL {
        rename(&ada).await.expect(200);
    }
    all_are_gone(&held_store).await;
}

async fn rename(user: &TestUser) -> Response {
    user.patch("/v1/users/me", &json!({"name": "Ada"})).await
}
