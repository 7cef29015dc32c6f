//! Bytes are lost without an error, and both sides detect it.

use std::time::{Duration, Instant};

use crate::support::client::TestUser;
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::postgres::database;
use crate::support::proxy::{Flow, Proxy};
use crate::support::rng::FaultRun;
use crate::support::server::{Server, StoreKind};

use super::Presence;

on_each_store! {
    swallowed_under_load,
}

/// Two unanswered pings close a connection.
const HEARTBEAT: Duration = Duration::from_millis(500);

const LOST_THERE: (Flow, Flow) = (Flow::Discard, Flow::Pass);
const LOST_BACK: (Flow, Flow) = (Flow::Pass, Flow::Discard);
const LOST: (Flow, Flow) = (Flow::Discard, Flow::Discard);

/// Three clients, each with other lost bytes: to the server, from the server, and both.
async fn swallowed_under_load(store: StoreKind) {
    let run = FaultRun::new("swallowed under load");
    let mut rng = run.rng();
    let url = match store {
        StoreKind::Sqlite => None,
        StoreKind::Postgres => Some(database().await),
    };
    let mut arguments = vec!["--rate-limits=off"];
    arguments.extend(url.iter().flat_map(|url| ["--database-url", url]));
    let server = Server::configured(&arguments, |config| {
        config.heartbeat = HEARTBEAT;
        config.presence.lost_grace = Duration::ZERO;
    })
    .await;
    let ada = server.register("ada").await;
    let afar = [server.register("grace").await, server.register("alan").await, server.register("mary").await];
    let room = ada.group("Lunch", &afar.each_ref()).await;
    let presence = Presence::of(&afar.each_ref(), &server.register("watcher").await).await;
    let proxies = [(); 3].map(|()| Proxy::to(server.address));
    let through = [0, 1, 2].map(|proxy: usize| TestUser { address: proxies[proxy].address, ..afar[proxy].clone() });
    let log = Log::new();
    let [loses_sent, loses_received, both] = &through;
    let users = [
        (&ada, Behaviour::Sends),
        (loses_sent, Behaviour::Sends),
        (loses_received, Behaviour::Sends),
        (both, Behaviour::Sends),
    ];
    let clients = ClientPool::start(&log, &room, &users, &mut rng);
    let (mut detected, mut returned) = (Vec::new(), Vec::new());
    let rounds = run.rounds(1);
    for _ in 0..rounds {
        for user in &afar {
            presence.shows(user, true).await;
        }
        log.acknowledged(usize::try_from(rng.in_range(1..60)).unwrap()).await;
        let started = Instant::now();
        for (proxy, (there, back)) in proxies.iter().zip([LOST_THERE, LOST_BACK, LOST]) {
            proxy.refuse(true); // or they reconnect before the other side detects it
            proxy.set_to_target(there);
            proxy.set_from_target(back);
        }
        for user in &afar {
            presence.shows(user, false).await;
        }
        detected.push(started.elapsed());
        let back = log.resumed(proxies.len());
        let started = Instant::now();
        for proxy in &proxies {
            // The old connections now have gaps in their bytes, which TCP never has.
            proxy.cut();
            proxy.set_to_target(Flow::Pass);
            proxy.set_from_target(Flow::Pass);
            proxy.refuse(false);
        }
        back.await;
        returned.push(started.elapsed());
    }
    let final_state = clients.end(&ada).await;
    let counts = log.verify(&[final_state]);
    assert!(counts.connections >= 4 + 3 * rounds, "{counts}");
    let (detected, returned) = (detected.iter().max().unwrap(), returned.iter().max().unwrap());
    run.print(format_args!(
        "{store:?}, {} proxies lost bytes: {counts}; all detected within {detected:.1?} (heartbeat {HEARTBEAT:?}), all back within \
         {returned:.1?}",
        3 * rounds
    ));
}
