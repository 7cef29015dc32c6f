//! The log says why a node cannot connect to NATS.

use tokio::task::block_in_place;

use crate::nodes::node;
use crate::support::nats::Nats;
use crate::support::postgres::migrated_database;

const FAILS: &str = "NATS does not serve this node";

/// Starts a node with this URL. Its log says for what reason NATS does not serve it, with these words of the error.
async fn says(url: &str, reason: &str, error: &str) {
    let mut node = node(&migrated_database().await);
    node.arguments.extend(["--nats-url".to_owned(), url.to_owned()]);
    node.start().await;
    node.has_logged(FAILS, 1).await;
    assert_eq!((node.count_logged(reason), node.count_logged(error)), (1, 1), "{reason}, {error}");
    assert_eq!(node.count_logged("hunter2"), 0, "no password is shown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_listens() {
    let mut nats = Nats::start().await;
    block_in_place(|| nats.kill());
    says(&nats.url("ada:hunter2@"), "nothing listens there", "Connection refused").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_is_wrong() {
    let nats = Nats::with("authorization { user: ada, password: secret }").await;
    says(&nats.url("ada:hunter2@"), "the user, password, token or credentials are wrong", "authorization violation")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_has_no_tls() {
    let nats = Nats::start().await;
    says(&nats.url("").replace("nats://", "tls://"), "it does not use TLS", "InvalidContentType").await;
}
