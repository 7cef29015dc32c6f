//! Clients whose sockets are cut at any moment lose nothing and receive nothing twice.

use std::time::Instant;

use crate::support::client::TestUser;
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::proxy::Proxy;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;

on_each_store! {
    cut_under_load,
}

/// The clients that read.
const READERS: usize = 3;

async fn cut_under_load(store: StoreKind) {
    let run = FaultRun::new("cut under load");
    let mut rng = run.rng();
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace, alan) = (node.register("ada").await, node.register("grace").await, node.register("alan").await);
    let room = ada.group("Lunch", &[&grace, &alan]).await;
    let takes_part = [
        (&ada, Behaviour::Sends),
        (&grace, Behaviour::Sends),
        (&grace, Behaviour::Reads),
        (&alan, Behaviour::Posts),
        (&alan, Behaviour::PostsOnce),
    ];
    // Each behind a proxy of its own, so that some can be cut and others not.
    let ways = takes_part.map(|_| Proxy::to(node.address));
    let afar: Vec<TestUser> = takes_part
        .iter()
        .zip(&ways)
        .map(|((user, _), way)| TestUser { address: way.address, ..TestUser::clone(user) })
        .collect();
    let users: Vec<_> = afar.iter().zip(takes_part).map(|(user, (_, manner))| (user, manner)).collect();
    let log = Log::new();
    let clients = ClientPool::start(&log, &room, &users, &mut rng);
    let (mut cuts, mut recoveries) = (0, Vec::new());
    let rounds = run.rounds(2) * 10;
    for round in 0..rounds {
        log.acknowledged(usize::try_from(rng.in_range(1..60)).unwrap()).await;
        let all = round % 3 == 0;
        let (cut, back) = (Instant::now(), log.resumed(READERS));
        for way in &ways {
            if all || rng.in_range(0..2) == 0 {
                way.cut();
                cuts += 1;
            }
        }
        if all {
            back.await;
            log.acknowledged(1).await;
            recoveries.push(cut.elapsed());
        }
    }
    let final_state = clients.end(&ada).await;
    let counts = log.verify(&[final_state]);
    assert!(counts.acknowledged > rounds && counts.connections > rounds, "{counts}");
    recoveries.sort();
    let (median, slowest) = (recoveries[recoveries.len() / 2], recoveries.last().unwrap());
    run.print(format_args!(
        "{store:?}, {cuts} ways cut in {rounds} rounds: {counts}; with all cut, all live and talking again after {median:.0?} (median), \
         {slowest:.0?} (most)"
    ));
}
