//! Nodes in one process that share a store and a bus, and what their users see of each other.

use std::sync::Arc;
use std::time::Duration;

use chinwag::limits::PresenceTimes;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bus::{Form, NetworkCondition, TestBus};
use crate::support::client::TestUser;
use crate::support::postgres::migrated_database;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

/// Short, so that tests do not wait long, and long enough for a loaded machine.
pub(super) const TIMES: PresenceTimes = PresenceTimes {
    lost_grace: Duration::from_secs(3),
    beat: Duration::from_millis(500),
    lease: Duration::from_secs(3),
};

/// Some nodes on one store, and the bus between them.
pub(super) struct Nodes {
    pub(super) servers: Vec<Server>,
    pub(super) bus: Arc<TestBus>,
    pub(super) url: String,
    _folder: TempDir,
}

impl Nodes {
    pub(super) async fn new(store: StoreKind, count: usize, condition: NetworkCondition) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match store {
            StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("shared.db").display()),
            StoreKind::Postgres => migrated_database().await,
        };
        let bus = TestBus::new(Form::Whole, condition);
        let secret = "one secret for all the nodes there are";
        let arguments = ["--database-url", &url, "--jwt-secret", secret, "--rate-limits", "off"];
        let mut servers = Vec::new();
        for _ in 0..count {
            servers.push(Server::configured_node(&arguments, &bus, |config| config.presence = TIMES).await);
        }
        Self { servers, bus, url, _folder: folder }
    }

    /// Connects a user to a node.
    pub(super) async fn connect(&self, node: usize, user: &TestUser) -> Socket {
        self.at(node, user).connect("/ws").await
    }

    /// Connects a user to a node, who sees nobody yet.
    pub(super) async fn watch(&self, node: usize, user: &TestUser) -> Socket {
        let mut socket = self.connect(node, user).await;
        assert_eq!(socket.next_of(&["presence.state"]).await["users"], json!({}));
        socket
    }

    /// Returns the same user at a node.
    pub(super) fn at(&self, node: usize, user: &TestUser) -> TestUser {
        TestUser { address: self.servers[node].address, ..user.clone() }
    }

    /// Returns the status and the time of `last_seen_at` that a node shows.
    pub(super) async fn shown(&self, node: usize, viewer: &TestUser, user: &TestUser) -> (Value, Value) {
        let mut shown = self.at(node, viewer).get(&format!("/v1/users/{}", user.id)).await.expect(200).json();
        (shown["status"].take(), shown["last_seen_at"].take())
    }
}

/// Registers a viewer who has a conversation with each of the others.
pub(super) async fn people<const N: usize>(nodes: &Nodes, names: [&str; N]) -> (TestUser, [TestUser; N]) {
    let viewer = nodes.servers[0].register("viewer").await;
    let mut users = Vec::new();
    for name in names {
        let user = nodes.servers[0].register(name).await;
        viewer.direct(&user).await;
        users.push(user);
    }
    (viewer, users.try_into().unwrap())
}

/// Returns the next diff, of which nobody was told before, as the list in which it has each user.
pub(super) async fn next_diff(socket: &mut Socket) -> Vec<(String, String)> {
    let diff = socket.next_of(&["presence.diff"]).await;
    let list = |name: &str| {
        let ids = diff[name].as_array().unwrap().iter();
        ids.map(|id| (name.to_owned(), id.as_str().unwrap().to_owned())).collect::<Vec<_>>()
    };
    [list("online"), list("away"), list("offline")].concat()
}

pub(super) fn went(status: &str, user: &TestUser) -> Vec<(String, String)> {
    vec![(status.to_owned(), user.id.clone())]
}

/// Reads frames about presence until the socket's client shows this user with this status.
pub(super) async fn until_status(socket: &mut Socket, user: &TestUser, status: &str) {
    loop {
        let frame = socket.next_of(&["presence.state", "presence.diff"]).await;
        let is_listed = |list: &Value| list.as_array().is_some_and(|ids| ids.contains(&json!(user.id)));
        if frame["users"][&user.id] == status || is_listed(&frame[status]) {
            return;
        }
    }
}
