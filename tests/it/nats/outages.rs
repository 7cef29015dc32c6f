//! NATS is killed, paused and started again.

use chinwag::domain::ConversationId;
use chinwag::limits::OUTBOUND_BYTES_MAX;
use tokio::task::block_in_place;
use uuid::Uuid;

use super::{SECRET, TestNode, TlsFiles, introduce};
use crate::support::nats::Nats;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_compare_when_nats_returns_and_go_on() {
    let mut nats = Nats::start().await;
    let [mut one, mut other] = TestNode::several(&nats.url("")).await;
    let id = ConversationId::new();
    other.joins(id.0).await;
    block_in_place(|| nats.kill());
    one.publish(id, "lost or late");
    block_in_place(|| nats.start_again());
    // Each compares when it is back. Each also tells the other to, which the other may miss, if it is back later.
    one.compares().await;
    other.compares().await;
    one.publish(id, "and on");
    while other.events_of(id).await != "and on" {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_does_not_need_nats() {
    let mut nats = Nats::start().await;
    block_in_place(|| nats.kill());
    let (url, no_tls, cluster_id) = (nats.url(""), TlsFiles::default(), Uuid::now_v7());
    let mut nodes = [
        TestNode::start(&url, &no_tls, cluster_id, SECRET).await,
        TestNode::start(&url, &no_tls, cluster_id, SECRET).await,
    ];
    block_in_place(|| nats.start_again());
    introduce(&mut nodes).await;
    let [one, other] = &mut nodes;
    let id = ConversationId::new();
    other.joins(id.0).await;
    one.publish(id, "hello");
    assert_eq!(other.events_of(id).await, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_that_is_paused_holds_up_nobody() {
    let nats = Nats::start().await;
    let [one, mut other] = TestNode::several(&nats.url("")).await;
    let id = ConversationId::new();
    other.joins(id.0).await;
    nats.pause();
    // Far more than the queue, the client and the kernel take.
    let text = "a".repeat(100_000);
    for _ in 0..4 * OUTBOUND_BYTES_MAX / text.len() {
        one.publish(id, &text);
    }
    nats.resume();
    other.compares_or_is_told_to().await;
    one.publish(id, "and on");
    while other.events_of(id).await != "and on" {}
}
