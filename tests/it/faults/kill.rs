//! A server that is killed at any moment loses no acknowledged message.

use std::time::Instant;

use super::Fixture;
use crate::support::node::Node;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;

on_each_store! {
    killed_under_load,
}

async fn killed_under_load(store: StoreKind) {
    let run = FaultRun::new("killed under load");
    let mut rng = run.rng();
    let mut scene = Fixture::begin(Node::on(store).await, &mut rng).await;
    let mut recoveries = Vec::new();
    let rounds = run.rounds(2);
    for _ in 0..rounds {
        scene.a_moment(&mut rng).await;
        scene.node.kill().await;
        let killed = Instant::now();
        scene.node.start().await;
        scene.log.acknowledged(1).await;
        recoveries.push(killed.elapsed());
    }
    let final_state = scene.clients.end(&scene.ada).await;
    let counts = scene.log.verify(&[final_state]);
    assert!(counts.acknowledged > rounds && counts.connections > 3 * rounds, "{counts}");
    recoveries.sort();
    let (median, slowest) = (recoveries[rounds / 2], recoveries[rounds - 1]);
    run.print(format_args!(
        "{store:?}, {rounds} kills: {counts}; from the kill to the next acknowledgement {median:.0?} (median), {slowest:.0?} (most)"
    ));
}
