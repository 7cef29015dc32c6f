//! Nodes of one database that no bus joins. The times are those of the product, so each test takes half a minute.

use std::time::Duration;

use chinwag::limits::{LEASE_RENEWAL, PEER_SILENCE_MAX};
use tokio::task::block_in_place;

use crate::nodes::node;
use crate::support::nats::Nats;
use crate::support::node::Node;
use crate::support::postgres::migrated_database;
use crate::support::socket::TEST_TIMEOUT;

const MET: &str = "another node is alive";
const UNHEARD: &str = "a node that shares this database sends nothing over this node's bus";
/// The silence that is allowed, the look after it, and the time that another test may take.
const SAID_WITHIN: Duration = PEER_SILENCE_MAX.saturating_add(LEASE_RENEWAL).saturating_add(TEST_TIMEOUT);

/// Starts a node that NATS joins to others.
async fn at(nats: &Nats, database: &str) -> Node {
    let mut node = node(database);
    node.arguments.extend(["--nats-url".to_owned(), nats.url("")]);
    node.start().await;
    node
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_at_nats_and_one_without_name_each_other() {
    let (nats, database) = (Nats::start().await, migrated_database().await);
    let (with, mut without) = (at(&nats, &database).await, node(&database));
    without.start().await;
    with.has_logged_within(SAID_WITHIN, UNHEARD, 1).await;
    without.has_logged_within(SAID_WITHIN, UNHEARD, 1).await;
    assert_eq!((with.count_logged("NATS at nats://"), without.count_logged("PostgreSQL's NOTIFY")), (1, 1));
    // A node that has left is not missed.
    without.kill().await;
    without.arguments.extend(["--nats-url".to_owned(), nats.url("")]);
    without.start().await;
    with.has_logged(MET, 2).await;
    assert_eq!((with.count_logged(UNHEARD), without.count_logged(UNHEARD)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_at_two_nats_servers_name_each_other_and_those_at_one_do_not() {
    let (nats, other, database) = (Nats::start().await, Nats::start().await, migrated_database().await);
    let joined = [at(&nats, &database).await, at(&nats, &database).await];
    let alone = at(&other, &database).await;
    // The two have known each other for longer, and would have said so before.
    alone.has_logged_within(SAID_WITHIN, UNHEARD, 2).await;
    for node in &joined {
        node.has_logged_within(SAID_WITHIN, UNHEARD, 1).await;
    }
    assert_eq!((joined[0].count_logged(UNHEARD), joined[1].count_logged(UNHEARD)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_nats_is_away_names_nobody() {
    let (mut nats, other, database) = (Nats::start().await, Nats::start().await, migrated_database().await);
    let (cut_off, mut never) = (at(&nats, &database).await, node(&database));
    cut_off.has_logged("connected to NATS", 1).await;
    block_in_place(|| nats.kill());
    cut_off.has_logged("NATS is away", 1).await;
    never.arguments.extend(["--nats-url".to_owned(), nats.url("")]);
    never.start().await;
    let served = at(&other, &database).await;
    // By then they have missed each other for as long.
    served.has_logged_within(SAID_WITHIN, UNHEARD, 2).await;
    assert_eq!((cut_off.count_logged(UNHEARD), never.count_logged(UNHEARD)), (0, 0));
}
