//! Thousands of messages were missed, and more come while they are caught up with: there is no window beyond which it cannot be done.

use std::time::{Duration, Instant};

use super::grown;
use crate::support::chance::Run;
use crate::support::client_pool::{Crowd, Manner};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::server::StoreKind;

on_each_store! {
    everything_missed_while_more_comes,
}

/// Waited for by those who talk, at the very most.
const HELD_UP: Duration = Duration::from_secs(10);
/// Much more than pages and outboxes of a handful of connections.
const MEMORY: usize = 192 * 1024 * 1024;

async fn everything_missed_while_more_comes(store: StoreKind) {
    let run = Run::new("everything missed");
    let mut chance = run.chance();
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.person("ada").await, node.person("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let log = Log::new();
    let talkers = [(&ada, Manner::Talks), (&ada, Manner::Talks), (&grace, Manner::Talks)];
    let talking = Crowd::begin(&log, &room, &talkers, &mut chance);
    let missed = run.full_size(1_000, 10_000);
    let begun = Instant::now();
    log.acknowledged(missed).await;
    let (filling, before) = (begun..Instant::now(), node.memory());
    let late = vec![(&grace, Manner::Listens); run.full_size(2, 8)];
    let (begun, all) = (Instant::now(), log.resumed(late.len()));
    let listening = Crowd::begin(&log, &room, &late, &mut chance);
    all.await;
    let catching_up = begun..Instant::now();
    let memory = node.memory();
    let truth = talking.end(&ada).await;
    listening.end(&ada).await;
    let counts = log.verify(&[truth]);
    assert!(memory.peak < MEMORY, "{memory:?}");
    let (without, with) = (log.waits(filling), log.waits(catching_up.clone()));
    assert!(with.longest < HELD_UP, "{with}");
    run.tell(format_args!(
        "{store:?}, {missed} messages missed by {}: {counts}; all caught up after {:.1?}; before that {without}; meanwhile {with}; {}",
        late.len(),
        catching_up.end - catching_up.start,
        grown(before, memory)
    ));
}
