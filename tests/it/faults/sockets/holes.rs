//! Where bytes vanish and nobody is told, both sides notice by themselves.

use std::time::{Duration, Instant};

use crate::support::chance::Run;
use crate::support::client::Person;
use crate::support::client_pool::{Crowd, Manner};
use crate::support::history::Log;
use crate::support::postgres::database;
use crate::support::proxy::{Flow, Proxy};
use crate::support::server::{Server, StoreKind};

use super::Presence;

on_each_store! {
    swallowed_under_load,
}

/// Two unanswered pings close a connection.
const HEARTBEAT: Duration = Duration::from_millis(500);

const LOST_THERE: (Flow, Flow) = (Flow::Swallow, Flow::Pass);
const LOST_BACK: (Flow, Flow) = (Flow::Pass, Flow::Swallow);
const LOST: (Flow, Flow) = (Flow::Swallow, Flow::Swallow);

/// Three people, each with another direction swallowed: what they say, what they hear, both.
async fn swallowed_under_load(store: StoreKind) {
    let run = Run::new("swallowed under load");
    let mut chance = run.chance();
    let url = match store {
        StoreKind::Sqlite => None,
        StoreKind::Postgres => Some(database().await),
    };
    let mut arguments = vec!["--rate-limits=off"];
    arguments.extend(url.iter().flat_map(|url| ["--database-url", url]));
    let server = Server::configured(&arguments, |config| config.heartbeat = HEARTBEAT).await;
    let ada = server.person("ada").await;
    let afar = [server.person("grace").await, server.person("alan").await, server.person("mary").await];
    let room = ada.group("Lunch", &afar.each_ref()).await;
    let presence = Presence::of(&afar.each_ref(), &server.person("watcher").await).await;
    let ways = [(); 3].map(|()| Proxy::to(server.address));
    let through = [0, 1, 2].map(|way: usize| Person { address: ways[way].address, ..afar[way].clone() });
    let log = Log::new();
    let [says, hears, both] = &through;
    let people = [(&ada, Manner::Talks), (says, Manner::Talks), (hears, Manner::Talks), (both, Manner::Talks)];
    let crowd = Crowd::begin(&log, &room, &people, &mut chance);
    let (mut noticed, mut returned) = (Vec::new(), Vec::new());
    let rounds = run.rounds(1);
    for _ in 0..rounds {
        for person in &afar {
            presence.shows(person, true).await;
        }
        log.acknowledged(usize::try_from(chance.within(1..60)).unwrap()).await;
        let begun = Instant::now();
        for (way, (there, back)) in ways.iter().zip([LOST_THERE, LOST_BACK, LOST]) {
            way.refuse(true); // or they are back before anybody notices
            way.there(there);
            way.back(back);
        }
        for person in &afar {
            presence.shows(person, false).await;
        }
        noticed.push(begun.elapsed());
        let back = log.resumed(ways.len());
        let begun = Instant::now();
        for way in &ways {
            // What is left of the old connections has gaps in it, which TCP never has.
            way.cut();
            way.there(Flow::Pass);
            way.back(Flow::Pass);
            way.refuse(false);
        }
        back.await;
        returned.push(begun.elapsed());
    }
    let truth = crowd.end(&ada).await;
    let counts = log.verify(&[truth]);
    assert!(counts.connections >= 4 + 3 * rounds, "{counts}");
    let (noticed, returned) = (noticed.iter().max().unwrap(), returned.iter().max().unwrap());
    run.tell(format_args!(
        "{store:?}, {} ways swallowed: {counts}; all noticed within {noticed:.1?} (heartbeat {HEARTBEAT:?}), all back within \
         {returned:.1?}",
        3 * rounds
    ));
}
