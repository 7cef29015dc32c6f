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
    let mut fixture = Fixture::begin(Node::on(store).await, &mut rng).await;
    let mut recoveries = Vec::new();
    let rounds = run.rounds(2);
    for _ in 0..rounds {
        fixture.a_moment(&mut rng).await;
        fixture.node.kill().await;
        let killed = Instant::now();
        fixture.node.start().await;
        fixture.log.acknowledged(1).await;
        recoveries.push(killed.elapsed());
    }
    let final_state = fixture.clients.end(&fixture.ada).await;
    let counts = fixture.log.verify(&[final_state]);
    assert!(counts.acknowledged > rounds && counts.connections > 3 * rounds, "{counts}");
    recoveries.sort();
    let (median, slowest) = (recoveries[rounds / 2], recoveries[rounds - 1]);
    run.print(format_args!(
        "{store:?}, {rounds} kills: {counts}; from the kill to the next acknowledgement {median:.0?} (median), {slowest:.0?} (most)"
    ));
}
