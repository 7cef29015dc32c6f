//! Two nodes, and a standby that takes over without the newest events.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{interval, timeout};

use super::failover::{Pair, until};
use crate::support::client::{Conversation, TestUser};
use crate::support::nats::Nats;
use crate::support::node::Node;
use crate::support::postgres::connect;
use crate::support::proxy::{Flow, Proxy};
use crate::support::socket::TEST_TIMEOUT;

const SECRET: &str = "one secret for all the nodes there are";
const TAKEN_OVER: &str = "another database server has taken over";
/// The time in which an event of another node must be there: far less than the heartbeat, within which it would be there without a bus.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Starts two nodes that know each other, each with these further arguments.
async fn nodes(pair: &Pair, arguments: [&[&str]; 2]) -> [Node; 2] {
    let shared = ["--database-url", &pair.url, "--jwt-secret", SECRET];
    let mut nodes = arguments.map(|own| Node::with(&[&shared, own].concat()));
    for node in &mut nodes {
        node.start().await;
    }
    for node in &nodes {
        node.has_logged("another node is alive", 1).await;
    }
    nodes
}

/// Ada at the first node, Grace at the second, and their group.
async fn talkers([one, two]: &[Node; 2]) -> (TestUser, TestUser, Conversation) {
    let (ada, grace) = (one.register("ada").await, one.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    (ada, TestUser { address: two.address, ..grace }, room)
}

/// Waits until both nodes use the new primary.
async fn have_moved(nodes: &[Node; 2], users: [&TestUser; 2]) {
    for (node, user) in nodes.iter().zip(users) {
        node.has_logged(TAKEN_OVER, 1).await;
        let mut pause = interval(Duration::from_millis(50));
        let moved = async {
            while user.get("/v1/users/me").await.status != 200 {
                pause.tick().await;
            }
        };
        timeout(TEST_TIMEOUT, moved).await.expect("the node finds the new primary");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_events_that_waited_on_their_way_reach_no_client() {
    let (pair, nats) = (Pair::start().await, Nats::start().await);
    let way = Proxy::to(nats.address());
    let (slow, direct) = (format!("nats://{}", way.address), nats.url(""));
    let nodes = nodes(&pair, [&["--nats-url", &slow], &["--nats-url", &direct]]).await;
    let (ada, grace, room) = talkers(&nodes).await;
    let mut live = grace.connect(&room.socket).await;
    let mut last = Value::Null;
    for text in ["one", "two"] {
        last = ada.send(&room, text).await["id"].clone();
        assert_eq!(live.next_content().await, text);
    }
    pair.stop_replication().await;
    // The packets of the first node wait in the network from now on.
    way.set_to_target(Flow::Hold);
    for text in ["lost three", "lost four"] {
        ada.send(&room, text).await;
    }
    pair.fail_over().await;
    have_moved(&nodes, [&ada, &grace]).await;

    let mut live = grace.connect(&format!("{}?after_seq=2&after_id={}", room.socket, last.as_str().unwrap())).await;
    live.next_of(&["resumed"]).await;
    way.set_to_target(Flow::Pass);
    nodes[1].has_logged("it is of a history of the database that is not this node's", 1).await;
    // Each of its numbers is that of an event that is lost.
    for text in ["new three", "new four"] {
        grace.send(&room, text).await;
        assert_eq!(live.next_content().await, text);
    }
}

/// Ends all connections of the nodes to a server but the one on which the newest node listens. The last statement on such a connection notifies.
const END_ALL_BUT_NEWEST_LISTENER: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = $1 AND pid <> (SELECT pid FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'SELECT pg_notify%'
        ORDER BY backend_start DESC LIMIT 1)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_does_not_listen_to_a_primary_of_before_that_still_runs() {
    let pair = Pair::start().await;
    let nodes = nodes(&pair, [&[], &[]]).await;
    let (ada, grace, room) = talkers(&nodes).await;
    let (mut adas, mut graces) = (ada.connect(&room.socket).await, grace.connect(&room.socket).await);
    for (user, text) in [(&ada, "from the first"), (&grace, "from the second")] {
        user.send(&room, text).await;
        for socket in [&mut adas, &mut graces] {
            assert_eq!(socket.next_content().await, text);
        }
    }
    pair.stop_replication().await;
    pair.promote().await;
    // The primary of before takes no new connection, and keeps the one on which the second node listens.
    let (server, database) = pair.primary_url.rsplit_once('/').unwrap();
    let url_of_before = format!("{server}/postgres");
    let before = connect(&url_of_before).await;
    before.batch_execute(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).await.unwrap();
    assert!(!before.query(END_ALL_BUT_NEWEST_LISTENER, &[&database]).await.unwrap().is_empty());
    have_moved(&nodes, [&ada, &grace]).await;
    let is_left = format!("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = '{database}'");
    until(&url_of_before, &is_left).await;

    let mut live = grace.connect(&format!("{}?after_seq=2", room.socket)).await;
    live.next_of(&["resumed"]).await;
    for number in 1..=5 {
        let content = format!("{number} on the new primary");
        ada.send(&room, &content).await;
        let heard = timeout(AT_ONCE, live.next_content()).await;
        assert_eq!(heard.expect("the second node listens to the new primary"), content);
    }
}
