//! The connection to PostgreSQL is lost in COMMIT. The batch's retry finds what is committed and unacknowledged, and commits what
//! is not committed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Fixture, ON_SOCKETS, PROMISED, SLACK};
use crate::support::history::Entry;
use crate::support::node::Node;
use crate::support::postgres::{connect, database};
use crate::support::proxy::{Flow, by_proxy};
use crate::support::rng::FaultRun;
use crate::support::server::Server;

/// The protocol message that commits: its type, length and text.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
/// Far longer than a batch takes.
const A_MOMENT: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_connection_lost_in_commit() {
    let run = FaultRun::new("PostgreSQL's connection lost in COMMIT");
    let mut rng = run.rng();
    let url = database().await;
    let (proxy, far_url) = by_proxy(&url);
    let fixture = Fixture::begin(Node::with(&["--database-url", &far_url]), &mut rng).await;
    let near = connect(&url).await;
    let committed = async || near.query_one("SELECT max(last_seq) FROM counters", &[]).await.unwrap().get::<_, i64>(0);
    // A cut is short, so that there can be many.
    let rounds = 3 * run.rounds(2);
    let (mut recoveries, mut in_doubt) = (Vec::new(), 0);
    for round in 0..rounds {
        fixture.a_moment(&mut rng).await;
        if round % 3 == 0 {
            // At any moment of a batch.
            tokio::time::sleep(Duration::from_micros(rng.in_range(0..5_000))).await;
        } else {
            // After a COMMIT and before its response.
            proxy.set_from_target(Flow::Hold);
            let before = committed().await;
            // At most one more batch is committed, if any.
            let _ = timeout(A_MOMENT, async { while committed().await == before {} }).await;
            in_doubt += committed().await - newest_acknowledged(&fixture);
        }
        proxy.cut();
        proxy.set_from_target(Flow::Pass);
        let cut = Instant::now();
        fixture.log.acknowledged(1).await;
        recoveries.push(cut.elapsed());
    }
    let final_state = fixture.clients.end(&fixture.ada).await;
    let counts = fixture.log.verify(&[final_state]);
    let answers = fixture.log.response_stats();
    let slowest = recoveries.iter().max().unwrap();
    run.print(format_args!(
        "{rounds} cuts, {in_doubt} messages committed and not acknowledged by then: {counts}; {answers}; talking again within {slowest:.1?}"
    ));
    assert!(in_doubt > 0, "no answer was lost");
    assert_eq!(counts.connections, ON_SOCKETS, "sockets stay open: {counts}");
    assert!(answers.untyped.is_empty() && answers.unanswered == 0, "{answers:?}");
    assert!(*slowest < PROMISED + SLACK, "{recoveries:?}");
}

/// Returns the newest acknowledged number.
fn newest_acknowledged(fixture: &Fixture) -> i64 {
    let acknowledged = fixture.log.entries().into_iter().filter_map(|entry| match entry {
        Entry::Acknowledged { seq, .. } => Some(seq),
        _ => None,
    });
    acknowledged.max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_commit_lost_before_it_arrives() {
    let url = database().await;
    let (proxy, far_url) = by_proxy(&url);
    let server = Server::with(&["--database-url", &far_url]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let mut theirs = grace.connect(&room.socket).await;
    let mut last_seq: i64 = 0;
    for _ in 0..5 {
        proxy.end_before(COMMIT);
        // PostgreSQL has numbered the batch, and has sent the numbers, before the COMMIT is lost.
        let bodies: Vec<Value> = (0..3).map(|_| json!({"id": Uuid::now_v7(), "content": "once"})).collect();
        let sent = join_all(bodies.iter().map(|body| ada.post(&room.messages, body))).await;
        proxy.ended().await;
        let mut acknowledged: Vec<(i64, String)> = Vec::new();
        for (answer, body) in sent.into_iter().zip(&bodies) {
            let message = answer.expect(201).json();
            assert_eq!(message["id"], body["id"]);
            acknowledged.push((message["seq"].as_i64().unwrap(), message["id"].to_string()));
        }
        acknowledged.sort();
        for (seq, id) in acknowledged {
            last_seq += 1;
            assert_eq!(seq, last_seq);
            let received = theirs.next_of(&["message.new"]).await;
            assert_eq!((&received["seq"], received["message"]["id"].to_string()), (&json!(seq), id));
        }
    }

    // The retry of a command that is alone in its batch commits too.
    let message = ada.send(&room, "a draft").await;
    theirs.next_of(&["message.new"]).await;
    let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
    let alone = [
        (&path, json!({"content": "revised"}), "message.updated"),
        (&room.path, json!({"name": "Dinner"}), "conversation.updated"),
    ];
    last_seq += 1;
    for (path, body, kind) in alone {
        proxy.end_before(COMMIT);
        ada.patch(path, &body).await.expect(200);
        proxy.ended().await;
        last_seq += 1;
        assert_eq!(theirs.next_of(&[kind]).await["seq"], last_seq, "{kind}");
    }

    // An operation without a retry is refused, and is not stored.
    let group = json!({"type": "group", "name": "Never", "member_ids": [grace.id]});
    let mut created = 0;
    let refused = loop {
        proxy.end_before(COMMIT);
        let answer = ada.post("/v1/conversations", &group).await;
        proxy.ended().await;
        if answer.status != 201 {
            break answer;
        }
        // The COMMIT of the index of messages was lost instead, which comes by itself.
        created += 1;
        assert!(created < 5, "{answer:?}");
    };
    assert_eq!(refused.problem(), (503, "unavailable".to_owned()));

    let near = connect(&url).await;
    let stored =
        "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM changes), (SELECT count(*) FROM conversations)";
    let row = near.query_one(stored, &[]).await.unwrap();
    assert_eq!([0, 1, 2].map(|column| row.get::<_, i64>(column)), [last_seq - 1, 1, 1 + created]);
}
