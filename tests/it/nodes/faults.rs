//! Nodes lose each other, and find each other again.

use chinwag::limits::{CONNECT_TIMEOUT, LEASE, LEASE_RENEWAL, NOTIFY_BEAT, NOTIFY_ECHO_TIMEOUT};
use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use super::{JOINED, Pair, SECRET, node};
use crate::support::client::{TestUser, get};
use crate::support::lock_holder::LockHolder;
use crate::support::node::Node;
use crate::support::postgres::{connect, database};
use crate::support::postgres_cluster::Cluster;
use crate::support::rewriting_proxy::RewritingProxy;

const LOST: &str = "notifications of other nodes do not come";
const BACK: &str = "notifications of other nodes come again";
/// The last statement of a connection for notifications is one that notifies.
const END_LISTENERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'SELECT pg_notify%'";
const END_NEWEST_LISTENER: &str = "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'SELECT pg_notify%' ORDER BY backend_start DESC LIMIT 1) AS newest";
const ENDED: &str = "another node has ended";
/// Clients that read at the same time, far more than there are readers.
const CLIENTS: u32 = 200;

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
async fn a_node_compares_itself_after_it_could_not_listen() {
    let pair = Pair::new().await;
    let mut talkers = pair.talkers().await;
    talkers.talk().await;
    let client = connect(&pair.url).await;
    assert_eq!(client.query(END_NEWEST_LISTENER, &[]).await.unwrap().len(), 1);
    // The other node notifies meanwhile. Nothing follows the last message.
    talkers.say(true).await;
    talkers.hear().await;
    pair.second.has_logged(BACK, 1).await;
    assert_eq!(pair.first.count_logged(LOST), 0);
    talkers.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_finds_what_others_did_before_they_knew_it() {
    let url = database().await;
    let (mut first, mut second) = (node(&url), node(&url));
    first.start().await;
    let (ada, grace) = (first.register("ada").await, first.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    first.signal(Signal::STOP);
    second.start().await;
    let leases = LockHolder::new(&url, "LOCK TABLE nodes").await;
    first.signal(Signal::CONT);
    let mut socket = TestUser { address: second.address, ..grace }.connect("/ws").await;
    // The first node tells nobody, because it is alone as far as it knows. Nothing follows.
    ada.send(&room, "is anybody there?").await;
    leases.release().await;
    assert_eq!(socket.next_content().await, "is anybody there?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_hear_itself_connects_again_and_compares() {
    let url = database().await;
    let (_, place) = url.rsplit_once('@').unwrap();
    let target = place.split_once('/').unwrap().0.parse().unwrap();
    // It listens to another channel, and its statements are answered all the same.
    let change = |_| ["LISTEN chinwag_", "LISTEN chinwax_"].map(str::to_owned);
    let proxy = RewritingProxy::to(target, change).await;
    let listen_url = url.replace(&target.to_string(), &proxy.address.to_string());
    let mut first = node(&url);
    let mut second = Node::with(&["--database-url", &url, "--jwt-secret", SECRET, "--listen-url", &listen_url]);
    first.start().await;
    second.start().await;
    first.has_logged(JOINED, 1).await;
    second.has_logged("this node's own notifications did not come back", 1).await;
    let pair = Pair { first, second, url };
    let mut talkers = pair.talkers().await;
    talkers.ada.send(&talkers.room, "nobody brings this").await;
    assert_eq!(talkers.graces.next_content().await, "nobody brings this");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_stay_though_the_server_was_away_for_longer_than_a_lease() {
    let mut cluster = Cluster::start().await;
    let pair = Pair::on(cluster.database().await).await;
    let mut talkers = pair.talkers().await;
    talkers.talk().await;
    cluster.crash();
    // The time itself is what matters: all leases end.
    sleep(LEASE + LEASE_RENEWAL).await;
    cluster.start_again();
    for node in [&pair.first, &pair.second] {
        node.has_logged(BACK, 1).await;
    }
    talkers.talk().await;
    for node in [&pair.first, &pair.second] {
        assert_eq!(node.count_logged(ENDED), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_readers_are_all_taken_keeps_its_lease() {
    let pair = Pair::new().await;
    let user = pair.second.register("many").await;
    let locked = LockHolder::new(&pair.url, "LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await;
    // So many clients wait for a reader that hardly anything else gets one. They come one after another, so that they do not give up together.
    let (mut busy, mut pause) = (JoinSet::new(), interval(CONNECT_TIMEOUT / CLIENTS));
    for _ in 0..CLIENTS {
        pause.tick().await;
        let user = user.clone();
        busy.spawn(async move { while user.get("/v1/users/me/sessions").await.status != 200 {} });
    }
    // The time itself is what matters: without renewals the lease ends, and the other node looks.
    sleep(LEASE + 2 * LEASE_RENEWAL).await;
    assert_eq!(pair.first.count_logged(ENDED), 0, "a busy node is not dead");
    assert!(busy.try_join_next().is_none(), "a reader was free");
    locked.release().await;
    while let Some(answered) = busy.join_next().await {
        answered.unwrap();
    }
    pair.talkers().await.talk().await;
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
    for node in [&pair.first, &pair.second, &third] {
        node.has_logged(JOINED, 2).await;
        let health = get(node.address, "/health").await.expect(200).json();
        assert_eq!(health["checks"]["nodes"], json!({"others": 2}));
    }
    pair.talkers().await.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_left_alone_raises_no_alarm() {
    let mut pair = Pair::new().await;
    pair.second.signal(Signal::TERM);
    pair.second.ended().await;
    pair.first.has_logged(ENDED, 1).await;
    // The time itself is what matters: a packet whose echo is not taken for one is missed after it.
    sleep(NOTIFY_ECHO_TIMEOUT + 2 * NOTIFY_BEAT).await;
    assert_eq!(pair.first.count_logged(LOST), 0);
}
