//! Three processes behind one address, under load: nodes are killed, stopped, cut off from the database and replaced. No client loses an
//! acknowledged message or receives an event twice, on whichever node it goes on.

use std::ffi::OsStr;

use rustix::process::Signal;

use super::{JOINED, SECRET};
use crate::support::balancer::Balancer;
use crate::support::client::TestUser;
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::postgres::database;
use crate::support::proxy::{Proxy, by_proxy};
use crate::support::rng::{FaultRun, Rng};

/// Sends that are acknowledged while a fault lasts, and after it.
const SENDS: usize = 25;

/// A node, and the proxy to its database.
struct Member {
    node: Node,
    database: Proxy,
}

/// Three nodes, and clients behind one address that send to a conversation.
pub(crate) struct Fleet {
    members: Vec<Member>,
    ada: TestUser,
    log: Log,
    clients: ClientPool,
    _balancer: Balancer,
}

impl Fleet {
    /// Starts the nodes, each with one of these programs. `None` stands for this version.
    pub(crate) async fn start(programs: [Option<&OsStr>; 3], rng: &mut Rng) -> Self {
        let url = database().await;
        let mut members = Vec::new();
        for program in programs {
            let (database, url) = by_proxy(&url);
            let mut node = Node::with(&["--database-url", &url, "--jwt-secret", SECRET]);
            if let Some(program) = program {
                node.program = program.into();
            }
            node.start().await;
            members.push(Member { node, database });
        }
        if programs == [None; 3] {
            for member in &members {
                member.node.has_logged(JOINED, 2).await;
            }
        }
        let balancer = Balancer::to(members.iter().map(|member| member.node.address).collect(), rng.fork()).await;
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
        Self { members, ada, log, clients, _balancer: balancer }
    }

    /// Replaces one node after the other, as an upgrade does, by processes of this program.
    pub(crate) async fn roll(&mut self, program: Option<&OsStr>) {
        for member in &mut self.members {
            self.log.acknowledged(SENDS).await;
            member.node.signal(Signal::TERM);
            assert!(member.node.ended().await.success());
            if let Some(program) = program {
                member.node.program = program.into();
            }
            member.node.start().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_killed_stopped_and_cut_off_lose_nothing() {
    let run = FaultRun::new("three nodes behind one address");
    let mut rng = run.rng();
    let mut fleet = Fleet::start([None; 3], &mut rng).await;
    for round in 0..run.rounds(3) {
        let at = usize::try_from(rng.in_range(0..3)).unwrap();
        fleet.log.acknowledged(SENDS).await;
        let Member { node, database } = &mut fleet.members[at];
        match round % 3 {
            0 => {
                node.kill().await;
                fleet.log.acknowledged(SENDS).await;
                node.start().await;
            }
            1 => {
                node.signal(Signal::STOP);
                fleet.log.acknowledged(SENDS).await;
                node.signal(Signal::CONT);
            }
            _ => {
                database.refuse(true);
                database.cut();
                fleet.log.acknowledged(SENDS).await;
                database.refuse(false);
            }
        }
        fleet.log.acknowledged(SENDS).await;
    }
    fleet.verify(&run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_replaced_one_after_the_other_lose_nothing() {
    let run = FaultRun::new("a rolling restart");
    let mut fleet = Fleet::start([None; 3], &mut run.rng()).await;
    for _ in 0..run.rounds(1) {
        fleet.roll(None).await;
    }
    fleet.verify(&run).await;
}
