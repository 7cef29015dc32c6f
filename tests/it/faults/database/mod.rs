//! The store in trouble, under load: every call is answered in time and typed, sockets stay open, health says so, nothing that
//! was acknowledged is lost and nothing doubled, and all goes on by itself soon after the trouble's end.

mod cut;
mod heartbeat;
mod postgres;
mod presence;
mod questions;
mod read_only;
mod sqlite;

use std::time::{Duration, Instant};

use super::Fixture;
use crate::support::chance::Run;
use crate::support::client::Person;
use crate::support::node::Node;
use questions::{Questions, send_once};

/// What is promised: every call is answered, and a store that is back is used again, within so long.
const PROMISED: Duration = Duration::from_secs(5);
/// What a machine that is busy with other tests may add.
const SLACK: Duration = Duration::from_secs(4);
/// How long a fault lasts: ordinarily at least, and where somebody wants to know.
const LENGTHS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];
/// Of the rounds that are asked for, so many are one of these, each of which takes long.
const ROUNDS_IN_ONE: usize = 10;
/// Those of [`Fixture`] who are on a WebSocket.
const ON_SOCKETS: usize = 3;

/// Trouble that lasts until it is ended.
trait Fault {
    /// Whether the store as a whole is of no use meanwhile, so that health must say so.
    const IS_TOTAL: bool = true;

    async fn begin(&mut self);
    async fn end(&mut self);
}

/// Puts a server through rounds of a fault.
async fn endure<F: Fault>(name: &'static str, node: Node, fault: impl AsyncFnOnce(&Fixture) -> F) {
    let run = Run::new(name);
    let mut chance = run.chance();
    let scene = Fixture::begin(node, &mut chance).await;
    let mut fault = fault(&scene).await;
    let questions = Questions::begin(&scene);
    let rounds = run.rounds(1).div_ceil(ROUNDS_IN_ONE);
    let (mut talking, mut well) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        scene.a_moment(&mut chance).await;
        questions.until(true).await;
        let newcomer = Person::login(scene.node.address, "alan").await;
        let begun = Instant::now();
        fault.begin().await;
        // Nobody has asked for this session yet.
        let fresh = tokio::spawn(send_once(newcomer, scene.room.clone(), scene.log.clone()));
        scene.log.refused(1).await;
        if F::IS_TOTAL {
            questions.until(false).await;
        }
        tokio::time::sleep_until((begun + LENGTHS[usize::from(run.is_thorough())]).into()).await;
        fault.end().await;
        let ended = Instant::now();
        scene.log.acknowledged(1).await;
        talking.push(ended.elapsed());
        questions.until(true).await;
        well.push(ended.elapsed());
        fresh.await.unwrap();
    }
    let asked = questions.end().await;
    let truth = scene.crowd.end(&scene.ada).await;
    let counts = scene.log.verify(&[truth]);
    let answers = scene.log.answers();
    let slowest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    run.tell(format_args!(
        "{rounds} rounds: {counts}; {answers}; talking again within {:.1?}, health well within {:.1?}; asked meanwhile: {asked}",
        slowest(&talking),
        slowest(&well)
    ));
    assert_eq!(counts.connections, ON_SOCKETS, "sockets stay open: {counts}");
    assert!(answers.untyped.is_empty() && answers.unanswered == 0 && answers.told >= rounds, "{answers:?}");
    assert!(slowest(&answers.slowest) < PROMISED + SLACK, "{answers:?}");
    assert!(slowest(&talking) < PROMISED + SLACK, "{talking:?}");
    assert!(slowest(&well) < PROMISED + SLACK, "{well:?}");
    asked.verify(PROMISED + SLACK, F::IS_TOTAL);
}
