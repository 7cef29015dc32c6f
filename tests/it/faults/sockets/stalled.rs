//! Whoever stops reading is closed, holds nobody up, costs a bounded amount of memory, and has everything once they read again.

use std::time::{Duration, Instant};

use chinwag::limits;
use futures_util::future::join_all;

use super::reader::Reader;
use super::{Presence, grown};
use crate::support::chance::Run;
use crate::support::client::Person;
use crate::support::client_pool::{Crowd, Manner};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::server::StoreKind;

on_each_store! {
    stalled_among_thousands_of_messages,
}

/// Waited for by those who talk, at the very most.
const HELD_UP: Duration = Duration::from_secs(10);
/// Bytes that a server has besides its outboxes: batches on their way, pages for those who catch up, two passwords' hashes, and what
/// the allocator keeps of all that. Without bounds a minute of this would be more.
const BESIDES: usize = 128 * 1024 * 1024;
/// A round is some thousand messages of 7 KB.
const ROUNDS: usize = 3;

async fn stalled_among_thousands_of_messages(store: StoreKind) {
    let run = Run::new("stalled readers");
    let mut chance = run.chance();
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.person("ada").await, node.person("grace").await);
    let mut others = Vec::new();
    for number in 0..run.full_size(3, 8) {
        others.push(node.person(&format!("other{number}")).await);
    }
    let all: Vec<&Person> = others.iter().chain([&grace]).collect();
    let room = ada.group("Lunch", &all).await;
    let others: Vec<&Person> = others.iter().collect();
    let presence = Presence::of(&others, &node.person("watcher").await).await;
    let log = Log::new();
    let mut readers: Vec<Reader> = others.iter().map(|person| Reader::new(&log, person, &room)).collect();
    let people = [(&ada, Manner::Shouts), (&grace, Manner::Talks)];
    let (began, crowd) = (Instant::now(), Crowd::begin(&log, &room, &people, &mut chance));
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
    let truth = crowd.end(&ada).await;
    for reader in &mut readers {
        reader.catch_up().await;
        reader.read_up_to(truth.last_seq()).await;
    }
    let counts = log.verify(&[truth]);
    assert!(codes.iter().all(|code| matches!(code, None | Some(4008))), "{codes:?}");
    let bound = BESIDES + readers.len() * (limits::SEND_QUEUE_BYTES_MAX + limits::BATCH_BYTES_MAX);
    assert!(memory.peak < bound, "{memory:?}, and not {bound}");
    let without = log.waits(all_read);
    let with: Vec<_> = stalls.into_iter().map(|stall| log.waits(stall)).collect();
    let slowest = with.iter().max_by_key(|waits| waits.longest).unwrap();
    assert!(slowest.longest < HELD_UP, "{slowest}");
    let told = codes.iter().flatten().count();
    run.tell(format_args!(
        "{store:?}, {rounds} rounds of {} stalled readers, {told} told 4008: {counts}; without them {without}; with them, in the \
         slowest round, {slowest}; {}",
        readers.len(),
        grown(before, memory)
    ));
}
