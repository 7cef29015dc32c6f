//! Faults of the store, under load. Every call is answered in time and with a typed error, sockets stay open, health reports the
//! fault, no acknowledged message is lost and none is duplicated, and the server recovers by itself soon after the end of the
//! fault.

mod cut;
mod failover;
mod failover_nodes;
mod heartbeat;
mod postgres;
mod presence;
mod probes;
mod read_only;
mod sqlite;

use std::time::{Duration, Instant};

use self::probes::{Probes, send_once};
use super::Fixture;
use crate::support::client::TestUser;
use crate::support::node::Node;
use crate::support::rng::FaultRun;

/// The promised time in which every call is answered, and in which a store is used again after its recovery.
const PROMISED: Duration = Duration::from_secs(5);
/// Added time for a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(4);
/// How long a fault lasts: the default, and the time if the number of rounds is configured.
const LENGTHS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];
/// One round of this many is long, if the number of rounds is configured.
const ROUNDS_IN_ONE: usize = 10;
/// The clients of [`Fixture`] that are on a WebSocket.
const ON_SOCKETS: usize = 3;

/// A fault that lasts until it is ended.
trait Fault {
    /// True if the store as a whole is unavailable, so that health must report it.
    const IS_TOTAL: bool = true;

    async fn begin(&mut self);
    async fn end(&mut self);
}

/// Runs rounds of a fault against a server.
async fn endure<F: Fault>(name: &'static str, node: Node, fault: impl AsyncFnOnce(&Fixture) -> F) {
    let run = FaultRun::new(name);
    let mut rng = run.rng();
    let fixture = Fixture::begin(node, &mut rng).await;
    let mut fault = fault(&fixture).await;
    let probes = Probes::begin(&fixture);
    let rounds = run.rounds(1).div_ceil(ROUNDS_IN_ONE);
    let (mut talking, mut well) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        fixture.a_moment(&mut rng).await;
        probes.until(true).await;
        let newcomer = TestUser::login(fixture.node.address, "alan").await;
        let started = Instant::now();
        fault.begin().await;
        // This session has not been checked yet.
        let fresh = tokio::spawn(send_once(newcomer, fixture.room.clone(), fixture.log.clone()));
        fixture.log.refused(1).await;
        if F::IS_TOTAL {
            probes.until(false).await;
        }
        tokio::time::sleep_until((started + LENGTHS[usize::from(run.is_thorough())]).into()).await;
        fault.end().await;
        let ended = Instant::now();
        fixture.log.acknowledged(1).await;
        talking.push(ended.elapsed());
        probes.until(true).await;
        well.push(ended.elapsed());
        fresh.await.unwrap();
    }
    let probe_results = probes.end().await;
    let final_state = fixture.clients.end(&fixture.ada).await;
    let counts = fixture.log.verify(&[final_state]);
    let answers = fixture.log.response_stats();
    let slowest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    run.print(format_args!(
        "{rounds} rounds: {counts}; {answers}; sends acknowledged again within {:.1?}, healthy again within {:.1?}; probes: {probe_results}",
        slowest(&talking),
        slowest(&well)
    ));
    assert_eq!(counts.connections, ON_SOCKETS, "sockets stay open: {counts}");
    assert!(answers.untyped.is_empty() && answers.unanswered == 0 && answers.retryable >= rounds, "{answers:?}");
    assert!(slowest(&answers.slowest) < PROMISED + SLACK, "{answers:?}");
    assert!(slowest(&talking) < PROMISED + SLACK, "{talking:?}");
    assert!(slowest(&well) < PROMISED + SLACK, "{well:?}");
    probe_results.verify(PROMISED + SLACK, F::IS_TOTAL);
}
