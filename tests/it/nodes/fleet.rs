//! Three processes behind one address, under the load of clients that log what they do and receive.

use std::ffi::OsStr;

use rustix::process::Signal;

use super::{JOINED, SECRET};
use crate::support::balancer::Balancer;
use crate::support::client::TestUser;
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::nats::Nats;
use crate::support::node::{Node, program};
use crate::support::proxy::{Proxy, by_proxy};
use crate::support::rng::{FaultRun, Rng};

/// Sends that are acknowledged after a fault.
pub(super) const SENDS: usize = 25;
/// Sends that are acknowledged while a fault lasts. They are few, because the two who send without a pause may be at the node that it befalls, which
/// keeps them for as long: the third goes to any node each time, and waits five seconds at this one.
pub(super) const SENDS_MEANWHILE: usize = 5;

/// The bus that joins the nodes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carrier {
    /// LISTEN and NOTIFY, on a connection of its own.
    Notify,
    Nats,
}

impl Carrier {
    /// Starts NATS, if it is the bus.
    pub(super) async fn nats(self) -> Option<Nats> {
        match self {
            Self::Notify => None,
            Self::Nats => Some(Nats::start().await),
        }
    }
}

/// The proxies of a node to the services that it uses.
pub(super) struct Links {
    pub(super) database: Proxy,
    pub(super) bus: Proxy,
}

/// Creates three nodes on this database, without starting them. Without NATS, they are joined by notifications.
pub(super) fn three_nodes(url: &str, nats: Option<&Nats>) -> (Vec<Node>, Vec<Links>) {
    let node = |_| {
        let (database, database_url) = by_proxy(url);
        let (flag, bus, bus_url) = if let Some(nats) = nats {
            let proxy = Proxy::to(nats.address());
            let url = format!("nats://{}", proxy.address);
            ("--nats-url", proxy, url)
        } else {
            let (proxy, url) = by_proxy(url);
            ("--listen-url", proxy, url)
        };
        let arguments = ["--database-url", &database_url, "--jwt-secret", SECRET, flag, &bus_url];
        (Node::with(&arguments), Links { database, bus })
    };
    (0..3).map(node).unzip()
}

/// Nodes behind one address, and clients that send to a conversation.
pub(crate) struct Fleet {
    pub(crate) nodes: Vec<Node>,
    pub(crate) log: Log,
    ada: TestUser,
    clients: ClientPool,
    _balancer: Balancer,
}

impl Fleet {
    /// Starts nodes on one database, and the clients.
    pub(crate) async fn start(mut nodes: Vec<Node>, rng: &mut Rng) -> Self {
        start_all(&mut nodes).await;
        let balancer = Balancer::to(nodes.iter().map(|node| node.address).collect(), rng.fork()).await;
        let (ada, grace, alan) = (
            TestUser::register(balancer.address, "ada").await,
            TestUser::register(balancer.address, "grace").await,
            TestUser::register(balancer.address, "alan").await,
        );
        let room = ada.group("Lunch", &[&grace, &alan]).await;
        let log = Log::new();
        let actors = [
            (&ada, Behaviour::Sends),
            (&grace, Behaviour::Sends),
            (&alan, Behaviour::PostsSlowly),
            (&ada, Behaviour::Reads),
            (&grace, Behaviour::Reads),
            (&alan, Behaviour::Reads),
        ];
        let clients = ClientPool::start(&log, &room, &actors, rng);
        Self { nodes, log, ada, clients, _balancer: balancer }
    }

    /// Replaces one node after the other, as an upgrade does, by processes of this program.
    pub(crate) async fn roll(&mut self, program: Option<&OsStr>) {
        for node in &mut self.nodes {
            self.log.acknowledged(SENDS).await;
            node.signal(Signal::TERM);
            assert!(node.ended().await.success());
            if let Some(program) = program {
                node.program = program.into();
            }
            node.start().await;
        }
        self.log.acknowledged(SENDS).await;
    }

    /// Ends the clients, and checks what they have sent and received.
    pub(crate) async fn verify(self, run: &FaultRun) {
        let final_state = self.clients.end(&self.ada).await;
        let counts = self.log.verify(&[final_state]);
        run.print(&counts);
        assert!(counts.acknowledged > SENDS, "{counts}");
    }
}

/// Starts nodes. Those of this version then know each other: an older one does not say it.
pub(super) async fn start_all(nodes: &mut [Node]) {
    for node in &mut *nodes {
        node.start().await;
    }
    if nodes.iter().all(|node| node.program == program()) {
        for node in &*nodes {
            node.has_logged(JOINED, nodes.len() - 1).await;
        }
    }
}
