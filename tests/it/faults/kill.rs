//! Killed at any moment, the server loses nothing that it has acknowledged.

use std::time::Instant;

use super::Fixture;
use crate::support::chance::Run;
use crate::support::node::Node;
use crate::support::server::StoreKind;

on_each_store! {
    killed_under_load,
}

async fn killed_under_load(store: StoreKind) {
    let run = Run::new("killed under load");
    let mut chance = run.chance();
    let mut scene = Fixture::begin(Node::on(store).await, &mut chance).await;
    let mut recoveries = Vec::new();
    let rounds = run.rounds(2);
    for _ in 0..rounds {
        scene.a_moment(&mut chance).await;
        scene.node.kill().await;
        let killed = Instant::now();
        scene.node.start().await;
        scene.log.acknowledged(1).await;
        recoveries.push(killed.elapsed());
    }
    let truth = scene.crowd.end(&scene.ada).await;
    let counts = scene.log.verify(&[truth]);
    assert!(counts.acknowledged > rounds && counts.connections > 3 * rounds, "{counts}");
    recoveries.sort();
    let (median, slowest) = (recoveries[rounds / 2], recoveries[rounds - 1]);
    run.tell(format_args!(
        "{store:?}, {rounds} kills: {counts}; from the kill to the next acknowledgement {median:.0?} (median), {slowest:.0?} (most)"
    ));
}
