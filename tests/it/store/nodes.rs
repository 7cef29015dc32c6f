//! Nodes. Only PostgreSQL has them.

use std::time::Duration;

use chinwag::domain::session::SessionKey;
use chinwag::domain::{Incarnation, SessionId, UserId};
use chinwag::limits::POSTGRES_READERS;
use chinwag::store::{ClusterIdentity, Renewal};
use futures_util::future::select_all;
use uuid::Uuid;

use super::Fixture;
use crate::support::lock_holder::LockHolder;

/// Far longer than a test.
const LONG: Duration = Duration::from_secs(3_600);
/// A lease that ends as it begins.
const NONE: Duration = Duration::ZERO;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_used_by_one_process() {
    assert!(Fixture::sqlite().await.nodes().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_identity_is_the_one_of_all() {
    let fixture = Fixture::postgres().await;
    let other = fixture.another().await;
    let (first, second) = [1, 2].map(|n| ClusterIdentity { id: Uuid::from_u128(n), shard_count: 256 }).into();
    assert_eq!(fixture.nodes().unwrap().cluster(first).await, Ok(first));
    assert_eq!(other.nodes().unwrap().cluster(second).await, Ok(first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_lives_as_long_as_its_lease() {
    let fixture = Fixture::postgres().await;
    let nodes = fixture.nodes().unwrap();
    let (one, other) = (Incarnation::new(), Incarnation::new());
    let renewal = |is_new, others: &[Incarnation]| Ok((is_new, others.to_vec()));
    let renew = async |node, lease| {
        let renewed = nodes.renew_lease(node, lease, LONG).await;
        renewed.map(|Renewal { is_new, others, .. }| (is_new, others))
    };
    assert_eq!(renew(one, LONG).await, renewal(true, &[]));
    assert_eq!(renew(other, NONE).await, renewal(true, &[one]));
    assert_eq!(renew(one, LONG).await, renewal(false, &[]), "the other's lease is over");
    assert_eq!(renew(other, LONG).await, renewal(true, &[one]));
    assert_eq!(renew(one, LONG).await, renewal(false, &[other]));
    nodes.end_lease(other).await.unwrap();
    assert_eq!(renew(one, LONG).await, renewal(false, &[]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_nodes_are_kept_for_a_while() {
    let fixture = Fixture::postgres().await;
    let nodes = fixture.nodes().unwrap();
    nodes.renew_lease(Incarnation::new(), NONE, LONG).await.unwrap();
    nodes.renew_lease(Incarnation::new(), NONE, LONG).await.unwrap();
    assert_eq!(fixture.count("SELECT count(*) FROM nodes").await, 2);
    nodes.renew_lease(Incarnation::new(), LONG, NONE).await.unwrap();
    assert_eq!(fixture.count("SELECT count(*) FROM nodes").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_waits_for_no_reader() {
    let fixture = Fixture::postgres().await;
    let (nodes, node) = (fixture.nodes().unwrap(), Incarnation::new());
    let locked = LockHolder::new(&fixture.url, "LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await;
    let session = || SessionKey { user_id: UserId::new(), id: SessionId::new() };
    let reads = select_all((0..POSTGRES_READERS).map(|_| fixture.session(session())));
    let lease = async {
        locked.waits(POSTGRES_READERS.into()).await;
        (nodes.renew_lease(node, LONG, LONG).await, nodes.end_lease(node).await)
    };
    tokio::select! {
        biased;
        (read, ..) = reads => panic!("a reader is free again: {read:?}"),
        outcome = lease => assert_eq!(outcome, (Ok(Renewal { is_new: true, others: Vec::new(), store_time: None }), Ok(()))),
    }
}
