//! Presence over several nodes: a user is online if they are connected to one of them, and nobody flaps while nodes and connections come and go.

mod arrivals;
mod nodes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chinwag::bus::{Envelope, Inbox, NodePresence, PresenceNews};
use chinwag::domain::user::{Name, Status, User, Username};
use chinwag::domain::{Timestamp, UserId};
use chinwag::limits::{PRESENCE_DEBOUNCE, PRESENCE_LOOKED_UP_MAX, SMALL_CONVERSATION_MEMBERS_MAX};
use serde_json::{Value, json};

use self::nodes::{Nodes, TIMES, next_diff, people, until_status, went};
use crate::support::bus::{NetworkCondition, Silence};
use crate::support::client::{Conversation, TestUser};
use crate::support::node::Node;
use crate::support::postgres::migrated_database;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;

on_each_store! {
    a_user_at_two_nodes_is_online_until_both_connections_ended,
    a_user_is_away_when_they_are_from_their_connections_to_all_nodes,
    a_bus_that_loses_doubles_and_reorders_shows_the_right_users_in_the_end,
    the_users_of_a_killed_node_go_offline,
    a_node_that_is_cut_off_keeps_what_it_knows_and_catches_up,
    nodes_that_come_back_at_once_get_one_state_of_each_other,
    a_drained_node_s_users_do_not_flap,
    a_lost_connection_may_come_back_and_a_closed_one_has_gone,
    the_users_of_a_whole_node_come_as_one_state,
    a_large_group_counts_the_users_of_all_nodes,
}

/// The inbox of a node that the test plays itself.
struct Deaf;

impl Inbox for Deaf {
    fn deliver_local(&self, _: Envelope) {}

    fn deliver_remote(&self, _: Envelope) {}

    fn on_reconnect(&self) {}
}

/// Kills a process of three on one PostgreSQL. The times are those of the product, so this takes half a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_users_of_a_killed_process_are_offline_within_half_a_minute() {
    let url = migrated_database().await;
    let arguments = ["--database-url", &url, "--jwt-secret", "one secret for all the nodes there are"];
    let mut nodes = [Node::with(&arguments), Node::with(&arguments), Node::with(&arguments)];
    for node in &mut nodes {
        node.start().await;
    }
    let (viewer, grace) = (nodes[1].register("viewer").await, nodes[1].register("grace").await);
    viewer.direct(&grace).await;
    let mut socket = viewer.connect("/ws").await;
    let _graces = TestUser { address: nodes[0].address, ..grace.clone() }.connect("/ws").await;
    until_status(&mut socket, &grace, "online").await;
    let status = async |node: &Node| {
        let viewer = TestUser { address: node.address, ..viewer.clone() };
        viewer.get(&format!("/v1/users/{}", grace.id)).await.expect(200).json()
    };
    while status(&nodes[2]).await["status"] != "online" {}
    nodes[0].kill().await;
    let gone = async {
        for node in &nodes[1..] {
            let mut looks = tokio::time::interval(Duration::from_millis(200));
            while status(node).await["status"] != "offline" {
                looks.tick().await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("offline within 30 s");
    until_status(&mut socket, &grace, "offline").await;
    while status(&nodes[1]).await["last_seen_at"].is_null() {}
}

async fn a_user_at_two_nodes_is_online_until_both_connections_ended(store: StoreKind) {
    let nodes = Nodes::new(store, 3, NetworkCondition::Reliable).await;
    let (viewer, [grace, marker]) = people(&nodes, ["grace", "marker"]).await;
    let mut viewers = [nodes.watch(0, &viewer).await, nodes.watch(1, &viewer).await, nodes.watch(2, &viewer).await];
    let first = nodes.connect(0, &grace).await;
    for socket in &mut viewers {
        until_status(socket, &grace, "online").await;
    }
    let second = nodes.connect(1, &grace).await;
    let mut late = nodes.connect(1, &viewer).await;
    assert_eq!(late.next_of(&["presence.state"]).await["users"], json!({&grace.id: "online"}));
    drop(first);
    // Longer than the first node goes on showing her by itself.
    tokio::time::sleep(2 * PRESENCE_DEBOUNCE).await;
    let _marker = nodes.connect(1, &marker).await;
    for socket in viewers.iter_mut().chain([&mut late]) {
        assert_eq!(next_diff(socket).await, went("online", &marker), "she has not gone");
    }
    for node in 0..3 {
        assert_eq!(nodes.shown(node, &viewer, &grace).await, (json!("online"), Value::Null));
    }
    drop(second);
    for socket in viewers.iter_mut().chain([&mut late]) {
        assert_eq!(next_diff(socket).await, went("offline", &grace));
    }
    for node in 0..3 {
        // A busy store may take longer than the announcement waits for it.
        while nodes.shown(node, &viewer, &grace).await.1.is_null() {}
        assert_eq!(nodes.shown(node, &viewer, &grace).await.0, "offline");
    }
}

async fn a_user_is_away_when_they_are_from_their_connections_to_all_nodes(store: StoreKind) {
    let nodes = Nodes::new(store, 2, NetworkCondition::Reliable).await;
    let (viewer, [grace]) = people(&nodes, ["grace"]).await;
    let mut socket = nodes.watch(1, &viewer).await;
    let (mut first, mut second) = (nodes.connect(0, &grace).await, nodes.connect(1, &grace).await);
    until_status(&mut socket, &grace, "online").await;
    first.send(&json!({"type": "presence.away"})).await;
    second.send(&json!({"type": "presence.away"})).await;
    assert_eq!(next_diff(&mut socket).await, went("away", &grace));
    assert_eq!(nodes.shown(0, &viewer, &grace).await.0, "away");
    first.send(&json!({"type": "presence.back"})).await;
    assert_eq!(next_diff(&mut socket).await, went("online", &grace));
    drop(first);
    assert_eq!(next_diff(&mut socket).await, went("away", &grace));
}

async fn a_bus_that_loses_doubles_and_reorders_shows_the_right_users_in_the_end(store: StoreKind) {
    let nodes =
        Nodes::new(store, 2, NetworkCondition::Unreliable(FaultRun::new("presence over a bad bus").rng())).await;
    let (viewer, users) = people(&nodes, ["ada", "bob", "cleo", "dora"]).await;
    let mut socket = nodes.watch(1, &viewer).await;
    for round in 0..3 {
        let mut sockets = Vec::new();
        for user in &users[..=round + 1] {
            sockets.push(nodes.connect(0, user).await);
        }
        for user in &users[..=round + 1] {
            while nodes.shown(1, &viewer, user).await.0 != "online" {}
        }
        drop(sockets);
        for user in &users {
            while nodes.shown(1, &viewer, user).await.0 != "offline" {}
        }
    }
    nodes.bus.redeliver_all();
    let mut shown = std::collections::BTreeSet::new();
    let _last = nodes.connect(0, &users[3]).await;
    // The last diffs leave the last one alone.
    while shown.len() != 1 || !shown.contains(&users[3].id) {
        for (list, id) in next_diff(&mut socket).await {
            if list == "offline" {
                shown.remove(&id)
            } else {
                shown.insert(id)
            };
        }
    }
}

async fn the_users_of_a_killed_node_go_offline(store: StoreKind) {
    let nodes = Nodes::new(store, 3, NetworkCondition::Reliable).await;
    let (viewer, [grace, alan]) = people(&nodes, ["grace", "alan"]).await;
    let mut socket = nodes.watch(1, &viewer).await;
    let _connections = [nodes.connect(0, &grace).await, nodes.connect(0, &alan).await, nodes.connect(2, &alan).await];
    until_status(&mut socket, &grace, "online").await;
    while nodes.shown(1, &viewer, &alan).await.0 != "online" {}
    nodes.bus.set_silent(0, Some(Silence::Killed));
    let since = Instant::now();
    loop {
        let diff = next_diff(&mut socket).await;
        if diff == went("offline", &grace) {
            break;
        }
        assert_eq!(diff, went("online", &alan), "he is connected to another node");
    }
    assert!(since.elapsed() > TIMES.lease / 2, "a silence of a moment is no end");
    for node in [1, 2] {
        while nodes.shown(node, &viewer, &grace).await.1.is_null() {}
        assert_eq!(nodes.shown(node, &viewer, &alan).await, (json!("online"), Value::Null));
    }
}

async fn a_node_that_is_cut_off_keeps_what_it_knows_and_catches_up(store: StoreKind) {
    let nodes = Nodes::new(store, 3, NetworkCondition::Reliable).await;
    let (viewer, [grace, alan, marker]) = people(&nodes, ["grace", "alan", "marker"]).await;
    let mut socket = nodes.watch(1, &viewer).await;
    let (graces, _alans) = (nodes.connect(0, &grace).await, nodes.connect(2, &alan).await);
    for user in [&grace, &alan] {
        while nodes.shown(1, &viewer, user).await.0 != "online" {}
    }
    nodes.bus.set_silent(1, Some(Silence::CutOff));
    drop(graces);
    while nodes.shown(0, &viewer, &grace).await.0 != "offline" {}
    // The others lose this node; it loses nobody.
    tokio::time::sleep(2 * TIMES.lease).await;
    for user in [&grace, &alan] {
        assert_eq!(nodes.shown(1, &viewer, user).await.0, "online");
    }
    nodes.bus.set_silent(1, None);
    while nodes.shown(1, &viewer, &grace).await.0 != "offline" {}
    let _markers = nodes.connect(2, &marker).await;
    let mut offline = Vec::new();
    loop {
        let diff = next_diff(&mut socket).await;
        offline.extend(diff.iter().filter(|(list, _)| list == "offline").map(|(_, id)| id.clone()));
        if diff.contains(&went("online", &marker)[0]) {
            break;
        }
    }
    assert_eq!(offline, [grace.id], "nobody else went for a moment");
}

async fn nodes_that_come_back_at_once_get_one_state_of_each_other(store: StoreKind) {
    const COUNT: usize = 4;
    let nodes = Nodes::new(store, COUNT, NetworkCondition::Reliable).await;
    let (viewer, users) = people(&nodes, ["ada", "bob", "cleo", "dora"]).await;
    nodes.bus.set_condition(NetworkCondition::Disconnected);
    let mut sockets = Vec::new();
    for (node, user) in users.iter().enumerate() {
        sockets.push(nodes.connect(node, user).await);
        while nodes.shown(node, &viewer, user).await.0 != "online" {}
    }
    tokio::time::sleep(TIMES.beat).await;
    let before = nodes.bus.presence_news().len();
    nodes.bus.reconnect();
    for node in 0..COUNT {
        for user in &users {
            while nodes.shown(node, &viewer, user).await.0 != "online" {}
        }
    }
    tokio::time::sleep(TIMES.beat).await;
    let news = nodes.bus.presence_news();
    let states = |node: usize| {
        let of_node = news[before..].iter().filter(|(from, _)| *from == node);
        of_node.filter(|(_, news)| matches!(news, PresenceNews::State { .. })).count()
    };
    let states = [0, 1, 2, 3].map(states);
    // Each node that lacks something asks once. Who asked too late for an answer gets the next one.
    assert!(states.iter().all(|count| (1..=2).contains(count)), "{states:?}");
}

async fn a_drained_node_s_users_do_not_flap(store: StoreKind) {
    let mut nodes = Nodes::new(store, 2, NetworkCondition::Reliable).await;
    let (viewer, [grace, alan, marker]) = people(&nodes, ["grace", "alan", "marker"]).await;
    let mut socket = nodes.watch(1, &viewer).await;
    let (mut graces, _alans) = (nodes.connect(0, &grace).await, nodes.connect(0, &alan).await);
    for user in [&grace, &alan] {
        while nodes.shown(1, &viewer, user).await.0 != "online" {}
    }
    let _before = nodes.connect(1, &marker).await;
    while !next_diff(&mut socket).await.contains(&went("online", &marker)[0]) {}
    nodes.servers[0].stop();
    assert_eq!(graces.close_code().await, 1012);
    // As long as clients are told to wait.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let _back = nodes.connect(1, &grace).await;
    assert_eq!(next_diff(&mut socket).await, went("offline", &alan), "she did not go, and he did not come back");
    while nodes.shown(1, &viewer, &alan).await.1.is_null() {}
    assert_eq!(nodes.shown(1, &viewer, &grace).await.0, "online");
}

async fn a_lost_connection_may_come_back_and_a_closed_one_has_gone(store: StoreKind) {
    let nodes = Nodes::new(store, 2, NetworkCondition::Reliable).await;
    let (viewer, [grace, alan, marker]) = people(&nodes, ["grace", "alan", "marker"]).await;
    let mut sockets = [nodes.watch(0, &viewer).await, nodes.watch(1, &viewer).await];
    let (graces, alans) = (nodes.connect(0, &grace).await, nodes.connect(0, &alan).await);
    for user in [&grace, &alan] {
        while nodes.shown(1, &viewer, user).await.0 != "online" {}
    }
    let markers = nodes.connect(1, &marker).await;
    for socket in &mut sockets {
        while !next_diff(socket).await.contains(&went("online", &marker)[0]) {}
    }
    graces.lose();
    alans.lose();
    drop(markers);
    for socket in &mut sockets {
        assert_eq!(next_diff(socket).await, went("offline", &marker), "who closed is gone before who was lost");
    }
    let back = nodes.connect(1, &grace).await;
    for socket in &mut sockets {
        assert_eq!(next_diff(socket).await, went("offline", &alan));
    }
    // She came back elsewhere, so the node that lost her shows her no longer than her new connection.
    let since = Instant::now();
    drop(back);
    for socket in &mut sockets {
        assert_eq!(next_diff(socket).await, went("offline", &grace));
    }
    assert!(since.elapsed() >= PRESENCE_DEBOUNCE);
}

async fn the_users_of_a_whole_node_come_as_one_state(store: StoreKind) {
    let nodes = Nodes::new(store, 1, NetworkCondition::Reliable).await;
    let (viewer, [grace, alan]) = people(&nodes, ["grace", "alan"]).await;
    let room = viewer.direct(&alan).await;
    let (mut all, mut one) = (nodes.connect(0, &viewer).await, viewer.connect(&room.socket).await);
    for socket in [&mut all, &mut one] {
        assert_eq!(socket.next_of(&["presence.state"]).await["users"], json!({}));
    }
    let other = nodes.bus.join(Arc::new(Deaf));
    let mut users: Vec<(UserId, Status)> =
        (0..PRESENCE_LOOKED_UP_MAX).map(|_| (UserId::new(), Status::Online)).collect();
    users.extend([&grace, &alan].map(|user| (UserId::parse(&user.id).unwrap(), Status::Away)));
    let news = PresenceNews::State { part: 0, parts: 1, users };
    let node = other.others().own.expect("an id");
    other.publish(Envelope::Presence(NodePresence { node, version: 1, news }));
    let state = all.next_of(&["presence.state", "presence.diff"]).await;
    assert_eq!(state["users"], json!({&grace.id: "away", &alan.id: "away"}), "{state}");
    let state = one.next_of(&["presence.state", "presence.diff"]).await;
    assert_eq!(state["users"], json!({&alan.id: "away"}), "{state}");
}

async fn a_large_group_counts_the_users_of_all_nodes(store: StoreKind) {
    let nodes = Nodes::new(store, 2, NetworkCondition::Reliable).await;
    let (viewer, [grace, alan]) = people(&nodes, ["grace", "alan"]).await;
    let database = chinwag::store::open(&nodes.url).await.unwrap();
    let mut members = vec![grace.id.clone(), alan.id.clone()];
    for number in 0..SMALL_CONVERSATION_MEMBERS_MAX {
        let username = format!("extra{number}");
        let (id, created_at) = (UserId::new(), Timestamp::now());
        let (username, name) = (Username::parse(&username).unwrap(), Name::parse(&username).unwrap());
        database.insert_user(&User { id, username, name, created_at, last_seen_at: None }, "hash").await.unwrap();
        members.push(id.to_string());
    }
    let body = json!({"type": "group", "name": "All", "member_ids": members});
    let room = Conversation::from(&viewer.post("/v1/conversations", &body).await.expect(201).json());
    let _connections = [nodes.connect(0, &grace).await, nodes.connect(1, &grace).await, nodes.connect(0, &alan).await];
    for user in [&grace, &alan] {
        while nodes.shown(1, &viewer, user).await.0 != "online" {}
    }
    let mut socket = nodes.at(1, &viewer).connect(&room.socket).await;
    let state = socket.next_of(&["presence.state"]).await;
    assert_eq!((&state["online_count"], &state["users"]), (&json!(3), &json!({})), "the viewer, and two others once");
}
