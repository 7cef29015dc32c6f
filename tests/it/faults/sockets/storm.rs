//! All connections are lost at once, and all clients reconnect at once.

use std::time::Instant;

use chinwag::server::raise_open_files;

use super::grown;
use crate::support::client::TestUser;
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::proxy::Proxy;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;

on_each_store! {
    back_all_at_once,
}

/// Devices of each user: half of the limit, because the server may detect the end of the old connection after the start of the new
/// one.
const DEVICES: usize = 25;
/// File descriptors of this process for each client, with two in the proxy. The server, with the same limit, needs one.
const FILES: usize = 3;
const FILES_BESIDES: usize = 1_000;
/// Each round takes some seconds.
const ROUNDS: usize = 10;

async fn back_all_at_once(store: StoreKind) {
    let run = FaultRun::new("back all at once");
    let mut rng = run.rng();
    let files = usize::try_from(raise_open_files().unwrap()).unwrap();
    let sockets = run.full_size(200, 2_000).min((files - FILES_BESIDES) / FILES);
    let mut node = Node::on(store).await;
    node.start().await;
    let ada = node.register("ada").await;
    let mut others = Vec::new();
    for number in 0..sockets / DEVICES {
        others.push(node.register(&format!("other{number}")).await);
    }
    let room = ada.group("Lunch", &others.iter().collect::<Vec<_>>()).await;
    // The users registered faster from one address than the limits allow. From here on the limits are the defaults.
    node.kill().await;
    node.arguments.push("--rate-limits=on".to_owned());
    node.start().await;

    let way = Proxy::to(node.address);
    let afar: Vec<TestUser> = others.iter().map(|user| TestUser { address: way.address, ..user.clone() }).collect();
    let devices = afar.iter().flat_map(|user| [(user, Behaviour::Reads); DEVICES]);
    let users: Vec<_> = devices.chain([(&ada, Behaviour::PostsSlowly)]).collect();
    let log = Log::new();
    let (started, all) = (Instant::now(), log.resumed(sockets));
    let clients = ClientPool::start(&log, &room, &users, &mut rng);
    all.await;
    let (first, before) = (started.elapsed(), node.memory());
    let mut storms = Vec::new();
    let mut peak = before;
    for round in 0..run.rounds(2).min(ROUNDS) {
        log.acknowledged(usize::try_from(rng.in_range(1..4)).unwrap()).await;
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
    let final_state = clients.end(&ada).await;
    let counts = log.verify(&[final_state]);
    peak = if peak.peak < node.memory().peak { node.memory() } else { peak };
    assert!(counts.readers == sockets && counts.connections >= sockets * (1 + storms.len()), "{counts}");
    run.print(format_args!(
        "{store:?}, {sockets} sockets of {} people, live for the first time after {first:.1?}: {counts}; {}",
        others.len(),
        grown(before, peak)
    ));
    for (killed, talking, storm) in storms {
        run.print(format_args!(
            "{store:?}, {}: talking after {talking:.1?}, all live after {:.1?}; {}",
            if killed { "the server killed" } else { "all cut" },
            storm.end - storm.start,
            log.waits(storm)
        ));
    }
}
