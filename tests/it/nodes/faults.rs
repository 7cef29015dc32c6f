//! Nodes lose each other, and find each other again.

use rustix::process::Signal;

use super::{JOINED, Pair, node};
use crate::support::postgres::{Cluster, connect};

const LOST: &str = "notifications of other nodes do not come";
const BACK: &str = "notifications of other nodes come again";
/// The last statement of a connection for notifications is one that notifies.
const END_LISTENERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'SELECT pg_notify%'";
const ENDED: &str = "another node has ended";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_ended_comes_back() {
    let pair = Pair::new().await;
    let mut talkers = pair.talkers().await;
    talkers.talk().await;
    let client = connect(&pair.url).await;
    for times in 1..=3 {
        assert_eq!(client.query(END_LISTENERS, &[]).await.unwrap().len(), 2);
        // Nobody hears this by a notification.
        talkers.say(times % 2 == 0).await;
        for node in [&pair.first, &pair.second] {
            node.has_logged(LOST, times).await;
            node.has_logged(BACK, times).await;
        }
        talkers.hear().await;
        talkers.talk().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_is_found_again() {
    let mut cluster = Cluster::start().await;
    let pair = Pair::on(cluster.database().await).await;
    let mut talkers = pair.talkers().await;
    talkers.talk().await;
    cluster.restart();
    for node in [&pair.first, &pair.second] {
        node.has_logged(LOST, 1).await;
        node.has_logged(BACK, 1).await;
    }
    talkers.talk().await;
    assert_eq!((pair.first.count_logged(ENDED), pair.second.count_logged(ENDED)), (0, 0), "peers stay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_killed_is_missed_and_replaced() {
    let mut pair = Pair::new().await;
    pair.second.kill().await;
    pair.second.start().await;
    pair.first.has_logged(JOINED, 2).await;
    pair.second.has_logged(JOINED, 2).await;
    pair.talkers().await.talk().await;
    pair.first.has_logged(ENDED, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_drains_leaves_no_lease() {
    let mut pair = Pair::new().await;
    let client = connect(&pair.url).await;
    let count = "SELECT count(*) FROM nodes";
    assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 2);
    pair.second.signal(Signal::TERM);
    pair.second.ended().await;
    assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    pair.first.has_logged(ENDED, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_stopped_for_long_catches_up() {
    let pair = Pair::new().await;
    let mut talkers = pair.talkers().await;
    talkers.talk().await;
    pair.second.signal(Signal::STOP);
    pair.first.has_logged(ENDED, 1).await;
    talkers.say(true).await;
    pair.second.signal(Signal::CONT);
    pair.first.has_logged(JOINED, 2).await;
    talkers.hear().await;
    talkers.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_know_each_other() {
    let pair = Pair::new().await;
    let mut third = node(&pair.url);
    third.start().await;
    third.has_logged("\"peers\":2", 1).await;
    for node in [&pair.first, &pair.second] {
        node.has_logged(JOINED, 2).await;
    }
    pair.talkers().await.talk().await;
}
