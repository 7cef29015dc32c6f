//! Told to stop, the server leaves nobody in doubt and loses nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Fixture, READERS};
use crate::support::chance::Run;
use crate::support::client::try_ask;
use crate::support::history::Entry;
use crate::support::node::Node;
use crate::support::server::StoreKind;
use crate::support::socket::Socket;

on_each_store! {
    told_to_stop_under_load,
    told_twice_to_stop,
}

/// The grace that the servers are given.
const GRACE: Duration = Duration::from_secs(10);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(10);
/// Each client comes back when it was told to, so a round takes five seconds.
const ROUNDS: usize = 10;

impl Fixture {
    /// Tells the server to stop, and waits until it says that it does. Somebody who does not read keeps it from leaving.
    async fn tell_to_stop(&self) -> Socket {
        let stubborn = self.ada.listen("/ws").await;
        self.node.signal(Signal::TERM);
        while self.ready().await {}
        stubborn
    }

    async fn ready(&self) -> bool {
        let answer = try_ask(self.node.address, hyper::Method::GET, "/readyz", &[], "").await.unwrap();
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        assert!(answer.status == 200 || answer.json()["status"] == "draining", "{answer:?}");
        answer.status == 200
    }
}

async fn told_to_stop_under_load(store: StoreKind) {
    let run = Run::new("told to stop under load");
    let mut chance = run.chance();
    let mut node = Node::on(store).await;
    node.arguments.push(format!("--drain-seconds={}", GRACE.as_secs()));
    let mut scene = Fixture::begin(node, &mut chance).await;
    let rounds = run.rounds(1).min(ROUNDS);
    let mut slowest = Duration::ZERO;
    for round in 1..=rounds {
        scene.log.opened(round * READERS).await;
        scene.a_moment(&mut chance).await;
        let told = Instant::now();
        let mut stubborn = scene.tell_to_stop().await;
        let refused = Socket::open(scene.node.address, "/ws", &[]).await.err().unwrap();
        assert!(refused.to_string().contains("503"), "{refused}");
        let status = scene.node.ended().await;
        slowest = slowest.max(told.elapsed());
        assert!(status.success() && told.elapsed() < GRACE + SLACK, "{status} after {:?}", told.elapsed());
        assert_eq!(stubborn.close_code().await, 1012);
        scene.node.start().await;
        scene.log.acknowledged(1).await;
    }
    let truth = scene.crowd.end(&scene.ada).await;
    let counts = scene.log.verify(&[truth]);
    let (hints, goodbyes) = goodbyes(&scene.log.entries());
    assert!(hints.len() > 1, "they do not come back at the same moment: {hints:?}");
    run.tell(format_args!(
        "{store:?}, {rounds} drains, the slowest {slowest:.0?}: {counts}; {goodbyes} sockets closed with 1012, {} hints",
        hints.len()
    ));
}

/// The hints that clients were given and how many connections were closed by the server; all were, but for the last of each reader.
fn goodbyes(log: &[Entry]) -> (Vec<u64>, usize) {
    let (mut open, mut hints, mut goodbyes) = (BTreeMap::new(), Vec::new(), 0);
    for entry in log {
        match entry {
            Entry::Opened { connection, reader, .. } => {
                let before = open.insert(*reader, *connection);
                assert_eq!(before, None, "reader {reader} lost a connection without a word");
            }
            Entry::Draining { reconnect_after_ms } => hints.push(*reconnect_after_ms),
            Entry::Closed { connection, code } => {
                assert_eq!(*code, 1012);
                open.retain(|_, open| open != connection);
                goodbyes += 1;
            }
            _ => {}
        }
    }
    hints.sort_unstable();
    hints.dedup();
    assert!(goodbyes >= open.len(), "{goodbyes} of {} were told", open.len());
    (hints, goodbyes)
}

async fn told_twice_to_stop(store: StoreKind) {
    let run = Run::new("told twice to stop");
    let mut chance = run.chance();
    let mut scene = Fixture::begin(Node::on(store).await, &mut chance).await;
    let rounds = run.rounds(1).min(ROUNDS);
    for round in 1..=rounds {
        scene.log.opened(round * READERS).await;
        scene.a_moment(&mut chance).await;
        let _stubborn = scene.tell_to_stop().await;
        scene.node.signal(Signal::TERM);
        let status = scene.node.ended().await;
        assert_eq!(status.code(), Some(1), "it did not wait for the one who does not leave");
        scene.node.start().await;
    }
    let truth = scene.crowd.end(&scene.ada).await;
    let counts = scene.log.verify(&[truth]);
    run.tell(format_args!("{store:?}, {rounds} times: {counts}"));
}
