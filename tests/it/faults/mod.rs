//! Fault tests: the promises hold while the server is killed, stopped and cut off. `make faults` runs many rounds.

mod abuse;
mod answers;
mod checker;
mod clock;
mod database;
mod drain;
mod kill;
mod proxy;
mod sockets;

use crate::support::client::{Conversation, TestUser};
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::rng::Rng;

/// The clients of a [`Fixture`] that read.
const READERS: usize = 3;

/// A running server, and clients that send to one of its conversations.
struct Fixture {
    node: Node,
    ada: TestUser,
    room: Conversation,
    log: Log,
    clients: ClientPool,
}

impl Fixture {
    async fn begin(mut node: Node, rng: &mut Rng) -> Self {
        node.start().await;
        let (ada, grace, alan) =
            (node.register("ada").await, node.register("grace").await, node.register("alan").await);
        let room = ada.group("Lunch", &[&grace, &alan]).await;
        let log = Log::new();
        // Each with a session of its own, as devices have.
        let (phone, tablet) =
            (TestUser::login(node.address, "grace").await, TestUser::login(node.address, "alan").await);
        let users = [
            (&ada, Behaviour::Sends),
            (&grace, Behaviour::Sends),
            (&phone, Behaviour::Reads),
            (&alan, Behaviour::Posts),
            (&tablet, Behaviour::PostsOnce),
        ];
        let clients = ClientPool::start(&log, &room, &users, rng);
        let ada = TestUser::login(node.address, "ada").await;
        Self { node, ada, room, log, clients }
    }

    /// Waits until some more sends are acknowledged: a random moment.
    async fn a_moment(&self, rng: &mut Rng) {
        self.log.acknowledged(usize::try_from(rng.in_range(1..150)).unwrap()).await;
    }
}
