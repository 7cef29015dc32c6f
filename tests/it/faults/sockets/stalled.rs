//! A client that stops reading is closed, delays no other client, costs a bounded amount of memory, and receives everything after a
//! reconnect.

use std::time::{Duration, Instant};

use chinwag::limits;
use futures_util::future::join_all;

use super::reader::Reader;
use super::{Presence, grown};
use crate::support::client::TestUser;
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;

on_each_store! {
    stalled_among_thousands_of_messages,
}

/// The longest that a sender may wait.
const HELD_UP: Duration = Duration::from_secs(10);
/// Memory of a server besides its send queues, in bytes: batches in flight, replay pages, two passwords' hashes, and the
/// allocator's overhead. Without bounds, a minute of this test would need more.
const BESIDES: usize = 128 * 1024 * 1024;
/// A round is some thousand messages of 7 KB.
const ROUNDS: usize = 3;

async fn stalled_among_thousands_of_messages(store: StoreKind) {
    let run = FaultRun::new("stalled readers");
    let mut rng = run.rng();
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let mut others = Vec::new();
    for number in 0..run.full_size(3, 8) {
        others.push(node.register(&format!("other{number}")).await);
    }
    let all: Vec<&TestUser> = others.iter().chain([&grace]).collect();
    let room = ada.group("Lunch", &all).await;
    let others: Vec<&TestUser> = others.iter().collect();
    let presence = Presence::of(&others, &node.register("watcher").await).await;
    let log = Log::new();
    let mut readers: Vec<Reader> = others.iter().map(|user| Reader::new(&log, user, &room)).collect();
    let users = [(&ada, Behaviour::SendsLong), (&grace, Behaviour::Sends)];
    let (began, clients) = (Instant::now(), ClientPool::start(&log, &room, &users, &mut rng));
    log.acknowledged(300).await;
    let (all_read, before) = (began..Instant::now(), node.memory());
    let (mut codes, mut stalls) = (Vec::new(), Vec::new());
    let rounds = run.rounds(1).min(ROUNDS);
    for _ in 0..rounds {
        join_all(readers.iter_mut().map(Reader::catch_up)).await;
        for reader in &readers {
            presence.shows(&reader.person, true).await;
        }
        let stalled = Instant::now();
        for reader in &readers {
            presence.shows(&reader.person, false).await;
        }
        stalls.push(stalled..Instant::now());
        codes.extend(join_all(readers.iter_mut().map(Reader::read_to_the_end)).await);
    }
    let memory = node.memory();
    let final_state = clients.end(&ada).await;
    for reader in &mut readers {
        reader.catch_up().await;
        reader.read_up_to(final_state.last_seq()).await;
    }
    let counts = log.verify(&[final_state]);
    assert!(codes.iter().all(|code| matches!(code, None | Some(4008))), "{codes:?}");
    let bound = BESIDES + readers.len() * (limits::SEND_QUEUE_BYTES_MAX + limits::BATCH_BYTES_MAX);
    assert!(memory.peak < bound, "{memory:?}, and not {bound}");
    let without = log.waits(all_read);
    let with: Vec<_> = stalls.into_iter().map(|stall| log.waits(stall)).collect();
    let slowest = with.iter().max_by_key(|waits| waits.longest).unwrap();
    assert!(slowest.longest < HELD_UP, "{slowest}");
    let closed = codes.iter().flatten().count();
    run.print(format_args!(
        "{store:?}, {rounds} rounds of {} stalled readers, {closed} closed with 4008: {counts}; without them {without}; with them, in the \
         slowest round, {slowest}; {}",
        readers.len(),
        grown(before, memory)
    ));
}
