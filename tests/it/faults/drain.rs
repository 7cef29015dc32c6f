//! A drain leaves no send unanswered and loses nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Fixture, READERS};
use crate::support::client::try_send_request;
use crate::support::history::Entry;
use crate::support::node::Node;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;
use crate::support::socket::Socket;

on_each_store! {
    told_to_stop_under_load,
    told_twice_to_stop,
}

/// The drain grace of the servers.
const GRACE: Duration = Duration::from_secs(10);
/// Added time for a busy machine.
const SLACK: Duration = Duration::from_secs(10);
/// Each client reconnects after the server's hint, so a round takes 5 s.
const ROUNDS: usize = 10;

impl Fixture {
    /// Sends a stop signal, and waits until the server reports the drain. A client that does not read keeps the server from ending.
    async fn start_drain(&self) -> Socket {
        let blocking = self.ada.connect("/ws").await;
        self.node.signal(Signal::TERM);
        while self.ready().await {}
        blocking
    }

    async fn ready(&self) -> bool {
        let answer = try_send_request(self.node.address, hyper::Method::GET, "/readyz", &[], "").await.unwrap();
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        assert!(answer.status == 200 || answer.json()["status"] == "draining", "{answer:?}");
        answer.status == 200
    }
}

async fn told_to_stop_under_load(store: StoreKind) {
    let run = FaultRun::new("drain under load");
    let mut rng = run.rng();
    let mut node = Node::on(store).await;
    node.arguments.push(format!("--drain-seconds={}", GRACE.as_secs()));
    let mut fixture = Fixture::begin(node, &mut rng).await;
    let rounds = run.rounds(1).min(ROUNDS);
    let mut slowest = Duration::ZERO;
    for round in 1..=rounds {
        fixture.log.opened(round * READERS).await;
        fixture.a_moment(&mut rng).await;
        let signalled = Instant::now();
        let mut blocking = fixture.start_drain().await;
        let refused = Socket::open(fixture.node.address, "/ws", &[]).await.err().unwrap();
        assert!(refused.to_string().contains("503"), "{refused}");
        let status = fixture.node.ended().await;
        slowest = slowest.max(signalled.elapsed());
        assert!(status.success() && signalled.elapsed() < GRACE + SLACK, "{status} after {:?}", signalled.elapsed());
        assert_eq!(blocking.close_code().await, 1012);
        fixture.node.start().await;
        fixture.log.acknowledged(1).await;
    }
    let final_state = fixture.clients.end(&fixture.ada).await;
    let counts = fixture.log.verify(&[final_state]);
    let (hints, closes) = closes(&fixture.log.entries());
    assert!(hints.len() > 1, "they do not all reconnect at the same time: {hints:?}");
    run.print(format_args!(
        "{store:?}, {rounds} drains, the slowest {slowest:.0?}: {counts}; {closes} sockets closed with 1012, {} hints",
        hints.len()
    ));
}

/// Returns the hints that clients received, and the number of connections that the server closed. It closed all but the last of
/// each reader.
fn closes(log: &[Entry]) -> (Vec<u64>, usize) {
    let (mut open, mut hints, mut closes) = (BTreeMap::new(), Vec::new(), 0);
    for entry in log {
        match entry {
            Entry::Opened { connection, reader, .. } => {
                let before = open.insert(*reader, *connection);
                assert_eq!(before, None, "reader {reader} lost a connection without a close frame");
            }
            Entry::Draining { reconnect_after_ms } => hints.push(*reconnect_after_ms),
            Entry::Closed { connection, code } => {
                assert_eq!(*code, 1012);
                open.retain(|_, open| open != connection);
                closes += 1;
            }
            _ => {}
        }
    }
    hints.sort_unstable();
    hints.dedup();
    assert!(closes >= open.len(), "{closes} of {} were closed by the server", open.len());
    (hints, closes)
}

async fn told_twice_to_stop(store: StoreKind) {
    let run = FaultRun::new("two stop signals");
    let mut rng = run.rng();
    let mut fixture = Fixture::begin(Node::on(store).await, &mut rng).await;
    let rounds = run.rounds(1).min(ROUNDS);
    for round in 1..=rounds {
        fixture.log.opened(round * READERS).await;
        fixture.a_moment(&mut rng).await;
        let _stubborn = fixture.start_drain().await;
        fixture.node.signal(Signal::TERM);
        let status = fixture.node.ended().await;
        assert_eq!(status.code(), Some(1), "it did not wait for the client that does not read");
        fixture.node.start().await;
    }
    let final_state = fixture.clients.end(&fixture.ada).await;
    let counts = fixture.log.verify(&[final_state]);
    run.print(format_args!("{store:?}, {rounds} times: {counts}"));
}
