//! Blocks hide presence on all nodes, also if the bus loses the news of them.

use serde_json::json;

use super::{Cluster, NEVER, SOON, Setup};
use crate::support::bus::NetworkCondition;
use crate::support::client::TestUser;
use crate::support::socket::Socket;

in_each_setup! {
    a_block_hides_presence_on_other_nodes,
    a_change_of_blocks_that_the_bus_lost_is_found_by_a_heartbeat,
    a_change_of_blocks_that_the_bus_lost_is_found_when_it_returns,
}

async fn a_block_hides_presence_on_other_nodes(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, NEVER).await;
    let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
    ada.direct(&grace).await;
    let _adas = cluster.on_second(&ada).connect("/ws").await;
    let mut socket = cluster.on_second(&grace).connect("/ws").await;
    while !socket.next_of(&["presence.state", "presence.diff"]).await.to_string().contains(&ada.id) {}
    let block = format!("/v1/users/{}/block", grace.id);
    ada.put(&block).await.expect(204);
    let diff = socket.next_of(&["presence.diff"]).await;
    assert_eq!((&diff["online"], &diff["offline"]), (&json!([]), &json!([ada.id])));
    ada.delete(&block).await.expect(204);
    let diff = socket.next_of(&["presence.diff"]).await;
    assert_eq!((&diff["online"], &diff["offline"]), (&json!([ada.id]), &json!([])));
}

/// Reads frames about presence until the socket's client shows this user as online, or as offline.
async fn until(socket: &mut Socket, user: &TestUser, is_online: bool) {
    loop {
        let frame = socket.next_of(&["presence.state", "presence.diff"]).await;
        let list = &frame[if is_online { "online" } else { "offline" }];
        let is_listed = list.as_array().is_some_and(|ids| ids.contains(&json!(user.id)));
        let is_in_state = frame["type"] == "presence.state" && frame["users"][&user.id].is_string() == is_online;
        if is_listed || is_in_state {
            return;
        }
    }
}

/// Two users at the second node who show each other as online.
struct Viewers {
    adas: [Socket; 2],
    graces: Socket,
    ada: TestUser,
    grace: TestUser,
}

impl Viewers {
    async fn new(cluster: &Cluster) -> Self {
        let (ada, grace) = (cluster.first.register("ada").await, cluster.first.register("grace").await);
        let room = ada.direct(&grace).await;
        let there = cluster.on_second(&ada);
        let adas = [there.connect("/ws").await, there.connect(&room.socket).await];
        let graces = cluster.on_second(&grace).connect("/ws").await;
        let mut viewers = Self { adas, graces, ada, grace };
        viewers.until_online(true).await;
        viewers
    }

    /// Waits until all show the other as online, or as offline. Reads all at once, because the server closes connections that do not answer pings.
    async fn until_online(&mut self, is_online: bool) {
        let Self { adas: [all, one], graces, ada, grace } = self;
        tokio::join!(until(all, grace, is_online), until(one, grace, is_online), until(graces, ada, is_online));
    }
}

async fn a_change_of_blocks_that_the_bus_lost_is_found_by_a_heartbeat(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, SOON).await;
    let mut viewers = Viewers::new(&cluster).await;
    let block = format!("/v1/users/{}/block", viewers.grace.id);
    for _ in 0..2 {
        viewers.ada.put(&block).await.expect(204);
        viewers.until_online(false).await;
        viewers.ada.delete(&block).await.expect(204);
        viewers.until_online(true).await;
    }
}

async fn a_change_of_blocks_that_the_bus_lost_is_found_when_it_returns(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Disconnected, NEVER).await;
    let mut viewers = Viewers::new(&cluster).await;
    viewers.ada.put(&format!("/v1/users/{}/block", viewers.grace.id)).await.expect(204);
    cluster.bus.reconnect();
    viewers.until_online(false).await;
}
