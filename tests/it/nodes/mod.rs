//! Several processes on one PostgreSQL, which join each other without a further service.

/// Creates a test for each bus from each specification.
macro_rules! on_each_bus {
    ($($specification:ident),* $(,)?) => {
        mod notify {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $specification() {
                super::$specification($crate::nodes::fleet::Carrier::Notify).await;
            })*
        }

        mod nats {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $specification() {
                super::$specification($crate::nodes::fleet::Carrier::Nats).await;
            })*
        }
    };
}

mod clocks;
mod faults;
pub(crate) mod fleet;
mod history;
mod intruder;
mod readers;
mod strangers;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::client::{Conversation, TestUser};
use crate::support::node::Node;
use crate::support::postgres::migrated_database;
use crate::support::socket::Socket;

/// The time in which an event must be there: far less than the heartbeat, within which it would be there without a bus.
const AT_ONCE: Duration = Duration::from_secs(5);
pub(crate) const SECRET: &str = "one secret for all the nodes there are";
const JOINED: &str = "another node is alive";

/// Two nodes that know each other.
struct Pair {
    first: Node,
    second: Node,
    url: String,
}

impl Pair {
    async fn new() -> Self {
        Self::on(migrated_database().await).await
    }

    async fn on(url: String) -> Self {
        let (mut first, mut second) = (node(&url), node(&url));
        first.start().await;
        second.start().await;
        first.has_logged(JOINED, 1).await;
        second.has_logged(JOINED, 1).await;
        Self { first, second, url }
    }

    /// Returns the same user at the second node.
    fn on_second(&self, user: &TestUser) -> TestUser {
        TestUser { address: self.second.address, ..user.clone() }
    }

    /// Ada at the first node, and Grace at the second, in one group.
    async fn talkers(&self) -> Talkers {
        let (ada, grace) = (self.first.register("ada").await, self.first.register("grace").await);
        let room = ada.group("Lunch", &[&grace]).await;
        // With a token that is valid by the second node's clock.
        let grace = TestUser::login(self.second.address, "grace").await;
        let (adas, graces) = (ada.connect("/ws").await, grace.connect("/ws").await);
        Talkers { ada, adas, grace, graces, room, unheard: Vec::new(), count: 0 }
    }
}

/// Two users who write to each other from different nodes.
struct Talkers {
    ada: TestUser,
    adas: Socket,
    grace: TestUser,
    graces: Socket,
    room: Conversation,
    /// The messages that were sent and not heard yet.
    unheard: Vec<String>,
    count: usize,
}

impl Talkers {
    /// Waits until each shows the other as online. Presence comes only from nodes that have met, as all does that has no number.
    async fn meet(&mut self) {
        for (socket, other) in [(&mut self.adas, &self.grace), (&mut self.graces, &self.ada)] {
            while !socket.next_of(&["presence.state", "presence.diff"]).await.to_string().contains(&other.id) {}
        }
    }

    /// Each sends some messages. Both hear each of them at once, and nothing twice.
    async fn talk(&mut self) {
        for _ in 0..3 {
            for is_adas in [true, false] {
                self.say(is_adas).await;
                self.hear().await;
            }
        }
    }

    async fn say(&mut self, is_adas: bool) {
        self.count += 1;
        let content = format!("message {}", self.count);
        let user = if is_adas { &self.ada } else { &self.grace };
        user.send(&self.room, &content).await;
        self.unheard.push(content);
    }

    async fn hear(&mut self) {
        for content in self.unheard.drain(..) {
            for socket in [&mut self.adas, &mut self.graces] {
                assert_eq!(soon(socket, "message.new").await["message"]["content"], content);
            }
        }
    }
}

/// Creates a node, without starting it.
pub(crate) fn node(url: &str) -> Node {
    Node::with(&["--database-url", url, "--jwt-secret", SECRET])
}

/// Waits for the next frame of a type, for a short time.
async fn soon(socket: &mut Socket, kind: &str) -> Value {
    soon_of(socket, &[kind]).await
}

/// Waits for the next frame of one of these types, for a short time.
async fn soon_of(socket: &mut Socket, kinds: &[&str]) -> Value {
    let frame = timeout(AT_ONCE, socket.next_of(kinds)).await;
    frame.unwrap_or_else(|_| panic!("one of {kinds:?} should be there at once"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_another_node_are_heard_at_once() {
    Pair::new().await.talkers().await.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_conversations_is_heard_at_once() {
    let pair = Pair::new().await;
    let (ada, grace) = (pair.first.register("ada").await, pair.first.register("grace").await);
    let mut graces = pair.on_second(&grace).connect("/ws").await;
    let room = ada.group("Lunch", &[&grace]).await;
    assert_eq!(soon(&mut graces, "conversation.created").await["conversation"]["id"], room.id);
    let message = ada.send(&room, "hello").await;
    let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
    ada.patch(&path, &json!({"content": "hello, Grace"})).await.expect(200);
    assert_eq!(soon(&mut graces, "message.updated").await["message"]["content"], "hello, Grace");
    ada.patch(&room.path, &json!({"name": "Dinner"})).await.expect(200);
    assert_eq!(soon(&mut graces, "conversation.updated").await["conversation"]["name"], "Dinner");
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    soon(&mut graces, "member.removed").await;
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);
    soon(&mut graces, "conversation.created").await;
    ada.delete(&room.path).await.expect(204);
    soon(&mut graces, "conversation.deleted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_number_is_heard_at_once() {
    let pair = Pair::new().await;
    let mut talkers = pair.talkers().await;
    talkers.meet().await;
    let Talkers { ada, mut adas, grace, mut graces, room, .. } = talkers;
    adas.send(&json!({"type": "typing.start", "conversation_id": room.id})).await;
    assert_eq!(soon(&mut graces, "typing.start").await["user_id"], ada.id);
    ada.send(&room, "hello").await;
    soon(&mut graces, "message.new").await;
    grace.read(&room, 1).await.expect(204);
    let read = soon(&mut adas, "message.read").await;
    assert!(read.to_string().contains(&grace.id), "{read}");
    grace.post("/v1/users/logout", &json!({})).await.expect(204);
    let there = TestUser { address: pair.first.address, ..grace.clone() };
    let refused = async { while there.get("/v1/users/me").await.status != 401 {} };
    timeout(AT_ONCE, refused).await.expect("the session should be over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_just_started_knows_who_is_online() {
    let pair = Pair::new().await;
    let Talkers { ada, grace, graces: _connected, room, .. } = pair.talkers().await;
    let mut third = node(&pair.url);
    third.start().await;
    let ada = TestUser { address: third.address, ..ada };
    let shown = ada.get(&format!("/v1/users/{}", grace.id)).await.expect(200).json();
    assert_eq!(shown["status"], "online", "by REST");
    let mut socket = ada.connect(&format!("/ws/{}", room.id)).await;
    assert_eq!(socket.next_of(&["presence.state"]).await["users"][&grace.id], "online", "by WebSocket");
}
