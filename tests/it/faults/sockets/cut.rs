//! Cut off at any moment, clients lose nothing and hear nothing twice.

use std::time::Instant;

use crate::support::chance::Run;
use crate::support::client::Person;
use crate::support::client_pool::{Crowd, Manner};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::proxy::Proxy;
use crate::support::server::StoreKind;

on_each_store! {
    cut_under_load,
}

/// Those of them who listen.
const READERS: usize = 3;

async fn cut_under_load(store: StoreKind) {
    let run = Run::new("cut under load");
    let mut chance = run.chance();
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace, alan) = (node.person("ada").await, node.person("grace").await, node.person("alan").await);
    let room = ada.group("Lunch", &[&grace, &alan]).await;
    let takes_part = [
        (&ada, Manner::Talks),
        (&grace, Manner::Talks),
        (&grace, Manner::Listens),
        (&alan, Manner::Posts),
        (&alan, Manner::PostsOnce),
    ];
    // Each on a way of their own, so that some can be cut and others not.
    let ways = takes_part.map(|_| Proxy::to(node.address));
    let afar: Vec<Person> = takes_part
        .iter()
        .zip(&ways)
        .map(|((person, _), way)| Person { address: way.address, ..Person::clone(person) })
        .collect();
    let people: Vec<_> = afar.iter().zip(takes_part).map(|(person, (_, manner))| (person, manner)).collect();
    let log = Log::new();
    let crowd = Crowd::begin(&log, &room, &people, &mut chance);
    let (mut cuts, mut recoveries) = (0, Vec::new());
    let rounds = run.rounds(2) * 10;
    for round in 0..rounds {
        log.acknowledged(usize::try_from(chance.within(1..60)).unwrap()).await;
        let all = round % 3 == 0;
        let (cut, back) = (Instant::now(), log.resumed(READERS));
        for way in &ways {
            if all || chance.within(0..2) == 0 {
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
    let truth = crowd.end(&ada).await;
    let counts = log.verify(&[truth]);
    assert!(counts.acknowledged > rounds && counts.connections > rounds, "{counts}");
    recoveries.sort();
    let (median, slowest) = (recoveries[recoveries.len() / 2], recoveries.last().unwrap());
    run.tell(format_args!(
        "{store:?}, {cuts} ways cut in {rounds} rounds: {counts}; with all cut, all live and talking again after {median:.0?} (median), \
         {slowest:.0?} (most)"
    ));
}
