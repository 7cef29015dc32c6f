//! The proof by faults: what is promised is kept while the server is killed, stopped and cut off. `make faults` does many rounds.

mod answers;
mod checker;
mod clock;
mod database;
mod drain;
mod kill;
mod proxy;
mod sockets;

use crate::support::chance::Chance;
use crate::support::client::{Conversation, Person};
use crate::support::client_pool::{Crowd, Manner};
use crate::support::history::Log;
use crate::support::node::Node;

/// Of the people of a [`Fixture`], those who listen.
const READERS: usize = 3;

/// A running server, and people who talk in one of its conversations.
struct Fixture {
    node: Node,
    ada: Person,
    room: Conversation,
    log: Log,
    crowd: Crowd,
}

impl Fixture {
    async fn begin(mut node: Node, chance: &mut Chance) -> Self {
        node.start().await;
        let (ada, grace, alan) = (node.person("ada").await, node.person("grace").await, node.person("alan").await);
        let room = ada.group("Lunch", &[&grace, &alan]).await;
        let log = Log::new();
        // Each with a session of their own, as devices have.
        let (phone, tablet) = (Person::login(node.address, "grace").await, Person::login(node.address, "alan").await);
        let people = [
            (&ada, Manner::Talks),
            (&grace, Manner::Talks),
            (&phone, Manner::Listens),
            (&alan, Manner::Posts),
            (&tablet, Manner::PostsOnce),
        ];
        let crowd = Crowd::begin(&log, &room, &people, chance);
        let ada = Person::login(node.address, "ada").await;
        Self { node, ada, room, log, crowd }
    }

    /// Waits until a few more sends are acknowledged: a moment that nobody can foresee.
    async fn a_moment(&self, chance: &mut Chance) {
        self.log.acknowledged(usize::try_from(chance.within(1..150)).unwrap()).await;
    }
}
