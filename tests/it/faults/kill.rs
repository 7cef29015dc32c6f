//! Killed at any moment, the server loses nothing that it has acknowledged.

use std::time::Instant;

use crate::support::chance::Run;
use crate::support::crowd::{Crowd, Manner};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::server::On;

on_each_store! {
    killed_under_load,
}

async fn killed_under_load(store: On) {
    let run = Run::new("killed under load");
    let mut chance = run.chance();
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace, alan) = (node.person("ada").await, node.person("grace").await, node.person("alan").await);
    let room = ada.group("Lunch", &[&grace, &alan]).await;
    let log = Log::new();
    let people = [
        (&ada, Manner::Talks),
        (&grace, Manner::Talks),
        (&grace, Manner::Listens),
        (&alan, Manner::Posts),
        (&alan, Manner::PostsOnce),
    ];
    let crowd = Crowd::begin(&log, &room, &people, &mut chance);
    let mut recoveries = Vec::new();
    let rounds = run.rounds(2);
    for _ in 0..rounds {
        log.acknowledged(usize::try_from(chance.within(1..150)).unwrap()).await;
        node.kill().await;
        let killed = Instant::now();
        node.start().await;
        log.acknowledged(1).await;
        recoveries.push(killed.elapsed());
    }
    let truth = crowd.end(&ada).await;
    let counts = log.verify(&[truth]);
    assert!(counts.acknowledged > rounds && counts.connections > 3 * rounds, "{counts}");
    recoveries.sort();
    let slowest = recoveries.last().unwrap();
    run.tell(format_args!("{store:?}, {rounds} kills: {counts}; talking again within {slowest:.0?} at the latest"));
}
