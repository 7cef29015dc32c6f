//! Readers at three nodes, to which users at all of them write as fast as they can.

use std::time::Instant;

use super::fleet::{Carrier, start_all};
use super::node;
use crate::support::client::TestUser;
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::postgres::database;
use crate::support::rng::FaultRun;

on_each_bus! {
    readers_at_three_nodes_end_with_identical_histories,
}

/// Messages in the ordinary suite, and if the number of rounds is configured.
const MESSAGES: [usize; 2] = [6_000, 100_000];
/// Messages that must be acknowledged within a minute.
const AT_A_TIME: usize = 1_000;

async fn readers_at_three_nodes_end_with_identical_histories(carrier: Carrier) {
    let run = FaultRun::new("readers at three nodes");
    let (url, nats) = (database().await, carrier.nats().await);
    let mut nodes = [node(&url), node(&url), node(&url)];
    for node in &mut nodes {
        let nats = nats.iter().flat_map(|nats| ["--nats-url".to_owned(), nats.url("")]);
        node.arguments.extend(nats);
    }
    start_all(&mut nodes).await;
    let [ada, grace, alan] =
        [nodes[0].register("ada").await, nodes[1].register("grace").await, nodes[2].register("alan").await];
    let room = ada.group("Lunch", &[&grace, &alan]).await;
    let users: [&TestUser; 3] = [&ada, &grace, &alan];
    let actors = users.map(|user| [(user, Behaviour::Sends), (user, Behaviour::Reads)]).concat();
    let log = Log::new();
    let started = Instant::now();
    let clients = ClientPool::start(&log, &room, &actors, &mut run.rng());
    let messages = run.full_size(MESSAGES[0], MESSAGES[1]);
    for _ in 0..messages / AT_A_TIME {
        log.acknowledged(AT_A_TIME).await;
    }
    let final_state = clients.end(&ada).await;
    let took = started.elapsed();
    let counts = log.verify(&[final_state]);
    assert!(counts.acknowledged >= messages, "{counts}");
    run.print(format_args!("{carrier:?}: {counts}, within {took:.1?}"));
}
