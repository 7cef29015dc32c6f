//! The way of envelopes from node to node.

use bytes::Bytes;
use chinwag::bus::{Audience, Bus, Envelope};
use chinwag::domain::{ConversationId, SessionId, UserId};
use chinwag::limits::NATS_SUBSCRIPTIONS_MAX;
use serde_json::Value;
use tokio::time::timeout;

use super::{Heard, SHARDS, TestNode, beside, crowd};
use crate::support::nats::Nats;
use crate::support::socket::TEST_TIMEOUT;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_gets_what_its_clients_need() {
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    crowd([&one, &other]);
    let needed = ConversationId::new();
    let foreign = ConversationId(beside(beside(needed.0)));
    other.joins(needed.0).await;
    one.publish(foreign, "for nobody there");
    one.publish(needed, "hello");
    one.cluster.publish(Envelope::SessionsEnded(vec![SessionId::new()]));
    let mut heard = Vec::new();
    while heard.len() < 2 {
        match other.next().await {
            Heard::Envelope(Envelope::Events(events)) => heard.push(events[0].conversation_id),
            Heard::Envelope(Envelope::SessionsEnded(_)) => heard.push(ConversationId::FIRST),
            Heard::Compare => {}
            unexpected @ Heard::Envelope(_) => panic!("{unexpected:?}"),
        }
    }
    heard.sort_unstable();
    assert_eq!(heard, [ConversationId::FIRST, needed], "and nothing of the other conversation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_brings_a_node_nothing_that_it_sent_itself() {
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    let (id, text) = (ConversationId::new(), "a".repeat(100_000));
    other.joins(id.0).await;
    one.publish(id, &text);
    assert_eq!(other.events_of(id).await, text);
    let bytes = |connection: &Value| ["in_bytes", "out_bytes"].map(|name| connection[name].as_u64().unwrap());
    let mut connections: Vec<[u64; 2]> = nats.connections().await.iter().map(bytes).collect();
    connections.sort_unstable();
    let [[_, heard], [sent, own]] = connections[..] else { panic!("{connections:?}") };
    assert!(sent > 100_000 && heard > 100_000, "{connections:?}");
    assert!(own < 100_000, "{connections:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_reaches_the_nodes_of_its_users_once() {
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    crowd([&one, &other]);
    let users: Vec<UserId> = (0..3).map(|_| UserId::new()).collect();
    for user in &users {
        other.joins(user.0).await;
    }
    let audience = Audience::Users { user_ids: users.clone(), conversation_id: None };
    one.cluster.publish(Envelope::Ephemeral { audience, frame: Bytes::from_static(b"{}") });
    let mut told = Vec::new();
    while told.len() < users.len() {
        match other.next().await {
            Heard::Envelope(Envelope::Ephemeral { audience: Audience::Users { user_ids, .. }, .. }) => {
                told.extend(user_ids);
            }
            Heard::Compare => {}
            unexpected @ Heard::Envelope(_) => panic!("{unexpected:?}"),
        }
    }
    told.sort_unstable();
    assert_eq!(told, users);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_many_clients_takes_everything_and_a_smaller_one_less_again() {
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    crowd([&one, &other]);
    let mut ids: Vec<ConversationId> = Vec::new();
    while other.interest.shards().len() <= NATS_SUBSCRIPTIONS_MAX {
        let id = ConversationId::new();
        other.interest.add(id.0);
        ids.push(id);
    }
    other.compares().await;
    let needed = other.interest.shards();
    let elsewhere = std::iter::repeat_with(ConversationId::new).find(|id| !needed.contains(&SHARDS.of(id.0))).unwrap();
    // The subscription to everything may begin with the next comparison.
    timeout(TEST_TIMEOUT, async { while one_round(&one, &mut other, elsewhere).await != 1 {} }).await.unwrap();

    for id in ids.drain(1..) {
        other.interest.remove(id.0);
    }
    other.compares().await;
    timeout(TEST_TIMEOUT, async { while one_round(&one, &mut other, elsewhere).await != 0 {} }).await.unwrap();
    // The end of the session comes on another subject, and may overtake the event.
    timeout(TEST_TIMEOUT, async { while one_round(&one, &mut other, ids[0]).await == 0 {} })
        .await
        .expect("but what it needs");
    assert_eq!(other.cluster.refused.stale.count(), 0, "and no packet twice while it changed");
}

/// Publishes an event and a session's end, which all nodes get after it. Returns how often the event came. The end may be lost while the node
/// changes its subscriptions, after which it compares itself with the store.
async fn one_round(one: &TestNode, other: &mut TestNode, id: ConversationId) -> usize {
    one.publish(id, "a");
    let session = SessionId::new();
    one.cluster.publish(Envelope::SessionsEnded(vec![session]));
    let mut events = 0;
    loop {
        match other.next().await {
            Heard::Envelope(Envelope::Events(all)) => {
                events += all.iter().filter(|of| of.conversation_id == id).count();
            }
            Heard::Envelope(Envelope::SessionsEnded(ended)) if ended == [session] => return events,
            Heard::Compare => return events,
            Heard::Envelope(_) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_sends_what_waits() {
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    let id = ConversationId::new();
    other.joins(id.0).await;
    one.publish(id, "the last");
    one.stop.cancel();
    one.tasks.wait().await;
    assert_eq!(other.events_of(id).await, "the last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_nats_does_not_take_is_told_by_its_head() {
    let nats = Nats::with("max_payload: 1024").await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    let id = ConversationId::new();
    other.joins(id.0).await;
    one.publish(id, &"a".repeat(900));
    assert_eq!(other.events_of(id).await.len(), 900);
    one.publish(id, &"a".repeat(1_000));
    assert_eq!(other.hints().await.heads, [(id, 1)]);
}
