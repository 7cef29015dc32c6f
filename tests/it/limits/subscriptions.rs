//! The memory of subscriptions has bounds, and a connection for which there is no room is closed instead of being deaf.

use chinwag::limits::{MemoryBounds, SUBSCRIPTION_BYTES, SUBSCRIPTIONS};
use serde_json::json;

use crate::support::client::TestUser;
use crate::support::server::Server;
use crate::support::socket::Socket;

/// Starts a server with room for this number of subscriptions: of a user, of a network and of the node.
async fn server([per_user, per_network, total]: [usize; 3]) -> Server {
    let bytes = |subscriptions: usize| subscriptions * SUBSCRIPTION_BYTES;
    let (per_user, per_network, total) = (bytes(per_user), bytes(per_network), bytes(total));
    let bounds = MemoryBounds { total, per_user, per_network, modest: per_user, ..SUBSCRIPTIONS };
    Server::configured(&["--trusted-proxies", "127.0.0.1"], |config| config.subscriptions = bounds).await
}

/// Puts a user into this number of groups.
async fn groups(user: &TestUser, count: usize) {
    for number in 0..count {
        user.group(&format!("Group {number}"), &[]).await;
    }
}

/// Opens a connection through a proxy. Returns it with the type of its first frame, or the code of its close.
async fn connect(user: &TestUser, path: &str, from: &str) -> (Socket, String) {
    let headers = [("authorization", &*format!("Bearer {}", user.token)), ("x-forwarded-for", from)];
    let mut socket = Socket::open(user.address, path, &headers).await.unwrap();
    let first = socket.first().await;
    (socket, first)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_fewer_connections_the_more_conversations_they_are_in() {
    let server = server([20, 100, 1_000]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    groups(&ada, 5).await;
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let (socket, first) = connect(&ada, "/ws", "192.0.2.1").await;
        assert_eq!(first, "hello");
        sockets.push(socket);
    }
    let one = ada.group("One", &[]).await;
    for (path, from, first) in
        [("/ws", "192.0.2.1", "4505"), ("/ws?hold=1", "192.0.2.2", "4505"), (&one.socket, "192.0.2.2", "hello")]
    {
        assert_eq!(connect(&ada, path, from).await.1, first, "{path}");
    }
    // The group was one subscription too many for the oldest of the four, and the others hear it.
    let mut oldest = sockets.remove(0);
    assert_eq!(oldest.close_code().await, 4505);
    ada.send(&one, "heard").await;
    for socket in &mut sockets {
        assert_eq!(socket.next_of(&["message.new"]).await["message"]["content"], "heard");
    }
    assert_eq!(connect(&grace, "/ws", "192.0.2.1").await.1, "hello", "another user has a share of their own");

    // A connection that ends makes room.
    drop(sockets.pop());
    let mut again = connect(&ada, "/ws", "192.0.2.1").await;
    while again.1 == "4505" {
        again = connect(&ada, "/ws", "192.0.2.1").await;
    }
    assert_eq!(again.1, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_have_their_shares_and_whoever_finds_no_room_is_sent_away_for_a_while() {
    let server = server([20, 20, 50]).await;
    let mut users = Vec::new();
    for name in ["ada", "grace", "joan", "kay"] {
        let user = server.register(name).await;
        groups(&user, 10).await;
        users.push(user);
    }
    let mut sockets = Vec::new();
    for (user, from) in [(0, "192.0.2.1"), (1, "192.0.2.1"), (2, "192.0.2.2"), (3, "192.0.2.2")] {
        let (socket, first) = connect(&users[user], "/ws", from).await;
        assert_eq!(first, "hello");
        sockets.push(socket);
    }
    assert_eq!(connect(&users[3], "/ws", "192.0.2.1").await.1, "1013", "the share of the network");
    let last = connect(&users[0], "/ws", "192.0.2.3").await;
    assert_eq!(last.1, "hello");
    assert_eq!(connect(&users[1], "/ws", "192.0.2.4").await.1, "1013", "the node has no room");

    // Whoever hears something new then is sent away as well, and not left deaf.
    let new = users[2].group("New", &[]).await;
    assert_eq!(sockets[2].close_code().await, 1013);
    let (mut back, first) = connect(&users[2], &new.socket, "192.0.2.5").await;
    assert_eq!(first, "hello");
    back.send(&json!({"type": "message.send", "content": "back"})).await;
    assert_eq!(back.next_content().await, "back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_devices_of_a_user_with_many_conversations_are_not_touched() {
    // A hundredth of the real bounds, for a hundredth of the conversations.
    let part = |subscriptions: usize| subscriptions / 100 / SUBSCRIPTION_BYTES;
    let server = server([SUBSCRIPTIONS.per_user, SUBSCRIPTIONS.per_network, SUBSCRIPTIONS.total].map(part)).await;
    let ada = server.register("ada").await;
    groups(&ada, 100).await;
    let mut devices = Vec::new();
    for _ in 0..10 {
        devices.push(ada.connect("/ws").await);
    }
    let new = ada.group("New", &[]).await;
    for device in &mut devices {
        assert_eq!(device.next_of(&["conversation.created"]).await["conversation"]["id"], new.id);
    }
}
