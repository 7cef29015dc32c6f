//! Three processes behind one address, under load. Nodes are killed, stopped, cut off from the bus, from the database or from both, and
//! replaced. The bus is killed, paused and flooded. No client loses an acknowledged message or receives an event twice, on whichever node it
//! goes on.

use std::ops::Range;
use std::time::Duration;

use rustix::process::Signal;
use tokio::task::block_in_place;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::fleet::{Carrier, Fleet, Links, SENDS, SENDS_MEANWHILE, three_nodes};
use super::intruder::Intruder;
use crate::support::nats::Nats;
use crate::support::postgres::database;
use crate::support::proxy::{Flow, Proxy};
use crate::support::rng::{FaultRun, Rng};

on_each_bus! {
    nodes_and_the_bus_fail_in_every_way_and_nothing_is_lost,
    nodes_that_are_replaced_one_after_the_other_lose_nothing,
}

/// One round of this many is run, because each has all the faults.
const ROUNDS_IN_ONE: usize = 10;

/// How long a fault lasts, in milliseconds. A node that hears nothing of itself connects again after 3 s, with NATS after 4 s.
const LASTS: Range<u64> = 200..4_500;

/// A fault, under which sends go on.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A node is killed, and started again.
    Killed,
    /// A node is stopped, and goes on.
    Stopped,
    /// A node loses its connections to these services.
    CutOff { from_bus: bool, from_database: bool },
    /// The bus is gone for all nodes.
    BusKilled,
    /// The bus answers nobody, and goes on.
    BusPaused,
    /// An intruder floods the bus.
    BusFlooded,
}

const FAULTS: [Fault; 8] = [
    Fault::Killed,
    Fault::Stopped,
    Fault::CutOff { from_bus: true, from_database: false },
    Fault::CutOff { from_bus: false, from_database: true },
    Fault::CutOff { from_bus: true, from_database: true },
    Fault::BusKilled,
    Fault::BusPaused,
    Fault::BusFlooded,
];

/// The nodes, and all that a fault may befall.
struct Stage {
    fleet: Fleet,
    links: Vec<Links>,
    nats: Option<Nats>,
    url: String,
    flood: Option<AbortOnDropHandle<()>>,
}

impl Stage {
    async fn new(carrier: Carrier, rng: &mut Rng) -> Self {
        let (url, nats) = (database().await, carrier.nats().await);
        let (nodes, links) = three_nodes(&url, nats.as_ref());
        Self { fleet: Fleet::start(nodes, rng).await, links, nats, url, flood: None }
    }

    /// Lets a fault happen while clients send. Then all of them receive everything.
    async fn endure(&mut self, fault: Fault, rng: &mut Rng) {
        let at = usize::try_from(rng.in_range(0..3)).unwrap();
        let length = Duration::from_millis(rng.in_range(LASTS));
        self.fleet.log.acknowledged(SENDS).await;
        self.begin(fault, at, rng).await;
        sleep(length).await;
        self.fleet.log.acknowledged(SENDS_MEANWHILE).await;
        self.end(fault, at).await;
        self.fleet.log.acknowledged(SENDS).await;
        self.fleet.log.all_have_the_newest().await;
    }

    /// Begins a fault, of the node at `at` if it is one of a node.
    async fn begin(&mut self, fault: Fault, at: usize, rng: &mut Rng) {
        match (fault, &mut self.nats) {
            (Fault::Killed, _) => self.fleet.nodes[at].kill().await,
            (Fault::Stopped, _) => self.fleet.nodes[at].signal(Signal::STOP),
            (Fault::CutOff { .. }, _) => {
                let is_silent = rng.in_range(0..2) == 0;
                self.cut_by(fault, at).for_each(|proxy| if is_silent { hold(proxy) } else { refuse(proxy) });
            }
            (Fault::BusKilled, Some(nats)) => block_in_place(|| nats.kill()),
            (Fault::BusKilled, None) => self.links.iter().for_each(|links| refuse(&links.bus)),
            (Fault::BusPaused, Some(nats)) => nats.pause(),
            (Fault::BusPaused, None) => self.links.iter().for_each(|links| hold(&links.bus)),
            (Fault::BusFlooded, nats) => {
                let intruder = Intruder::on(&self.url, nats.as_ref()).await;
                self.fleet.log.acknowledged(SENDS).await;
                self.flood = Some(AbortOnDropHandle::new(tokio::spawn(intruder.flood(rng.fork()))));
            }
        }
    }

    async fn end(&mut self, fault: Fault, at: usize) {
        match (fault, &mut self.nats) {
            (Fault::Killed, _) => self.fleet.nodes[at].start().await,
            (Fault::Stopped, _) => self.fleet.nodes[at].signal(Signal::CONT),
            (Fault::CutOff { .. }, _) => self.cut_by(fault, at).for_each(|proxy| {
                proxy.cut();
                proxy.refuse(false);
                pass(proxy);
            }),
            (Fault::BusKilled, Some(nats)) => block_in_place(|| nats.start_again()),
            (Fault::BusKilled, None) => self.links.iter().for_each(|links| links.bus.refuse(false)),
            (Fault::BusPaused, Some(nats)) => nats.resume(),
            (Fault::BusPaused, None) => self.links.iter().for_each(|links| pass(&links.bus)),
            (Fault::BusFlooded, _) => {
                let flood = self.flood.take().unwrap();
                assert!(!flood.is_finished(), "the intruder is still at it");
            }
        }
    }

    /// Returns the proxies of a node that a fault cuts.
    fn cut_by(&self, fault: Fault, at: usize) -> impl Iterator<Item = &Proxy> {
        let Links { database, bus } = &self.links[at];
        let (from_bus, from_database) = match fault {
            Fault::CutOff { from_bus, from_database } => (from_bus, from_database),
            _ => (false, false),
        };
        let (bus, database) = (Some(bus).filter(|_| from_bus), Some(database).filter(|_| from_database));
        bus.into_iter().chain(database)
    }
}

/// Resets all connections, and refuses new ones.
fn refuse(proxy: &Proxy) {
    proxy.refuse(true);
    proxy.cut();
}

/// Leaves connections open, and brings nothing.
fn hold(proxy: &Proxy) {
    proxy.set_to_target(Flow::Hold);
    proxy.set_from_target(Flow::Hold);
}

/// Brings everything again, and what was held.
fn pass(proxy: &Proxy) {
    proxy.set_to_target(Flow::Pass);
    proxy.set_from_target(Flow::Pass);
}

async fn nodes_and_the_bus_fail_in_every_way_and_nothing_is_lost(carrier: Carrier) {
    let run = FaultRun::new("three nodes behind one address");
    let mut rng = run.rng();
    let mut stage = Stage::new(carrier, &mut rng).await;
    for _ in 0..run.rounds(1).div_ceil(ROUNDS_IN_ONE) {
        for fault in rng.shuffled(FAULTS) {
            run.print(format_args!("{carrier:?}: {fault:?}"));
            stage.endure(fault, &mut rng).await;
        }
    }
    stage.fleet.verify(&run).await;
}

async fn nodes_that_are_replaced_one_after_the_other_lose_nothing(carrier: Carrier) {
    let run = FaultRun::new("a rolling restart");
    let mut stage = Stage::new(carrier, &mut run.rng()).await;
    for _ in 0..run.rounds(1).div_ceil(ROUNDS_IN_ONE) {
        stage.fleet.roll(None).await;
    }
    stage.fleet.verify(&run).await;
}
