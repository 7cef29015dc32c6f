//! Clients missed thousands of messages, and more arrive while they catch up: no backlog is too large.

use std::time::{Duration, Instant};

use super::grown;
use crate::support::client_pool::{Behaviour, ClientPool};
use crate::support::history::Log;
use crate::support::node::Node;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;

on_each_store! {
    everything_missed_while_more_comes,
}

/// The longest that a sender may wait.
const HELD_UP: Duration = Duration::from_secs(10);
/// Much more memory than the pages and send queues of a handful of connections.
const MEMORY: usize = 192 * 1024 * 1024;

async fn everything_missed_while_more_comes(store: StoreKind) {
    let run = FaultRun::new("everything missed");
    let mut rng = run.rng();
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let log = Log::new();
    let talkers = [(&ada, Behaviour::Sends), (&ada, Behaviour::Sends), (&grace, Behaviour::Sends)];
    let talking = ClientPool::start(&log, &room, &talkers, &mut rng);
    let missed = run.full_size(1_000, 10_000);
    let started = Instant::now();
    log.acknowledged(missed).await;
    let (filling, before) = (started..Instant::now(), node.memory());
    let late = vec![(&grace, Behaviour::Reads); run.full_size(2, 8)];
    let (started, all) = (Instant::now(), log.resumed(late.len()));
    let listening = ClientPool::start(&log, &room, &late, &mut rng);
    all.await;
    let catching_up = started..Instant::now();
    let memory = node.memory();
    let final_state = talking.end(&ada).await;
    listening.end(&ada).await;
    let counts = log.verify(&[final_state]);
    assert!(memory.peak < MEMORY, "{memory:?}");
    let (without, with) = (log.waits(filling), log.waits(catching_up.clone()));
    assert!(with.longest < HELD_UP, "{with}");
    run.print(format_args!(
        "{store:?}, {missed} messages missed by {}: {counts}; all caught up after {:.1?}; before that {without}; meanwhile {with}; {}",
        late.len(),
        catching_up.end - catching_up.start,
        grown(before, memory)
    ));
}
