//! All connections are lost at once, and all come back at once.

use std::time::Instant;

use chinwag::server::raise_open_files;

use super::grown;
use crate::support::chance::Run;
use crate::support::client::Person;
use crate::support::client_pool::{Crowd, Manner};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::proxy::Proxy;
use crate::support::server::StoreKind;

on_each_store! {
    back_all_at_once,
}

/// Devices of each person: half of what is allowed, since the server may notice an end after the new beginning.
const DEVICES: usize = 25;
/// Files of this process for each client, with its two in the proxy; the server, with the same limit, needs one.
const FILES: usize = 3;
const FILES_BESIDES: usize = 1_000;
/// Each takes some seconds.
const ROUNDS: usize = 10;

async fn back_all_at_once(store: StoreKind) {
    let run = Run::new("back all at once");
    let mut chance = run.chance();
    let files = usize::try_from(raise_open_files().unwrap()).unwrap();
    let sockets = run.full_size(200, 2_000).min((files - FILES_BESIDES) / FILES);
    let mut node = Node::on(store).await;
    node.start().await;
    let ada = node.person("ada").await;
    let mut others = Vec::new();
    for number in 0..sockets / DEVICES {
        others.push(node.person(&format!("other{number}")).await);
    }
    let room = ada.group("Lunch", &others.iter().collect::<Vec<_>>()).await;
    // They have registered from one address faster than they might; from here on the limits are what they are.
    node.kill().await;
    node.arguments.push("--rate-limits=on".to_owned());
    node.start().await;

    let way = Proxy::to(node.address);
    let afar: Vec<Person> = others.iter().map(|person| Person { address: way.address, ..person.clone() }).collect();
    let devices = afar.iter().flat_map(|person| [(person, Manner::Listens); DEVICES]);
    let people: Vec<_> = devices.chain([(&ada, Manner::Remarks)]).collect();
    let log = Log::new();
    let (begun, all) = (Instant::now(), log.resumed(sockets));
    let crowd = Crowd::begin(&log, &room, &people, &mut chance);
    all.await;
    let (first, before) = (begun.elapsed(), node.memory());
    let mut storms = Vec::new();
    let mut peak = before;
    for round in 0..run.rounds(2).min(ROUNDS) {
        log.acknowledged(usize::try_from(chance.within(1..4)).unwrap()).await;
        let (lost, all) = (Instant::now(), log.resumed(sockets));
        let killed = round % 2 == 1;
        if killed {
            peak = if peak.peak < node.memory().peak { node.memory() } else { peak };
            node.kill().await;
            node.start().await;
        } else {
            way.cut();
        }
        log.acknowledged(1).await;
        let talking = lost.elapsed();
        all.await;
        storms.push((killed, talking, lost..Instant::now()));
    }
    let truth = crowd.end(&ada).await;
    let counts = log.verify(&[truth]);
    peak = if peak.peak < node.memory().peak { node.memory() } else { peak };
    assert!(counts.readers == sockets && counts.connections >= sockets * (1 + storms.len()), "{counts}");
    run.tell(format_args!(
        "{store:?}, {sockets} sockets of {} people, live for the first time after {first:.1?}: {counts}; {}",
        others.len(),
        grown(before, peak)
    ));
    for (killed, talking, storm) in storms {
        run.tell(format_args!(
            "{store:?}, {}: talking after {talking:.1?}, all live after {:.1?}; {}",
            if killed { "the server killed" } else { "all cut" },
            storm.end - storm.start,
            log.waits(storm)
        ));
    }
}
