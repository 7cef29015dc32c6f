//! The connection to PostgreSQL lost in COMMIT: what is committed and nobody was told of is found by the batch's next try.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::postgres::by_proxy;
use super::{ON_SOCKETS, PROMISED, SLACK, Scene};
use crate::support::chance::Run;
use crate::support::history::Entry;
use crate::support::node::Node;
use crate::support::postgres::{connect, database};
use crate::support::proxy::Flow;

/// Far longer than a batch takes.
const A_MOMENT: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_connection_lost_in_commit() {
    let run = Run::new("PostgreSQL's connection lost in COMMIT");
    let mut chance = run.chance();
    let url = database().await;
    let (proxy, far_url) = by_proxy(&url);
    let scene = Scene::begin(Node::with(&["--database-url", &far_url]), &mut chance).await;
    let near = connect(&url).await;
    let committed = async || near.query_one("SELECT max(last_seq) FROM counters", &[]).await.unwrap().get::<_, i64>(0);
    // A cut is over at once, so that there can be many.
    let rounds = 3 * run.rounds(2);
    let (mut recoveries, mut in_doubt) = (Vec::new(), 0);
    for round in 0..rounds {
        scene.a_moment(&mut chance).await;
        if round % 3 == 0 {
            // Anywhere in a batch's life.
            tokio::time::sleep(Duration::from_micros(chance.within(0..5_000))).await;
        } else {
            // After a COMMIT, before its answer comes back.
            proxy.back(Flow::Keep);
            let before = committed().await;
            // At most one more batch is committed; or it has been already.
            let _ = timeout(A_MOMENT, async { while committed().await == before {} }).await;
            in_doubt += committed().await - newest_acknowledged(&scene);
        }
        proxy.cut();
        proxy.back(Flow::Pass);
        let cut = Instant::now();
        scene.log.acknowledged(1).await;
        recoveries.push(cut.elapsed());
    }
    let truth = scene.crowd.end(&scene.ada).await;
    let counts = scene.log.verify(&[truth]);
    let answers = scene.log.answers();
    let slowest = recoveries.iter().max().unwrap();
    run.tell(format_args!(
        "{rounds} cuts, {in_doubt} messages committed and not told by then: {counts}; {answers}; talking again within {slowest:.1?}"
    ));
    assert!(in_doubt > 0, "no answer was lost");
    assert_eq!(counts.connections, ON_SOCKETS, "sockets stay open: {counts}");
    assert!(answers.untyped.is_empty() && answers.unanswered == 0, "{answers:?}");
    assert!(*slowest < PROMISED + SLACK, "{recoveries:?}");
}

/// The newest number that a sender was told.
fn newest_acknowledged(scene: &Scene) -> i64 {
    let told = scene.log.entries().into_iter().filter_map(|entry| match entry {
        Entry::Acknowledged { seq, .. } => Some(seq),
        _ => None,
    });
    told.max().unwrap_or(0)
}
